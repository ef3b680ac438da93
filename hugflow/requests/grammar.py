"""The allowed values of each field of a request.

There is one function for each field, with the field's name. It returns the value, or raises
FieldInvalid with the reason and the fix. A reason never repeats the value: people paste tokens into
request files, and messages end up in logs and comments.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Final, TypeAlias

from hugflow.audio.encoding import BITRATE_KBPS_BY_RATE, BITRATES_KBPS
from hugflow.audio.quality import Measure
from hugflow.nearest import nearest_name
from hugflow.requests.keep import KeepInvalid, parse_keep
from hugflow.show_key import show_key

# Forms of a dataset for other tools; `hugflow.exports` writes them.
EXPORTS: Final = (
    "nemo",
    "lhotse",
    "metadata",
    "kaldi",
    "espnet",
    "ljspeech",
    "coqui",
    "f5_tts",
    "speechbrain",
    "croissant",
    "webdataset",
    "shar",
)
DEFAULT_EXPORTS: Final = ("nemo", "lhotse", "metadata")
# Powers of 1000, as on the labels of disks.
BYTES_PER_GB = 10**9
MAX_PROSE_CHARACTERS = 2_000
MAX_AUDIO_COLUMNS = 16
MAX_REVISION_CHARACTERS = 255
MAX_SUBSET_CHARACTERS = 128
MAX_SPLIT_CHARACTERS = 255
MAX_COLUMN_CHARACTERS = 200
MAX_JOINT_CHARACTERS = 20
MAX_OWNER_CHARACTERS = 200
MAX_OTHERS: Final = 100
PUBLISH_TO_PATTERN = (
    r"((hf://(datasets/)?)?[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
    r"|(?!hf:)[a-z][a-z0-9+.-]{0,19}://[^\s?#\x00-\x1f]{1,400})"
)
MAX_CLIP_HOURS = 1_000_000
MAX_BAD_ROWS = 10**9

HF_ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
SPLIT_PATTERN = r"\w+(\.\w+)*"
PERCENT_PATTERN = r"(100(\.0{1,3})?|[0-9]{1,2}(\.[0-9]{1,3})?)%"

BadRowBudget: TypeAlias = int | str
"""How many rows may fail: a count, or a percentage such as `"1%"`."""

# Trojan source: these characters reorder or hide text on the pull request's page.
_REORDERING = "\u202a-\u202e\u2066-\u2069"
_REORDERING_OR_HIDDEN = (
    _REORDERING + "\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u2060-\u2064\u206a-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_CONTROL = r"\x00-\x1f\x7f-\x9f"
_SURROGATE = "\ud800-\udfff"
_REFUSED_IN_PROSE = re.compile(f"(?![\t\n\r])[{_CONTROL}{_SURROGATE}{_REORDERING}]")
_REFUSED_IN_NAMES = re.compile(f"[{_CONTROL}{_SURROGATE}{_REORDERING_OR_HIDDEN}]")


class FieldInvalid(ValueError):
    """A field has a value that it may not have.

    A ValueError, so that pydantic collects it; it carries `reason` and `mend`.
    field: the field that is at fault, if the rule is about several.
    path: keys and numbers that lead from the field's value to what is at fault.
    """

    def __init__(
        self,
        reason: str,
        *,
        mend: str,
        field: str | None = None,
        path: tuple[str | int, ...] = (),
    ) -> None:
        """Keep the parts as attributes."""
        super().__init__(f"{reason}; {mend}")
        self.field = field
        self.path = path
        self.reason = reason
        self.mend = mend


def hf_id(value: str) -> str:
    """`owner/name` as on the Hub: ASCII, both parts at most 96 characters."""
    mend = 'write "owner/name" as in the dataset\'s address on the Hub'
    if "://" in value:
        raise FieldInvalid("is an address, not an id", mend=f"{mend}, and nothing else")
    _refuse_surrounding_space(value, 'hf_id: "owner/name"')
    if not value.isascii():
        character = next(character for character in value if not character.isascii())
        raise FieldInvalid(
            f"holds {code_point(character)}, which is not an ASCII character",
            mend=f"{mend}; letters that look alike are other letters: type it again",
        )
    parts = value.split("/")
    if len(parts) != 2:
        raise FieldInvalid(f"has {len(parts) - 1} slashes instead of one", mend=mend)
    for place, part in zip(("owner", "name"), parts, strict=True):
        _refuse_hub_part(place, part, mend)
    return value


def revision(value: str) -> str:
    """A branch, a tag, `refs/...` or a commit, by the rules of `git check-ref-format`.

    On top of git's rules (https://git-scm.com/docs/git-check-ref-format): at most 255 characters,
    no white space, no invisible character of any alphabet, no `-` at the beginning.
    """
    mend = "name a branch, a tag, refs/... or a commit of 40 hex digits, as git writes it"
    _refuse_length(value, MAX_REVISION_CHARACTERS)
    _refuse_surrounding_space(value, 'revision: "main"')
    _refuse_characters(value, _REFUSED_IN_NAMES)
    if any(character.isspace() for character in value):
        raise FieldInvalid("holds white space", mend=mend)
    if found := re.search(r"[~^:?*\[\\]", value):
        raise FieldInvalid(f'holds "{found[0]}", which git allows in no name', mend=mend)
    for forbidden in ("..", "@{", "//"):
        if forbidden in value:
            raise FieldInvalid(f'holds "{forbidden}", which git allows in no name', mend=mend)
    if value == "@":
        raise FieldInvalid('is "@" alone, which is a shorthand and no name', mend=mend)
    if value.startswith(("/", "-")) or value.endswith(("/", ".")):
        raise FieldInvalid("begins with / or -, or ends with / or a full stop", mend=mend)
    if any(part.startswith(".") or part.endswith(".lock") for part in value.split("/")):
        raise FieldInvalid('has a part that begins with "." or ends in ".lock"', mend=mend)
    return value


def subset(value: str) -> str:
    """The name of one of the dataset's configurations."""
    mend = "write the subset as the dataset's page on the Hub lists it, or delete the line"
    _refuse_length(value, MAX_SUBSET_CHARACTERS)
    _refuse_blank(value, mend)
    _refuse_characters(value, _REFUSED_IN_NAMES)
    for forbidden in ("/", "\\", ".."):
        if forbidden in value:
            raise FieldInvalid(f'holds "{forbidden}", which no subset may', mend=mend)
    return value


