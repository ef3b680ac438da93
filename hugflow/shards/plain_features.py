"""Features of columns in the forms of `datasets`, for the usual types, without importing it.

Three spellings of one feature:

    the metadata of parquet files    {"names": ["no", "yes"], "_type": "ClassLabel"}
    the YAML of cards                {"name": "label", "dtype": {"class_label": {"names": {"0": "no", ...}}}}
    Arrow                            int64

Every function gives None for what it does not know; then `datasets` is asked.
"""

from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from hugflow.shards.arrow import FILE_TYPE

Feature = dict[str, Any]

_VALUES: Final = {
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
}
_NAMES: Final = {type_: name for name, type_ in _VALUES.items()}
UNDECODED: Final = {"decode": False, "_type": "Audio"}


def read_plain_card_feature(feature: Any) -> Feature | None:
    """One entry of a card's `features`, in the spelling of metadata, without its name."""
    if not isinstance(feature, dict) or not isinstance(feature.get("name"), str):
        return None
    match {key: value for key, value in feature.items() if key != "name"}:
        case {"dtype": dtype, **more} if not more:
            return _read_dtype(dtype)
        case {"list": str(dtype), **more} | {"sequence": str(dtype), **more} if not more:
            return {"feature": _value(dtype), "_type": "List"} if dtype in _VALUES else None
        case _:
            return None


def plain_feature(type_: pa.DataType) -> Feature | None:
    """The feature of an Arrow type, in the spelling of metadata."""
    if type_ in _NAMES:
        return _value(_NAMES[type_])
    if pa.types.is_list(type_):
        inner = plain_feature(type_.value_type)
        return None if inner is None else {"feature": inner, "_type": "List"}
    if pa.types.is_struct(type_):
        fields = {field.name: plain_feature(field.type) for field in type_}
        is_known = fields and len(fields) == type_.num_fields and "_type" not in fields
        return fields if is_known and None not in fields.values() else None
    return None


def declared_plain_feature(type_: pa.DataType, declared: Any) -> Feature | None:
    """A declared feature that means exactly this Arrow type, media undecoded."""
    match declared:
        case {"_type": "Value", "dtype": str(dtype), **more} if not more:
            return _value(dtype) if _VALUES.get(dtype) == type_ else None
        case {"_type": "Audio", **more} if type_ == FILE_TYPE and _is_audio(more):
            return dict(UNDECODED)
        case {"_type": "ClassLabel", "names": list(names), **more} if not more:
            return dict(declared) if type_ == pa.int64() and _are_names(names) else None
        case {"_type": "List", "feature": dict(inner), **more} if not more:
            if not pa.types.is_list(type_) or not isinstance(inner.get("_type"), str):
                return None
            of = declared_plain_feature(type_.value_type, inner)
            return None if of is None else {"feature": of, "_type": "List"}
        case _:
            return None


def to_card_feature(name: str, feature: Feature) -> dict[str, Any]:
    """A feature of this module in the YAML of a card, with its name first."""
    return {"name": name, **_to_card(feature)}


def _to_card(feature: Feature) -> dict[str, Any]:
    match feature:
        case {"_type": "Value", "dtype": dtype}:
            return {"dtype": dtype}
        case {"_type": "Audio", **settings}:
            return {"dtype": {"audio": dict(settings)}}
        case {"_type": "ClassLabel", "names": names}:
            numbered = {str(number): name for number, name in enumerate(names)}
            return {"dtype": {"class_label": {"names": numbered}}}
        case {"_type": "List", "feature": inner}:
            told = _to_card(inner)
            return {"list": next(iter(told.values())) if list(told) in _SHORT else told}
        case _:
            return {"struct": [to_card_feature(name, of) for name, of in feature.items()]}


# A list of these is written without the key.
_SHORT: Final = (["dtype"], ["struct"])


def _read_dtype(dtype: Any) -> Feature | None:
    match dtype:
        case str() if dtype in _VALUES:
            return _value(dtype)
        case "audio":
            return {"_type": "Audio"}
        case {"audio": {"sampling_rate": int(rate), **others}, **more} if not more and not others:
            is_rate = type(rate) is int and rate > 0
            return {"sampling_rate": rate, "_type": "Audio"} if is_rate else None
        case {"class_label": {"names": dict(names), **others}, **more} if not more and not others:
            listed = [names.get(str(number)) for number in range(len(names))]
            return {"names": listed, "_type": "ClassLabel"} if _are_names(listed) else None
        case _:
            return None


def _is_audio(settings: Mapping[Any, Any]) -> bool:
    rate = settings.get("sampling_rate")
    is_rate = rate is None or (type(rate) is int and 0 < rate < 2**31)
    return (
        {*settings} <= {"sampling_rate", "decode"}
        and is_rate
        and isinstance(settings.get("decode", True), bool)
    )


def _are_names(names: list[Any]) -> bool:
    return (
        bool(names)
        and all(isinstance(name, str) and _is_utf8(name) for name in names)
        and len({*names}) == len(names)
    )


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _value(dtype: str) -> Feature:
    return {"dtype": dtype, "_type": "Value"}
