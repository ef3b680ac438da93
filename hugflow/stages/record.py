"""A row's JSON: every column but the audio bytes, then `text` and `audio_info`."""

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from hugflow.exports.index import audio_info
from hugflow.ledger.journal import RowMade
from hugflow.shards.features import names_beside
from hugflow.shards.plan import Plan


class NotText:
    """Stands for a value that its file calls text and that is not UTF-8."""


NOT_TEXT: Final = NotText()


def column_values(column: pa.Array) -> list[Any]:
    """The values of an Arrow column, ready for strict JSON; NOT_TEXT where text is not UTF-8.

    Binary becomes its size in bytes; dates and times ISO 8601; decimals text, so no digit is
    lost; NaN and infinity null.
    """
    if _is_binary(column.type):
        return list(pc.binary_length(column).to_pylist())
    try:
        values: list[Any] = column.to_pylist()
    except Exception:  # noqa: BLE001  # what a value sets off is looked at value by value
        values = [_value_of(scalar) for scalar in column]
    if _is_plain(column.type):
        return values
    return [_to_plain(value) for value in values]


def render_row(plan: Plan, storage_name: str, made: RowMade, values: Mapping[str, Any]) -> bytes:
    """The bytes of `json/<row>.json`: strict JSON, one field a line.

    storage_name: the last part of STORAGE_ROOT; the audio path begins with it [004].
    values: the row's columns but the audio column, as `column_values` gives them. A column that
    is called as one of our own fields stands as `<name>_source`, as in the index.
    """
    audio = f"{storage_name}/{plan.dataset}/audio/{made.stem}.mp3"
    columns = {c: audio if c == plan.audio_column else values[c] for c in plan.columns}
    fields = dict(zip(_json_names(plan), columns.values(), strict=True))
    if plan.text_column is not None:
        fields["text"] = columns[plan.text_column]
    info = audio_info(made)
    if info is not None:
        fields["audio_info"] = info
    lines = ",\n".join(f"  {_dumps(name)}: {_dumps(value)}" for name, value in fields.items())
    return f"{{\n{lines}\n}}\n".encode()


def _json_names(plan: Plan) -> tuple[str, ...]:
    ours = set()
    if plan.audio_column is not None:
        ours.add("audio_info")
    if plan.text_column not in (None, "text"):
        ours.add("text")
    return names_beside(plan.columns, ours)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _to_plain(value: Any) -> Any:
    """One value, however nested, as JSON has it."""
    match value:
        case None | bool() | int() | str() | NotText():
            return value
        case float():
            return value if math.isfinite(value) else None
        case bytes():
            return len(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return str(value)
        case dict():
            return {str(key): _to_plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_to_plain(item) for item in value]
        case _:
            return str(value)


def _value_of(scalar: pa.Scalar) -> Any:
    """The value of a scalar; its text where Python has no such value.

    Years beyond 9999, time zones that nobody knows, structs with two fields of one name.
    """
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return NOT_TEXT
    except Exception:  # noqa: BLE001  # pytz and pandas have errors of their own
        return _text_of(scalar)


def _text_of(scalar: pa.Scalar) -> Any:
    try:
        return str(scalar.cast(pa.string()).as_py())
    except (pa.ArrowException, ValueError):
        number = getattr(scalar, "value", None)
        return number if isinstance(number, int) else None


def _is_plain(type_: pa.DataType) -> bool:
    """Whether values of this type are JSON as they are."""
    return bool(
        pa.types.is_integer(type_)
        or pa.types.is_boolean(type_)
        or pa.types.is_string(type_)
        or pa.types.is_large_string(type_)
        or pa.types.is_null(type_)
    )


def _is_binary(type_: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(type_)
        or pa.types.is_large_binary(type_)
        or pa.types.is_fixed_size_binary(type_)
    )
