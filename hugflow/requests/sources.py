"""A request's `source:`: how the dataset is published, where its files do not say it.

    source: {recipe: common_voice}         a recipe of the package
    source: {layout: webdataset}           this layout, whatever else would fit
    source: {archive: "<sha256>", recipe: common_voice}    an archive of `hugflow import`

or a form of one's own:

    source:
      table: "transcript/{subset}/{split}.tsv"    pattern(s) of the tables; none: clips alone
      audio: "audio/{subset}/{split}/*.tar"       pattern(s) of the clips, or of archives of clips
      inside: true                  the patterns are those of members of the archives
      archives: "{split}.tar.gz"    with `inside`: the archives; the imported one needs none
      key: path                     the column that names the clips
      text: sentence                the column that is the transcript, if the request names none
      columns: [path, sentence]     the columns to keep, or {new name: published name}
      delimiter: "|"                comma, semicolon, tab or pipe, as a word or a sign
      header: [id, text]            true, false, or the columns' names
      format: lines                 csv, json, lines (`<key> <text>`) or kaldi (wav.scp and text)
      rows: audios.segments         in JSON: the lists that hold the rows
      start: begin_time             the columns of a time range of the clip, in seconds
      end: end_time
      splits: {validation: dev}     what `{split}` becomes in the patterns

In patterns `*` is a part of a name, `**` any folders.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import partial
from typing import Any, Final, Self

from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.requests.grammar import FieldInvalid, column, refuse_unknown_keys
from hugflow.show_key import show_key

MAX_PATTERNS: Final = 16
MAX_PATTERN_CHARACTERS: Final = 400
DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
FORMATS: Final = ("csv", "json", "lines", "kaldi")
# Files of `recipe_files`, read by `recipes`.
RECIPES: Final = (
    "ami",
    "common_voice",
    "emilia",
    "fleurs",
    "gigaspeech",
    "librispeech",
    "ljspeech",
    "voxpopuli",
    "yodas",
)
LAYOUT_NAMES: Final = (
    "parquet",
    "webdataset",
    "arrow",
    "table",
    "table_archives",
    "audio_folder",
    "kaldi",
)
_NAMED: Final = ("subset", "split")
_SHA256: Final = re.compile("[0-9a-f]{64}")
_PLACES: Final = re.compile(r"\{([^{}]*)\}")
# Each makes the match of a path longer by as much as the path is long.
_FOLDERS_IN_NAMES: Final = re.compile(r"[^/*]\*\*/")
_MOST_FOLDERS_IN_NAMES: Final = 3
_ROWS: Final = re.compile(r"[A-Za-z0-9_-]{1,100}(\.[A-Za-z0-9_-]{1,100}){0,3}")


@dataclass(frozen=True, slots=True)
class TableForm:
    """One way in which files are rows; see the module.

    columns: (name here, published name) of those that are kept; empty for all.
    header: None: found out. splits: (name in the request, name in the patterns).
    field, encoding, is_plain, types: of a card only: the field of a JSON object that is its rows; what is
    no UTF-8; whether quotation marks are text. types: of columns, see `typed_columns`.
    is_keyed: found out, and never said: the fields of a JSON object are its rows, by their names.
    """

    table: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()
    inside: bool = False
    archives: tuple[str, ...] = ()
    key: str | None = None
    text: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    delimiter: str | None = None
    header: bool | tuple[str, ...] | None = None
    format: str | None = None
    rows: str | None = None
    start: str | None = None
    end: str | None = None
    splits: tuple[tuple[str, str], ...] = ()
    field: str | None = None
    encoding: str | None = None
    is_plain: bool = False
    types: tuple[tuple[str, str], ...] = ()
    is_keyed: bool = False

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The form of what `to_json` gave."""
        told = {name: _to_tuple(each) for name, each in value.items()}
        return cls(**told)

    def to_json(self) -> dict[str, Any]:
        """The fields that are set."""
        default = type(self)()
        return {
            each.name: _to_list(getattr(self, each.name))
            for each in fields(self)
            if getattr(self, each.name) != getattr(default, each.name)
        }


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What a request says of its source."""

    recipe: str | None = None
    layout: str | None = None
    archive: str | None = None
    form: TableForm | None = None

    def to_text(self) -> str:
        """One line of JSON; the same source gives the same text."""
        told = {name: each for name, each in asdict(self).items() if each is not None}
        if self.form is not None:
            told["form"] = self.form.to_json()
        return json.dumps(told, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The source of what `to_text` gave."""
        told = json.loads(text)
        if "form" in told:
            told["form"] = TableForm.from_json(told["form"])
        return cls(**told)


