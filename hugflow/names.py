"""The names that Hugflow gives: datasets, clips, shards, and their names in Dagster.

Every name from outsiders goes through one function here before it becomes part of a path or an
identifier. The functions accept any text. The result is safe, bounded and the same on every run.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

MAX_NAME_BYTES = 200
MAX_STEM_BYTES = 180
MAX_GROUP_CHARACTERS = 120
MAX_OP_CHARACTERS = 240
DEFAULT_SPLIT = "train"
DEFAULT_REVISION = "main"

# A part of the plain form: single underscores, only inside, so `__` always separates two parts.
_PLAIN_PART = re.compile(r"[A-Za-z0-9.-]+(?:_[A-Za-z0-9.-]+)*")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")
_NOT_IN_IDENTIFIERS = re.compile(r"[^A-Za-z0-9_]")

# More than any file system allows; longer text is cut first, so that it costs nothing.
_MAX_FILENAME_CHARACTERS = 1_000
_AUDIO_EXTENSION = re.compile(
    r"\.(?:wav|flac|mp3|ogg|oga|opus|m4a|aac|webm|aif|aiff|au|wma|mp4)\Z", re.IGNORECASE
)
_UNSAFE_IN_FILENAMES = frozenset('<>:"|?*')
# Control and format characters (bidi overrides and joiners too), lone surrogates, white space.
# Unassigned characters stay: later Unicode assigns some, and a stem must not change with Python.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
_WINDOWS_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\..*)?", re.IGNORECASE
)


@lru_cache(maxsize=8192)
def dataset_name(hf_id: str, subset: str | None, split: str, revision: str) -> str:
    """Name a dataset's folder: `org__dataset[__subset_X]__split_Y__rev_Z`.

    Only `[A-Za-z0-9._-]`, at most 200 bytes, never hidden, never like an option. `__` and 8 hex of
    the identity's sha256 are added if a character was replaced, if the parts could be read in two
    ways, or if the name was cut.

    A plain name splits at `__` into exactly its parts, and the last part begins with `rev_`. So it
    differs from every other plain name and from every name with a hash. Names that differ only in
    case are two names: `collect_requests` warns of them, because some disks take them for one.
    """
    parts = hf_id.split("/")
    if subset is not None:
        parts.append(f"subset_{subset}")
    parts += [f"split_{split}", f"rev_{revision}"]
    plain = "__".join(parts)
    is_plain = (
        hf_id.count("/") == 1
        and all(_PLAIN_PART.fullmatch(part) for part in parts)
        and not plain.startswith((".", "-"))
        and not plain.endswith(".")
        and len(plain) <= MAX_NAME_BYTES
    )
    if is_plain:
        return plain
    hash_ = _digest([hf_id, subset, split, revision], hex_digits=8)
    safe = re.sub(r"\A[.-]", "_", _NOT_IN_NAMES.sub("_", plain))
    return f"{safe[: MAX_NAME_BYTES - len(hash_) - 2]}__{hash_}"


def safe_stem(value: str) -> str | None:
    """Make the stem of a clip's MP3 from the row's `audio_filename`.

    The last path component (slashes and backslashes separate) without its audio extension ("v1.2" keeps ".2"), in
    NFC. Each run of unsafe characters and white space becomes one `_`. The stem is never hidden,
    never like an option, never a Windows device, and has at most 180 bytes of UTF-8. Safe stems do
    not change. None if only `_`, `-` and `.` are left: then the row number is the stem.
    """
    component = re.split(r"[/\\]", value)[-1].strip()[:_MAX_FILENAME_CHARACTERS]
    stem = _replace_unsafe(unicodedata.normalize("NFC", component))
    # Each step may make work for another ("a.wav. .mp3"); every step but the device's `_` shortens.
    while (settled := _settle_stem(stem)) != stem:
        stem = settled
    return stem if stem.strip("_-.") else None


@lru_cache(maxsize=64)
def audio_folders(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Name the folder below `audio/` of each of these audio columns: all but the main one.

    A column's name made safe, as for a stem; a name that some disk takes for an earlier one gets
    `-2`, `-3` and so on.
    """
    folders: list[str] = []
    for column in columns:
        folder = first = safe_stem(column) or "column"
        taken, number = {stem_key(name) for name in folders}, 1
        while stem_key(folder) in taken:
            number += 1
            folder = f"{first}-{number}"
        folders.append(folder)
    return tuple(folders)


def mp3_paths(stem: str, all_audio: tuple[str, ...]) -> tuple[str, ...]:
    """Name the MP3s of a row, relative to the tree: one for each audio column, the main one first."""
    if len(all_audio) < 2:
        return tuple(f"audio/{stem}.mp3" for _ in all_audio)
    others = (f"audio/{folder}/{stem}.mp3" for folder in audio_folders(all_audio[1:]))
    return (f"audio/{stem}.mp3", *others)


