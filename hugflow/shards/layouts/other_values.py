"""Values of WebDataset's rows that fit no planned column, kept as JSON text.

The columns of large tars are those of their first rows. What later rows have besides is in the
column `__other__`, by field, null in most rows:

    {"json": {"text": "...", "mood": "glad"}}   whole, if a part of it fits no column
    {"cls": "unknown", "mic2.txt": "..."}       other types and fields, as text
    {"npy": {"base64": "k05VTVBZ..."}}          bytes that are no text, up to 1 MiB
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hugflow.shards.layouts.member_fields import AUDIO, kind_of, load_json, to_int
from hugflow.shards.value_types import fit_value

_MOST_BYTES: Final = 1 << 20


def may_be_other(field: str, columns: Mapping[str, Any]) -> bool:
    """Whether the content of a field says what is kept besides; a clip never does."""
    column = _column_of(field, columns)
    return kind_of(field) != AUDIO if column is None else column["type"] not in ("bytes", "text")


def is_kept(field: str, data: bytes | None) -> bool:
    """Whether a field without a column is kept; data: its content, if it was read."""
    kind = kind_of(field)
    return kind != AUDIO and (kind != "bytes" or data is None or len(data) <= _MOST_BYTES)


def other_values(content: Mapping[str, bytes | None], columns: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a row that fit no column, by field; content: of each field, None if not read."""
    return dict(_others(content, columns))


def to_text(values: Mapping[str, Any]) -> str | None:
    """The values as JSON text; None if there are none."""
    return json.dumps(values, ensure_ascii=False) if values else None


def _others(
    content: Mapping[str, bytes | None], columns: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    for field, data in content.items():
        column = _column_of(field, columns)
        if data is None or kind_of(field) == AUDIO or (column is None and not is_kept(field, data)):
            continue
        if column is None or not _fits(data, column["type"]):
            yield field, _to_value(field, data)


def _column_of(field: str, columns: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((column for column in columns.values() if field in column["fields"]), None)


def _fits(data: bytes, type_: Any) -> bool:
    match type_:
        case "int":
            return to_int(data) is not None
        case {"json": inner}:
            value = load_json(data)
            if value is None:
                return data.strip() == b"null"
            lost: list[str] = []
            fit_value(value, inner, lost.append)
            return not lost
        case _:
            return True


def _to_value(field: str, data: bytes) -> Any:
    """A value as JSON has it: that of a JSON text, else text, else base64."""
    if kind_of(field) == "json" and (value := load_json(data)) is not None:
        return value
    try:
        return data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