_OF_CARDS: Final = ("field", "encoding", "is_plain", "types", "is_keyed")
FORM_KEYS: Final = tuple(each.name for each in fields(TableForm) if each.name not in _OF_CARDS)
KEYS: Final = ("recipe", "layout", "archive", *FORM_KEYS)


def source_spec(value: object) -> SourceSpec:
    """Read `source:`. Raises FieldInvalid."""
    if isinstance(value, SourceSpec):
        return value
    if not isinstance(value, dict) or not value:
        raise FieldInvalid("is no mapping", mend="source: {recipe: common_voice}")
    refuse_unknown_keys(value, KEYS)
    own = {key: each for key, each in value.items() if key in FORM_KEYS}
    chosen = [name for name in ("recipe", "layout") if name in value] + ["table"] * bool(own)
    if len(chosen) != 1:
        raise FieldInvalid(
            "names several of: a recipe, a layout, a form of its own"
            if chosen
            else "names no form",
            mend="name one recipe, or one layout, or write table, audio and key",
        )
    archive = value.get("archive")
    if archive is not None and not (isinstance(archive, str) and _SHA256.fullmatch(archive)):
        raise FieldInvalid(
            "archive is no sha256", mend="write the 64 hex digits that `hugflow import` printed"
        )
    if archive is not None and "layout" in value:
        raise FieldInvalid("an archive has no layout", mend="name a recipe, or write its form")
    return SourceSpec(
        _choose(value.get("recipe"), "recipe", RECIPES),
        _choose(value.get("layout"), "layout", LAYOUT_NAMES),
        archive,
        read_form(own) if own else None,
    )


def read_form(value: Mapping[str, Any]) -> TableForm:
    """Read a form; raises FieldInvalid."""
    refuse_unknown_keys(value, FORM_KEYS)
    told: dict[str, Any] = {}
    for name, each in value.items():
        told[name] = _READERS[name](each)
    form = TableForm(**told)
    if not form.audio and form.format != "kaldi":
        raise FieldInvalid("has no audio", mend='say where the clips are: audio: "clips/*.mp3"')
    if form.format == "kaldi" and not form.table:
        raise FieldInvalid("has no table", mend='name the file: table: "{split}/wav.scp"')
    if (form.start is None) != (form.end is None):
        raise FieldInvalid("has only one of start and end", mend="name both columns")
    if form.archives and not form.inside:
        raise FieldInvalid("names archives without `inside`", mend="add inside: true")
    return form


def _choose(value: object, what: str, known: tuple[str, ...]) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and value in known:
        return value
    near = nearest_name(value, known) if isinstance(value, str) else None
    hint = f"did you mean {near}? " if near else ""
    raise FieldInvalid(f"names no {what}", mend=f"{hint}There are {', '.join(known)}")


def _patterns(name: str, value: object) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else value
    mend = f'write a path from the root of the repository: {name}: "data/{{split}}/*.tar"'
    if not isinstance(found, list | tuple) or not 1 <= len(found) <= MAX_PATTERNS:
        raise FieldInvalid(f"{name} is neither a pattern nor a list of some", mend=mend)
    for pattern in found:
        is_path = isinstance(pattern, str) and 0 < len(pattern) <= MAX_PATTERN_CHARACTERS
        if not is_path or pattern.startswith("/") or "\\" in pattern or "://" in pattern:
            raise FieldInvalid(f"{name} has what is no path of the repository", mend=mend)
        if ".." in pattern.split("/") or not pattern.isprintable():
            raise FieldInvalid(f"{name} leads out of the repository", mend=mend)
        if len(_FOLDERS_IN_NAMES.findall(pattern)) > _MOST_FOLDERS_IN_NAMES:
            raise FieldInvalid(
                f"{name} has **/ behind a part of a name more than {_MOST_FOLDERS_IN_NAMES} times",
                mend=f"write **/ for whole folders: {name}: data/**/*.tar",
            )
        if unknown := [word for word in _PLACES.findall(pattern) if word not in _NAMED]:
            raise FieldInvalid(
                f"{name} has the unknown place {show_key(unknown[0])}",
                mend="the places are {subset} and {split}",
            )
    return tuple(found)


