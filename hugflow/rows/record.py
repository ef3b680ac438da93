"""A row's JSON: every column except the audio bytes, then `text` and what the MP3s are.

docs/datasets.md has the form of every type. Columns are converted a batch at a time, each by its
type; the bytes of binary columns and media stay in Arrow.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from hugflow.lean_start import Late
from hugflow.ledger.journal import RowMade
from hugflow.names import info_names, mp3_paths
from hugflow.rows.audio_info import audio_infos
from hugflow.rows.moments import moment_values
from hugflow.shards.arrow import (
    byte_lengths,
    decimal_texts,
    is_binary,
    is_list,
    is_text,
    map_as_lists,
    unique_names,
)
from hugflow.shards.features import names_beside
from hugflow.shards.plan import Plan

if TYPE_CHECKING:
    import pyarrow.compute as pc
else:
    pc = Late("pyarrow.compute")


class NotText:
    """Marks a value with text that is not UTF-8."""


NOT_TEXT: Final = NotText()
_AS_IN_ITS_COLUMN: Final = object()
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def column_values(column: pa.Array, feature: Any = None) -> list[Any]:
    """The values of an Arrow column, ready for strict JSON; NOT_TEXT for text that is not UTF-8.

    feature: the column's feature from `column_features`; it has the names of classes.
    """
    try:
        return _values(column, feature)
    except Exception:  # noqa: BLE001  # an error of one value must not cost the others
        return [_value_of(column.slice(row, 1), feature) for row in range(len(column))]


def render_row(
    plan: Plan,
    tree: str,
    made: RowMade,
    values: Mapping[str, Any],
    text: Any = _AS_IN_ITS_COLUMN,
) -> bytes:
    """The bytes of `json/<row>.json`: strict JSON, one field a line.

    tree: the dataset's folder from the last part of STORAGE_ROOT on, `datasets/<name>`; the audio
    path begins with it [004].
    values: the row's columns without the audio columns, as `column_values` gives them. A column with
    the name of one of our own fields is written as `<name>_source`, as in the index.
    text: of the row, if it is not simply the value of the text column.
    """
    mp3s = dict(zip(plan.all_audio, mp3_paths(made.stem, plan.all_audio), strict=True))
    columns = {c: f"{tree}/{mp3s[c]}" if c in mp3s else values[c] for c in plan.columns}
    names = json_names(plan.columns, plan.all_audio, plan.text_column)
    fields = dict(zip(names, columns.values(), strict=True))
    if plan.text_column is not None:
        is_given = text is not _AS_IN_ITS_COLUMN
        fields["text"] = text if is_given else columns[plan.text_column]
    fields |= audio_infos(made, plan.all_audio, measured=plan.is_measured)
    lines = ",\n".join(f"  {_dumps(name)}: {_dumps(value)}" for name, value in fields.items())
    return f"{{\n{lines}\n}}\n".encode()


def json_names(
    columns: Sequence[str], all_audio: tuple[str, ...], text_column: str | None
) -> tuple[str, ...]:
    """Names of the dataset's columns in a row's JSON, in order; never one of our own fields."""
    ours = set(info_names(all_audio))
    if text_column not in (None, "text"):
        ours.add("text")
    return names_beside(columns, ours)


def _dumps(value: Any) -> str:
    return _ENCODER.encode(value)


def _value_of(row: pa.Array, feature: Any) -> Any:
    """The value of a column of one row; its text if its type is unknown here."""
    if not row.is_valid()[0].as_py():
        return None
    try:
        return _values(row, feature)[0]
    except UnicodeDecodeError:
        return NOT_TEXT
    except Exception:  # noqa: BLE001  # an unknown type may need a missing package
        return _text_of(row[0])


def _text_of(scalar: pa.Scalar) -> str | None:
    with suppress(Exception):
        return str(scalar.cast(pa.string()).as_py())
    with suppress(Exception):
        return str(scalar)
    return None


def _values(column: pa.Array, feature: Any) -> list[Any]:
    """As `column_values`; raises UnicodeDecodeError for text that is not UTF-8."""
    for is_type, to_values in _CONVERTERS:
        if is_type(column.type):
            return to_values(column, feature)
    return [_text_of(scalar) if scalar.is_valid else None for scalar in column]


def _plain(column: pa.Array, feature: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


def _integers(column: pa.Array, feature: Any) -> list[Any]:
    """Whole numbers; class labels with their names."""
    match feature:
        case {"_type": "ClassLabel", "names": list(names)}:
            return [_to_label(index, names) for index in column.to_pylist()]
        case _:
            return _plain(column, feature)


def _to_label(index: int | None, names: Sequence[str]) -> dict[str, Any] | None:
    if index is None:
        return None
    return {"index": index, "name": names[index] if 0 <= index < len(names) else None}


def _floats(column: pa.Array, feature: Any) -> list[Any]:
    """Numbers; NaN and infinity become null, because JSON does not have them."""
    if pc.all(pc.is_finite(column)).as_py() is False:
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
    return _plain(column, feature)


def _sizes(column: pa.Array, feature: Any) -> list[Any]:
    return _plain(byte_lengths(column), feature)


def _decimals(column: pa.Array, feature: Any) -> list[Any]:
    """All the digits, as text."""
    values: list[Any] = decimal_texts(column)
    return values


def _lists(column: pa.Array, feature: Any) -> list[Any]:
    items = iter(_values(column.flatten(), _item_feature(feature)))
    lengths = pc.list_value_length(column).to_pylist()
    return [None if length is None else list(islice(items, length)) for length in lengths]


def _maps(column: pa.Array, feature: Any) -> list[Any]:
    """Lists of [key, value]: keys may be of any type, and may repeat."""
    lists = _lists(map_as_lists(column), feature)
    return [pairs and [list(pair.values()) for pair in pairs] for pairs in lists]


def _structs(column: pa.Array, feature: Any) -> list[Any]:
    published = [field.name for field in column.type]
    fields = [
        _values(child, feature.get(name) if isinstance(feature, dict) else None)
        for name, child in zip(published, column.flatten(), strict=True)
    ]
    names = unique_names(published)
    rows = zip(*fields, strict=True) if fields else iter([()] * len(column))
    is_valid = column.is_valid().to_pylist()
    return [
        dict(zip(names, row, strict=True)) if valid else None
        for row, valid in zip(rows, is_valid, strict=True)
    ]


def _item_feature(feature: Any) -> Any:
    return feature.get("feature") if isinstance(feature, dict) else None


def _dictionaries(column: pa.Array, feature: Any) -> list[Any]:
    return _values(column.dictionary_decode(), feature)


def _extensions(column: pa.Array, feature: Any) -> list[Any]:
    """The values of extension types: JSON parsed, UUIDs as text, others as stored."""
    if isinstance(column.type, pa.JsonType):
        return [None if text is None else _parse(text) for text in column.storage.to_pylist()]
    if isinstance(column.type, pa.UuidType):
        return [None if value is None else str(value) for value in column.to_pylist()]
    return _values(column.storage, feature)


def _parse(text: str) -> Any:
    """The value of a JSON text; the text itself if strict JSON cannot express it."""
    try:
        value = json.loads(text, object_pairs_hook=_to_object)
        _dumps(value).encode()
    except (ValueError, RecursionError):
        return text
    return value


def _to_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key appears twice")
    return value


def _is_extension(type_: pa.DataType) -> bool:
    return isinstance(type_, pa.BaseExtensionType)


def _is_plain(type_: pa.DataType) -> bool:
    """Whether values of this type are valid JSON unchanged."""
    return is_text(type_) or bool(pa.types.is_boolean(type_) or pa.types.is_null(type_))


def _has_size(type_: pa.DataType) -> bool:
    return is_binary(type_) or bool(pa.types.is_fixed_size_binary(type_))


def _is_moment(type_: pa.DataType) -> bool:
    return bool(pa.types.is_temporal(type_) and not pa.types.is_interval(type_))


_CONVERTERS: Final[
    tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array, Any], list[Any]]], ...]
] = (
    # Check this first: an extension type does not answer questions about its storage type.
    (_is_extension, _extensions),
    (_is_plain, _plain),
    (pa.types.is_integer, _integers),
    (pa.types.is_floating, _floats),
    (_has_size, _sizes),
    (_is_moment, lambda column, feature: moment_values(column)),
    (pa.types.is_decimal, _decimals),
    (is_list, _lists),
    (pa.types.is_map, _maps),
    (pa.types.is_struct, _structs),
    (pa.types.is_dictionary, _dictionaries),
)