def split(value: str) -> str:
    """The name of one split: words joined by full stops; no slice and no sum of splits."""
    if "[" in value or "]" in value:
        raise FieldInvalid(
            "asks for a slice of a split",
            mend="name the whole split; sums and slices are not requests",
        )
    if "+" in value:
        raise FieldInvalid("asks for a sum of splits", mend="write one request for each split")
    mend = "write one split as the dataset's page on the Hub lists it, such as train"
    _refuse_length(value, MAX_SPLIT_CHARACTERS)
    _refuse_surrounding_space(value, 'split: "train"')
    if not re.fullmatch(SPLIT_PATTERN, value):
        raise FieldInvalid("is not letters, digits, underscores and full stops between", mend=mend)
    return value


def column(value: str) -> str:
    """The name of one of the dataset's columns."""
    mend = "write the column as the dataset's page on the Hub lists it, or delete the line"
    _refuse_length(value, MAX_COLUMN_CHARACTERS)
    _refuse_blank(value, mend)
    _refuse_characters(value, _REFUSED_IN_NAMES)
    return value


def audio_columns(value: object) -> tuple[str, ...]:
    """The names of one or more columns, the main one first; each once."""
    mend = "write the main column first: [audio, target_audio]"
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise FieldInvalid("is not a list of the names of columns", mend=mend)
    if not 1 <= len(value) <= MAX_AUDIO_COLUMNS:
        raise FieldInvalid(
            f"has {len(value)} names, where 1 to {MAX_AUDIO_COLUMNS} are taken", mend=mend
        )
    names = tuple(map(column, value))
    if len(set(names)) < len(names):
        raise FieldInvalid("names a column twice", mend="name each column once")
    return names


def joint(value: str) -> str:
    """What the texts of a list are joined by; it may be a space, and may be empty."""
    if value:
        _refuse_length(value, MAX_JOINT_CHARACTERS)
    _refuse_characters(value, _REFUSED_IN_NAMES)
    return value


def prose(value: str) -> str:
    """One or more sentences for people: `description` and `reason`, stripped."""
    text = value.strip()
    _refuse_blank(text, "say it in a few words")
    _refuse_length(text, MAX_PROSE_CHARACTERS)
    _refuse_characters(text, _REFUSED_IN_PROSE)
    return text