def _bool(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise FieldInvalid(f"{name} is not true or false", mend=f"{name}: true")
    return value


def _column(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise FieldInvalid(f"{name} is no column's name", mend="put it in quotes")
    return column(value)


def _columns(name: str, value: object) -> tuple[tuple[str, str], ...]:
    pairs = [(each, each) for each in value] if isinstance(value, list) else value
    found = list(pairs.items()) if isinstance(pairs, dict) else pairs
    if not isinstance(found, list) or not found or len(found) > 500:
        raise FieldInvalid(
            f"{name} is neither a list of names nor a mapping", mend="columns: {text: sentence}"
        )
    named = tuple((_column(name, new), _column(name, old)) for new, old in found)
    if len({new for new, _ in named}) < len(named):
        raise FieldInvalid(f"{name} has a name twice", mend="name each column once")
    return named


def _delimiter(name: str, value: object) -> str:
    if isinstance(value, str) and (value in DELIMITERS or value in DELIMITERS.values()):
        return DELIMITERS.get(value, value)
    raise FieldInvalid(f"{name} is none that is read", mend=f"write {', '.join(DELIMITERS)}")


def _header(name: str, value: object) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    if not isinstance(value, list) or not value:
        raise FieldInvalid(
            f"{name} is neither true, false nor a list of names", mend="header: [id, text]"
        )
    names = tuple(_column(name, each) for each in value)
    if len(set(names)) < len(names):
        raise FieldInvalid(f"{name} has a name twice", mend="give each column a name of its own")
    return names


def _format(name: str, value: object) -> str:
    found = _choose(value, name, FORMATS)
    if found is None:
        raise FieldInvalid(f"{name} is empty", mend="delete the line")
    return found


def _rows(name: str, value: object) -> str:
    if not isinstance(value, str) or not _ROWS.fullmatch(value):
        raise FieldInvalid(f"{name} is no path of fields", mend="rows: audios.segments")
    return value


def _splits(name: str, value: object) -> tuple[tuple[str, str], ...]:
    is_named = isinstance(value, dict) and all(
        isinstance(each, str) and re.fullmatch(r"[\w.-]{1,255}", each)
        for pair in value.items()
        for each in pair
    )
    if not isinstance(value, dict) or not is_named:
        raise FieldInvalid(f"{name} is no mapping of names", mend="splits: {validation: dev}")
    return tuple(value.items())


_READERS: Final = {
    name: partial(reader, name)
    for name, reader in {
        "table": _patterns,
        "audio": _patterns,
        "inside": _bool,
        "archives": _patterns,
        "key": _column,
        "text": _column,
        "columns": _columns,
        "delimiter": _delimiter,
        "header": _header,
        "format": _format,
        "rows": _rows,
        "start": _column,
        "end": _column,
        "splits": _splits,
    }.items()
}


_PATTERNS: Final = {
    "oneOf": [
        {"type": "string", "minLength": 1, "maxLength": MAX_PATTERN_CHARACTERS},
        {"type": "array", "minItems": 1, "maxItems": MAX_PATTERNS, "items": {"type": "string"}},
    ]
}
_NAME: Final = {"type": "string", "minLength": 1}
_NAMES: Final = {"type": "array", "minItems": 1, "items": _NAME}
_MAPPING: Final = {"type": "object", "additionalProperties": _NAME}


def _whole(pattern: re.Pattern[str]) -> str:
    """The pattern as JSON Schema needs it, which else looks for it anywhere in a text."""
    return f"^({pattern.pattern})$"


SOURCE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "recipe": {"enum": list(RECIPES)},
        "layout": {"enum": list(LAYOUT_NAMES)},
        "archive": {"type": "string", "pattern": _whole(_SHA256)},
        "table": _PATTERNS,
        "audio": _PATTERNS,
        "inside": {"type": "boolean"},
        "archives": _PATTERNS,
        "key": _NAME,
        "text": _NAME,
        "columns": {"oneOf": [_NAMES, _MAPPING]},
        "delimiter": {"enum": [*DELIMITERS, *DELIMITERS.values()]},
        "header": {"oneOf": [{"type": "boolean"}, _NAMES]},
        "format": {"enum": list(FORMATS)},
        "rows": {"type": "string", "pattern": _whole(_ROWS)},
        "start": _NAME,
        "end": _NAME,
        "splits": _MAPPING,
    },
}


def _to_tuple(value: Any) -> Any:
    return tuple(map(_to_tuple, value)) if isinstance(value, list) else value


def _to_list(value: Any) -> Any:
    return list(map(_to_list, value)) if isinstance(value, tuple) else value