def info_names(all_audio: tuple[str, ...]) -> tuple[str, ...]:
    """Name the fields that say what the MP3s of a row are; audio columns, the main one first."""
    return tuple(
        f"audio_info_{column}" if n else "audio_info" for n, column in enumerate(all_audio)
    )


def stem_key(stem: str) -> str:
    """The key for comparing stems: stems with equal keys may be one file on some disks."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", stem).casefold())


def shard_name(index: int, count: int) -> str:
    """Name a shard among `count` of them, from 0: `00000-of-00012`.

    Raises ValueError if there is no such shard.
    """
    if not 0 <= index < count:
        raise ValueError(f"there is no shard {index} among {count}")
    return f"{index:05d}-of-{count:05d}"


def partition_key(commit: str, index: int, count: int) -> str:
    """Name a shard's partition in Dagster: `1a2b3c4-00000-of-00012`; `1a2b3c4` is the commit.

    Raises ValueError if there is no such shard.
    """
    return f"{commit[:7]}-{shard_name(index, count)}"


def group_name(name: str) -> str:
    """Make any name one that Dagster takes: `[A-Za-z0-9_]`; `_<8 hex>` if a character changed."""
    safe = _NOT_IN_IDENTIFIERS.sub("_", name)
    return name if safe == name else f"{safe}_{_sha256_hex(name)[:8]}"


def short_name(hf_id: str, subset: str | None, split: str, revision: str) -> str:
    """Name a dataset for people, without the parts that are defaults.

    `org__dataset[__subset_X][__split_Y][__rev_Z]`; two datasets may share it.
    """
    parts = hf_id.split("/")
    if subset is not None:
        parts.append(f"subset_{subset}")
    if split != DEFAULT_SPLIT:
        parts.append(f"split_{split}")
    if revision != DEFAULT_REVISION:
        parts.append(f"rev_{revision}")
    return "__".join(parts)


def dataset_groups(short_by_name: Mapping[str, str]) -> dict[str, str]:
    """Name the groups of datasets in Dagster, by their names; no two groups are alike.

    short_by_name: what `short_name` gives. Every character that Dagster does not take is `_`;
    `_<8 hex>` is added only where two groups would be alike, or where the name was cut.
    """
    safe = {name: _NOT_IN_IDENTIFIERS.sub("_", short) for name, short in short_by_name.items()}
    times = Counter(safe.values())
    groups: dict[str, str] = {}
    for hex_digits in (8, 64):
        groups = {
            name: text
            if times[text] == 1 and len(text) <= MAX_GROUP_CHARACTERS
            else f"{text[:MAX_GROUP_CHARACTERS]}_{_sha256_hex(name)[:hex_digits]}"
            for name, text in safe.items()
        }
        # A name can be made up so that it has another one's hash in it.
        if len(set(groups.values())) == len(groups):
            break
    return groups


def op_name(name: str, stage: str) -> str:
    """Name the op of one stage: `<name>__<stage>`, `[A-Za-z0-9_]` only, at most 240 characters.

    name: of a dataset's group, or of a flow run. A hash is added if a character was replaced or the
    name was cut: two ops with one name keep a whole code location from loading.
    """
    plain = f"{name}__{stage}"
    safe_name, safe_stage = (_NOT_IN_IDENTIFIERS.sub("_", part) for part in (name, stage))
    if plain == f"{safe_name}__{safe_stage}" and len(plain) <= MAX_OP_CHARACTERS:
        return plain
    return f"{safe_name[:90]}__{safe_stage[:32]}_{_digest([name, stage], hex_digits=12)}"


def _settle_stem(stem: str) -> str:
    stem = _AUDIO_EXTENSION.sub("", stem.rstrip(".")).lstrip(".-")
    if _WINDOWS_DEVICE.fullmatch(stem):
        stem = f"_{stem}"
    return stem.encode()[:MAX_STEM_BYTES].decode(errors="ignore")


def _replace_unsafe(text: str) -> str:
    marked = "".join("\0" if _is_unsafe(character) else character for character in text)
    return re.sub("\0+", "_", marked)


def _is_unsafe(character: str) -> bool:
    return (
        character in _UNSAFE_IN_FILENAMES or unicodedata.category(character) in _UNSAFE_CATEGORIES
    )


def _digest(parts: list[str | None], *, hex_digits: int) -> str:
    return _sha256_hex(json.dumps(parts, ensure_ascii=False))[:hex_digits]


def _sha256_hex(text: str) -> str:
    # `surrogatepass`: a pair of lone surrogates is not the character they would make in UTF-16.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
