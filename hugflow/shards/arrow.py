"""The Arrow types of the index, and conversion of arrays to them.

The index keeps the published types, except those that `datasets` does not know. Maps become lists
of {key, value}; dictionaries their values; extension types their storage; narrow decimals
decimal128; decimals of more than 38 digits text; list views lists. If two fields of a struct have
one name, the later is renamed. Everything may be null.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hugflow.lean_start import Late

if TYPE_CHECKING:
    import pyarrow.compute as pc
else:
    pc = Late("pyarrow.compute")

FILE_TYPE: Final = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_TYPE_BY_FEATURE: Final = {
    "ClassLabel": pa.int64(),
    "Json": pa.string(),
    "TranslationVariableLanguages": pa.struct(
        [("language", pa.list_(pa.string())), ("translation", pa.list_(pa.string()))]
    ),
}
# The most digits of a decimal in polars and most other parquet readers.
MOST_DIGITS: Final = 38
DIMENSIONS: Final = {"Array2D": 2, "Array3D": 3, "Array4D": 4, "Array5D": 5}
_FILE_FEATURES: Final = frozenset(
    {"Audio", "Image", "Video", "Pdf", "Nifti", "Mesh", "BioSequence", "BioStructure"}
)
_ZONED: Final = re.compile(r"timestamp\[(s|ms|us|ns), ?tz=(.+)\]")
_DECIMAL: Final = re.compile(r"decimal(128|256)\((\d+), ?(-?\d+)\)")
_FIXED_BINARY: Final = re.compile(r"fixed_size_binary\[(\d+)\]")


def unique_names(names: Sequence[str]) -> list[str]:
    """The names in order; a repeated name gets `_2`, `_3`, ..., the first that is free."""
    found: list[str] = []
    taken = set(names)
    for name in names:
        number, unique = 2, name
        while unique in found or (unique != name and unique in taken):
            unique, number = f"{name}_{number}", number + 1
        found.append(unique)
    return found


def is_text(type_: pa.DataType) -> bool:
    """Whether values are text, of any of Arrow's text types."""
    return bool(
        pa.types.is_string(type_)
        or pa.types.is_large_string(type_)
        or pa.types.is_string_view(type_)
    )


def is_binary(type_: pa.DataType) -> bool:
    """Whether values are bytes of variable length."""
    return bool(
        pa.types.is_binary(type_)
        or pa.types.is_large_binary(type_)
        or pa.types.is_binary_view(type_)
    )


def is_list(type_: pa.DataType) -> bool:
    """Whether values are lists, of any of Arrow's list types."""
    return bool(
        pa.types.is_list(type_)
        or pa.types.is_large_list(type_)
        or pa.types.is_fixed_size_list(type_)
        or pa.types.is_list_view(type_)
        or pa.types.is_large_list_view(type_)
    )


def index_type(type_: pa.DataType) -> pa.DataType:
    """The index's type for a published type."""
    if isinstance(type_, pa.BaseExtensionType):
        return index_type(type_.storage_type)
    if pa.types.is_dictionary(type_):
        return index_type(type_.value_type)
    if pa.types.is_map(type_):
        pair = [("key", index_type(type_.key_type)), ("value", index_type(type_.item_type))]
        return pa.list_(pa.struct(pair))
    if pa.types.is_struct(type_):
        names = unique_names([field.name for field in type_])
        types = [index_type(field.type) for field in type_]
        return pa.struct(list(zip(names, types, strict=True)))
    if pa.types.is_fixed_size_list(type_):
        return pa.list_(index_type(type_.value_type), type_.list_size)
    if is_list(type_):
        is_large = pa.types.is_large_list(type_) or pa.types.is_large_list_view(type_)
        make = pa.large_list if is_large else pa.list_
        return make(index_type(type_.value_type))
    if pa.types.is_decimal(type_):
        is_wide = type_.precision > MOST_DIGITS
        return pa.string() if is_wide else pa.decimal128(type_.precision, type_.scale)
    return type_