def owner(value: str) -> str:
    """Who is responsible for the dataset: an e-mail address, a team, a name."""
    _refuse_length(value, MAX_OWNER_CHARACTERS)
    _refuse_blank(value, "name a person or a team, or delete the line")
    _refuse_characters(value, _REFUSED_IN_NAMES)
    return value


def max_bad_rows(value: object) -> BadRowBudget:
    """A count from 0, or a percentage from "0%" to "100%" with at most three decimals."""
    mend = 'write a count such as 20, or a percentage such as "1%"'
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= MAX_BAD_ROWS:
            raise FieldInvalid(f"is not a count between 0 and {MAX_BAD_ROWS:,}", mend=mend)
        return value
    if isinstance(value, str) and re.fullmatch(PERCENT_PATTERN, value):
        return value
    if isinstance(value, str) and re.fullmatch("[0-9]+", value):
        raise FieldInvalid("is text, not a number", mend="take the quotes away, or add a %")
    raise FieldInvalid("is neither a count nor a percentage between 0% and 100%", mend=mend)


def bad_rows_setting(value: object) -> BadRowBudget:
    """The same as a setting; a count comes as text, because the environment has only text."""
    is_count = isinstance(value, str) and value.isascii() and value.isdecimal()
    return max_bad_rows(int(str(value)) if is_count else value)


def max_clip_hours(value: object) -> float:
    """A number of hours, 0 for any length."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= float(str(value)) <= MAX_CLIP_HOURS:
        raise FieldInvalid(
            f"is not a number of hours between 0 and {MAX_CLIP_HOURS:,}",
            mend="write a number such as 12, or 0 for no limit",
        )
    return float(str(value))


def keep(value: str) -> str:
    """An expression over columns and quality; see `hugflow.requests.keep`."""
    try:
        parse_keep(value)
    except KeepInvalid as error:
        raise FieldInvalid(
            f"cannot be read: {error}",
            mend="write tests such as `snr > 15 and duration between 1 and 30`",
        ) from error
    return value


def no_overlap_with(value: object) -> tuple[str, ...]:
    """Names of datasets, or `hf_id#split`."""
    mend = 'write a list such as ["acme/speech#test"]'
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise FieldInvalid("is not a list of datasets", mend=mend)
    if len(value) > MAX_OTHERS:
        raise FieldInvalid(f"names more than {MAX_OTHERS} datasets", mend=mend)
    for each in value:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}(#\w+(\.\w+)*)?", each):
            raise FieldInvalid("names no dataset", mend=mend)
    return tuple(value)


def publish_to(value: str) -> str:
    """Where the dataset is pushed to: `owner/name` of the Hub, or an address of fsspec."""
    mend = "write owner/name of the Hub, or an address such as s3://bucket/folder"
    scheme, is_address, place = value.partition("://")
    if not re.fullmatch(PUBLISH_TO_PATTERN, value):
        raise FieldInvalid("is neither a repository of the Hub nor an address", mend=mend)
    if "::" in value:
        raise FieldInvalid("is a chain of addresses", mend=mend)
    if "%" in value or "\\" in value or {".", ".."} & {*place.split("/")}:
        raise FieldInvalid("has a part that leads elsewhere, such as `..`", mend=mend)
    if is_address and scheme != "hf" and "@" in place.partition("/")[0]:
        raise FieldInvalid(
            "has a user or a password in it",
            mend="leave them out: they are taken from the environment, and requests are public",
        )
    return value


def measure(value: object) -> Measure:
    """Whether clips are measured: true, false, or all for copied MP3s too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value == "all":
        return "all"
    raise FieldInvalid(
        "is none of true, false and all",
        mend="write true, false without quotes, or all to measure copied MP3s too",
    )


def measure_setting(value: object) -> Measure:
    """The same as a setting, in any case; the environment has only text."""
    text = str(value).strip().lower()
    return measure({"true": True, "false": False}.get(text, text))


@contextmanager
def at(*path: str | int) -> Iterator[None]:
    """Say of a FieldInvalid of the block where, below the field, its value is."""
    try:
        yield
    except FieldInvalid as error:
        error.path = (*path, *error.path)
        raise


def refuse_unknown_keys(value: Iterable[object], known: Sequence[str], what: str = "") -> None:
    """Raise FieldInvalid for a key that is not known, with the nearest known one.

    what: the mapping, for the message, such as `step 2 `; "" for the field itself.
    """
    for key in value:
        if key not in known:
            near = nearest_name(str(key), known)
            mend = f"did you mean {near}?" if near else f"the keys are {', '.join(known)}"
            reason = f"{what}has the unknown key {show_key(str(key))}"
            raise FieldInvalid(reason, mend=mend, path=(str(key),))


