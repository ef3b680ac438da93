"""The fields of WebDataset's rows: what their endings say, and the columns that they become."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Final

import pyarrow as pa

from hugflow.late_dataclass import dataclass
from hugflow.shards.arrow import FILE_TYPE
from hugflow.shards.layouts.clips import AUDIO_ENDINGS
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.value_types import infer_type, merge_types, parse_json, to_arrow

AUDIO: Final = "audio"
KEY: Final = "__key__"
URL: Final = "__url__"
OTHER: Final = "__other__"
_TEXT_ENDINGS: Final = frozenset({"txt", "text", "transcript", "trans", "lab"})
_NUMBER_ENDINGS: Final = frozenset({"cls", "cls2", "class", "count", "index", "inx", "id"})
# In the order in which they are taken for the text of a row.
_TEXT_FIELDS: Final = ("text", "txt", "transcript", "transcription", "sentence", "normalized_text")


@dataclass(frozen=True, slots=True)
class Head:
    """The first rows of a tar: the fields of each, and the types of all.

    tables: members that are tables, and rows without a clip.
    """

    rows: list[tuple[str, ...]]
    types: dict[str, Any]
    tables: list[str] = field(default_factory=list)


def kind_of(field_: str) -> str:
    """What the ending of a field says: audio, json, text, number or bytes."""
    ending = field_.rpartition(".")[2].lower()
    if ending in AUDIO_ENDINGS:
        return AUDIO
    if ending == "json":
        return "json"
    if ending in _TEXT_ENDINGS:
        return "text"
    return "number" if ending in _NUMBER_ENDINGS else "bytes"


def type_of(field_: str, data: bytes | None) -> Any:
    """The type of a field with this content, in the form of a shard's detail."""
    kind = kind_of(field_)
    if kind == "json":
        value = load_json(data)
        return "null" if value is None else {"json": infer_type(value)}
    if kind == "number":
        return "int" if data is not None and to_int(data) is not None else "text"
    return kind


def choose_columns(heads: Sequence[Head], request: PlanRequest) -> dict[str, Any]:
    """The columns of a split, in the order of the fields; audio fields together where they can."""
    rows = [row for head in heads for row in head.rows]
    types: dict[str, Any] = {}
    for head in heads:
        for name, type_ in head.types.items():
            types[name] = merge_field_types(types.get(name, "null"), type_)
    audio = [name for name in types if kind_of(name) == AUDIO]
    is_one = all(sum(kind_of(name) == AUDIO for name in row) <= 1 for row in rows)
    asked = [name for name in request.all_audio if name in audio]
    columns: dict[str, Any] = {}
    for name, type_ in types.items():
        if name in audio and is_one:
            together = asked[0] if asked else AUDIO
            columns.setdefault(together, {"fields": [], "type": AUDIO})["fields"].append(name)
        else:
            own = name
            while own in columns or own in (KEY, URL, OTHER) or (own == AUDIO and is_one):
                own += "_source"
            columns[own] = {"fields": [name], "type": _column_type(type_)}
    return columns


def merge_field_types(one: Any, other: Any) -> Any:
    """The type that holds the content of a field in both of two rows."""
    match one, other:
        case {"json": first}, {"json": second}:
            return {"json": merge_types(first, second)}
        case _:
            return merge_types(one, other)


def _column_type(type_: Any) -> Any:
    match type_:
        case {"json": inner}:
            return {"json": "text" if inner == "null" else inner}
        case "null":
            return {"json": "text"}
        case _:
            return type_


def schema_of(columns: Mapping[str, Any]) -> pa.Schema:
    """The Arrow schema of the columns, with key and tar."""
    fields = [(name, _arrow_type(column["type"])) for name, column in columns.items()]
    return pa.schema([*fields, (KEY, pa.string()), (URL, pa.string())])


def _arrow_type(type_: Any) -> pa.DataType:
    match type_:
        case {"json": inner}:
            return to_arrow(inner)
        case "audio":
            return FILE_TYPE
        case "bytes":
            return pa.binary()
        case _:
            return to_arrow(type_)


def find_text(columns: Mapping[str, Any]) -> str | None:
    """The field that is taken for the text of a row; None if none has a usual name."""
    for name in _TEXT_FIELDS:
        if name in columns and columns[name]["type"] == "text":
            return name
    for column, about in columns.items():
        match about["type"]:
            case {"json": {"struct": fields}}:
                for name in _TEXT_FIELDS:
                    if fields.get(name) == "text":
                        return f"{column}.{name}"
            case _:
                pass
    return None


def load_json(data: bytes | None) -> Any:
    """The value of a JSON text; None if it is none."""
    try:
        return None if data is None else parse_json(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def to_int(data: bytes) -> int | None:
    """The whole number that a text is; None if it is none."""
    text = data.strip()
    digits = text.removeprefix(b"-")
    return int(text) if digits.isdigit() and len(digits) < 19 else None