def feature_type(feature: Any) -> pa.DataType | None:
    """The index's type for a feature, in the form that `datasets` writes into metadata.

    None for an unknown feature. `datasets` gives the same answer, but takes a second to import.
    """
    match feature:
        case {"_type": "Value", "dtype": str(dtype)}:
            return _value_type(dtype)
        case {"_type": "List", "feature": inner, **rest}:
            item = feature_type(inner)
            return None if item is None else pa.list_(item, rest.get("length", -1))
        case {"_type": "LargeList", "feature": inner}:
            item = feature_type(inner)
            return None if item is None else pa.large_list(item)
        case {"_type": "Translation", "languages": list(languages)}:
            return pa.struct([(language, pa.string()) for language in sorted(languages)])
        case {"_type": str(kind), **rest} if kind in DIMENSIONS:
            type_ = _value_type(str(rest.get("dtype")))
            for _ in range(DIMENSIONS[kind]):
                type_ = None if type_ is None else pa.list_(type_)
            return type_
        case {"_type": str(kind)}:
            return FILE_TYPE if kind in _FILE_FEATURES else _TYPE_BY_FEATURE.get(kind)
        case dict():
            types = {name: feature_type(inner) for name, inner in feature.items()}
            return None if None in types.values() else pa.struct(list(types.items()))
        case _:
            return None


def to_type(array: pa.Array, type_: pa.DataType) -> pa.Array:
    """The array converted to `type_`, which is a type of the index.

    Fields that the array lacks are null. Raises pa.ArrowException for values that do not fit.
    """
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if array.type == type_:
        return array
    if pa.types.is_map(array.type):
        array = map_as_lists(array)
    if pa.types.is_struct(array.type) and pa.types.is_struct(type_):
        return _to_struct(array, type_)
    if pa.types.is_fixed_size_list(array.type) and pa.types.is_fixed_size_list(type_):
        size = type_.list_size
        items = array.values.slice(array.offset * size, len(array) * size)
        items = to_type(items, type_.value_type)
        return pa.FixedSizeListArray.from_arrays(items, type=type_, mask=array.is_null())
    if is_list(array.type) and (pa.types.is_list(type_) or pa.types.is_large_list(type_)):
        return _to_list(array, type_)
    if pa.types.is_decimal(array.type) and is_text(type_):
        return pa.array(decimal_texts(array), type_)
    if pa.types.is_binary_view(array.type) and pa.types.is_fixed_size_binary(type_):
        array = array.cast(pa.large_binary())
    # Arrow refuses to cast integers beyond 2**53 to floats; `datasets` would refuse the file.
    is_rounded = pa.types.is_integer(array.type) and pa.types.is_floating(type_)
    return array.cast(type_, safe=not is_rounded)


def map_as_lists(array: pa.MapArray) -> pa.ListArray:
    """A map as lists of {key, value}, in order."""
    type_ = array.type
    pair = pa.struct([("key", type_.key_type), ("value", type_.item_type)])
    return array.cast(pa.list_(pair))


def decimal_texts(array: pa.Array) -> list[str | None]:
    """All the digits of each number."""
    return [None if value is None else format(value, "f") for value in array.to_pylist()]