def mp3_quality(value: object) -> int:
    """LAME's quality, from 0, the best and slowest, to 9."""
    if type(value) is not int or not 0 <= value <= 9:
        raise FieldInvalid(
            "is no whole number from 0 to 9",
            mend="write 3, the default, or less for better sound and slower encoding",
        )
    return value


def mp3_bitrate(value: object) -> int:
    """A bitrate in kbit/s that MPEG's tables have."""
    known = ", ".join(map(str, BITRATES_KBPS))
    if type(value) is not int or value not in BITRATES_KBPS:
        raise FieldInvalid(
            "is no bitrate of an MP3 in kbit/s", mend=f"write one of {known}, without quotes"
        )
    return value


def sample_rate(value: object) -> int:
    """One of the nine sampling rates of MP3, in Hz."""
    known = ", ".join(map(str, sorted(BITRATE_KBPS_BY_RATE)))
    if type(value) is not int or value not in BITRATE_KBPS_BY_RATE:
        raise FieldInvalid(
            "is no sampling rate of an MP3 in Hz", mend=f"write one of {known}, without quotes"
        )
    return value


def exports(value: object) -> tuple[str, ...]:
    """Names of exports, each once; an empty list for none."""
    mend = f"write a list of {', '.join(EXPORTS)}; or [] for none"
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise FieldInvalid("is not a list of names", mend=mend)
    for name in value:
        if name not in EXPORTS:
            near = nearest_name(name, EXPORTS)
            hint = f'did you mean "{near}"? ' if near is not None else ""
            raise FieldInvalid("names an export that does not exist", mend=f"{hint}{mend}")
    if len(set(value)) < len(value):
        raise FieldInvalid("names an export twice", mend="delete one of the two")
    return tuple(value)


def exports_setting(value: object) -> tuple[str, ...]:
    """The same as a setting: names with commas between them, `none` for none; or a list."""
    if not isinstance(value, str):
        return exports(value)
    names = [name.strip() for name in value.split(",") if name.strip()]
    return () if names == ["none"] else exports(names)


def allowed_bad_rows(budget: BadRowBudget, rows: int) -> int:
    """How many of `rows` may fail before the dataset is refused.

    A percentage is rounded up, so any percentage above 0 allows at least one row; a count is used
    as it is.
    """
    if isinstance(budget, int):
        return budget
    return math.ceil(rows * Fraction(budget.removesuffix("%")) / 100)


def code_point(character: str) -> str:
    """The name of a character, without the character: `U+202E RIGHT-TO-LEFT OVERRIDE`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


def _refuse_hub_part(place: str, part: str, mend: str) -> None:
    rules: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("is empty", lambda part: not part),
        ("is longer than 96 characters", lambda part: len(part) > 96),
        (
            "holds something other than letters, digits, full stops, - and _",
            lambda part: re.search(r"[^A-Za-z0-9._-]", part),
        ),
        ("begins with a full stop, - or _", lambda part: part[0] in ".-_"),
        ("ends with a full stop or -", lambda part: part[-1] in ".-"),
        ('holds ".." or "--"', lambda part: ".." in part or "--" in part),
        ('ends in ".git"', lambda part: part.endswith(".git")),
    )
    for fault, is_broken in rules:
        if is_broken(part):
            raise FieldInvalid(f"the {place} {fault}", mend=mend)


def _refuse_length(value: str, limit: int) -> None:
    if not value:
        raise FieldInvalid("is empty", mend="fill it in, or delete the line")
    if len(value) > limit:
        raise FieldInvalid(
            f"has {len(value):,} characters; {limit:,} are allowed", mend="shorten it"
        )


def _refuse_blank(value: str, mend: str) -> None:
    if not any(character.isprintable() and not character.isspace() for character in value):
        raise FieldInvalid("is blank", mend=mend)


def _refuse_surrounding_space(value: str, example: str) -> None:
    if value != value.strip():
        raise FieldInvalid(
            "has a space or a line break around it",
            mend=f'write it on one line in quotes: {example}; a "|" or ">" block adds a line break',
        )


def _refuse_characters(value: str, refused: re.Pattern[str]) -> None:
    if found := refused.search(value):
        raise FieldInvalid(
            f"holds {code_point(found[0])}, a character that cannot be seen",
            mend="delete that character, or type the line again",
        )
