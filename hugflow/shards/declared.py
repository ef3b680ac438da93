"""The features that the publisher declares in the parquet schema's metadata. Not trusted.

    {"info": {"features": {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}, ...}}}

`datasets` uses the metadata unchecked: it calls the function that a `dtype` names, keeps class
names that are numbers, and fails only when rows are read. This module accepts only valid features.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa

from hugflow.shards.arrow import DIMENSIONS, feature_type, index_type

# Lists have 32-bit offsets.
_MAX_LENGTH: Final = 2**31 - 1
# The modes that Pillow converts an image to.
_IMAGE_MODES: Final = frozenset(
    {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV"}
    | {"I", "F", "I;16"}
)


def declared_features(schema: pa.Schema) -> dict[str, Any]:
    """The publisher's metadata by column; empty when it cannot be read."""
    text = (schema.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(text)["info"]["features"] if text else {}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def declared_feature(field: pa.Field, declared: Any) -> Any:
    """The declared feature of one column; None if it is not valid.

    It is strict JSON of the types that `datasets` expects, it means the type that the index holds
    for the column or one that holds all its values, and `datasets` reads a row with it.
    """
    import datasets

    type_ = index_type(field.type)
    try:
        if not _is_sound(declared):
            return None
        features = datasets.Features.from_dict({"column": _to_index_types(declared)})
        written = features.to_dict()
        json.dumps(written, ensure_ascii=False, allow_nan=False).encode()
        meant = feature_type(written["column"])
        if meant is None or index_type(meant) != meant or not _can_hold(meant, type_):
            return None
        return features["column"] if _is_readable(features, meant) else None
    except Exception:  # noqa: BLE001  # whatever a stranger's metadata causes, use the type
        return None


def _to_index_types(feature: Any) -> Any:
    """The feature with decimals as the index has them, at any depth: text, or `decimal128`.

    Else one wide decimal in a struct would cost the features of all its other fields.
    """
    match feature:
        case {"_type": "Value", "dtype": str(dtype)} if dtype.startswith("decimal"):
            meant = feature_type(feature)
            held = None if meant is None else index_type(meant)
            return feature if held in (None, meant) else feature | {"dtype": _dtype_of(held)}
        case dict():
            return {name: _to_index_types(inner) for name, inner in feature.items()}
        case _:
            return feature


def _dtype_of(type_: pa.DataType) -> str:
    return (
        "string" if pa.types.is_string(type_) else f"decimal128({type_.precision}, {type_.scale})"
    )


def _can_hold(meant: pa.DataType, type_: pa.DataType) -> bool:
    """Whether `meant` holds every value of `type_`, also in lists and structs."""
    if meant == type_:
        return True
    try:
        schemas = [pa.schema([("column", each)]) for each in (type_, meant)]
        wider = pa.unify_schemas(schemas, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return False
    # 64-bit integers would be rounded as floats.
    is_rounded = pa.types.is_integer(type_) and pa.types.is_floating(meant)
    return bool(wider.field("column").type == meant) and not is_rounded


def _is_sound(feature: Any) -> bool:
    """Whether every field has a value that `datasets` could have written."""
    match feature:
        case {"_type": str(kind)}:
            checks = [(check, feature[name]) for name, check in _CHECKS.items() if name in feature]
            return all(check(value) for check, value in checks) and _has_sound_values(kind, feature)
        case dict():
            return all(map(_is_sound, feature.values()))
        case _:
            return False


def _has_sound_values(kind: str, fields: Mapping[str, Any]) -> bool:
    """Whether values and arrays name a type, and arrays a length for each dimension.

    An array may leave its first length open. Other features had a `dtype` once, which is ignored.
    """
    if kind != "Value" and kind not in DIMENSIONS:
        return True
    if feature_type({"_type": "Value", "dtype": fields.get("dtype")}) is None:
        return False
    match fields.get("shape"):
        case [first, *others] if len(others) + 1 == DIMENSIONS.get(kind):
            return (first is None or _is_count(first)) and all(map(_is_count, others))
        case _:
            return kind == "Value"


def _is_readable(features: Any, type_: pa.DataType) -> bool:
    """Whether the features survive the card, and can read a row of the column's type."""
    import datasets
    from huggingface_hub import DatasetCardData

    card = DatasetCardData()
    infos = datasets.info.DatasetInfosDict({"default": datasets.DatasetInfo(features=features)})
    infos.to_dataset_card_data(card)
    again = datasets.info.DatasetInfosDict.from_dataset_card_data(card)
    if again["default"].features != features:
        return False
    table = pa.table({"column": pa.nulls(1, type_)})
    table = datasets.table.table_cast(table, features.arrow_schema)
    return len(datasets.Dataset(table)[:]["column"]) == 1


def _is_count(value: Any) -> bool:
    # type(), because true and false are whole numbers to isinstance().
    return type(value) is int and 0 < value <= _MAX_LENGTH


def _is_whole(value: Any) -> bool:
    return type(value) is int and -1 <= value <= _MAX_LENGTH


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_name(value: Any) -> bool:
    return isinstance(value, str)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_name, value)) and len(set(value)) == len(value)


def _or_none(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


# By field: it means the same in every feature that has it.
_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "id": _or_none(_is_name),
    "names": _are_names,
    "languages": _or_none(_are_names),
    "num_languages": _or_none(_is_whole),
    "feature": _is_sound,
    "length": _is_whole,
    "decode": _is_flag,
    "mode": _or_none(lambda value: _is_name(value) and value in _IMAGE_MODES),
    "sampling_rate": _or_none(_is_count),
    "num_channels": _or_none(_is_count),
    "stream_index": _or_none(_is_whole),
    "num_ffmpeg_threads": _is_whole,
    "dimension_order": lambda value: value in ("NCHW", "NHWC"),
    "seek_mode": lambda value: value in ("exact", "approximate"),
    "device": _or_none(_is_name),
    "format": _is_name,
}