def map_items(array: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Lists whose items are changed, all at once; a list of a fixed size becomes a plain one."""
    items = change(array.flatten())
    is_large = pa.types.is_large_list(array.type) or pa.types.is_large_list_view(array.type)
    make = pa.large_list if is_large else pa.list_
    return _from_items(array, items, make(items.type))


def byte_lengths(array: pa.Array) -> pa.Array:
    """Length in bytes of each string or binary value; null for null. Copies nothing to Python."""
    if pa.types.is_binary_view(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.large_binary())
    return pc.binary_length(array)


def list_lengths(array: pa.Array) -> npt.NDArray[np.int64]:
    """The items of each list, or the bytes of each text or binary value; 0 for null."""
    if not _has_offsets(array.type):
        known = pc.list_value_length(array) if is_list(array.type) else byte_lengths(array)
        numbers = pc.fill_null(known, 0).cast(pa.int64())
        return np.asarray(numbers.to_numpy(zero_copy_only=False))
    # Without pyarrow.compute: to import it takes longer than all else that is done with one row.
    if not len(array):
        return np.zeros(0, np.int64)
    validity, offsets, *_ = array.buffers()
    ends = np.frombuffer(offsets, np.int64 if _is_large(array.type) else np.int32)
    lengths = np.diff(ends[array.offset : array.offset + len(array) + 1]).astype(np.int64)
    if array.null_count:
        first, skipped = divmod(array.offset, 8)
        bits = np.unpackbits(np.frombuffer(validity, np.uint8)[first:], bitorder="little")
        lengths[bits[skipped : skipped + len(array)] == 0] = 0
    return lengths


def row_sizes(array: pa.Array) -> npt.NDArray[np.int64]:
    """The approximate bytes of each row; equal for equal values, whatever their memory layout.

    array: of a type of the index. shape (rows,).
    """
    type_ = array.type
    if pa.types.is_struct(type_):
        sizes = np.ones(len(array), np.int64)
        for child in array.flatten():
            sizes += row_sizes(child)
        return sizes
    if is_list(type_):
        lengths = list_lengths(array)
        before = np.concatenate(([0], np.cumsum(row_sizes(array.flatten()))))
        ends = np.cumsum(lengths)
        sums: npt.NDArray[np.int64] = before[ends] - before[ends - lengths] + 4
        return sums
    if is_binary(type_) or is_text(type_):
        return list_lengths(array) + 4
    width = 1 if pa.types.is_null(type_) else type_.bit_width // 8
    return np.full(len(array), max(width, 1), np.int64)


def _value_type(dtype: str) -> pa.DataType | None:
    if found := _ZONED.fullmatch(dtype):
        return pa.timestamp(found[1], found[2])
    if found := _DECIMAL.fullmatch(dtype):
        make = pa.decimal128 if found[1] == "128" else pa.decimal256
        return make(int(found[2]), int(found[3]))
    if found := _FIXED_BINARY.fullmatch(dtype):
        return pa.binary(int(found[1]))
    try:
        return pa.type_for_alias(dtype)
    except ValueError:
        return None


def _to_struct(array: pa.StructArray, type_: pa.StructType) -> pa.StructArray:
    names = unique_names([field.name for field in array.type])
    children: Mapping[str, pa.Array] = dict(zip(names, array.flatten(), strict=True))
    arrays = [
        to_type(children[field.name], field.type)
        if field.name in children
        else pa.nulls(len(array), field.type)
        for field in type_
    ]
    return pa.StructArray.from_arrays(arrays, fields=list(type_), mask=array.is_null())


def _to_list(array: pa.Array, type_: pa.DataType) -> pa.Array:
    return _from_items(array, to_type(array.flatten(), type_.value_type), type_)


def _from_items(array: pa.Array, items: pa.Array, type_: pa.DataType) -> pa.Array:
    """Lists of the same lengths as those of an array, with other items."""
    ends = np.concatenate(([0], np.cumsum(list_lengths(array))))
    is_large = pa.types.is_large_list(type_)
    offsets = pa.array(ends, pa.int64() if is_large else pa.int32())
    make = pa.LargeListArray if is_large else pa.ListArray
    return make.from_arrays(offsets, items, type=type_, mask=array.is_null())


def _has_offsets(type_: pa.DataType) -> bool:
    """Whether values lie one behind the other, with a list of where each ends."""
    return _is_large(type_) or bool(
        pa.types.is_list(type_) or pa.types.is_string(type_) or pa.types.is_binary(type_)
    )


def _is_large(type_: pa.DataType) -> bool:
    return bool(
        pa.types.is_large_list(type_)
        or pa.types.is_large_string(type_)
        or pa.types.is_large_binary(type_)
    )
