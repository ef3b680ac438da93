"""Types of JSON values, so that values of many files fit one Arrow column.

A type is `null`, `bool`, `int`, `long`, `float`, `text`, `{"list": type}` or
`{"struct": {name: type}}`. A `long` is a whole number that a float would round. Values of types
that do not go together, such as `long` and `float`, are kept as JSON text: nothing is lost. So are
mappings with a key `_type`.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Final

import pyarrow as pa

_PLAIN: Final[dict[str, pa.DataType]] = {
    # Null so far: a later value of any kind is kept as text.
    "null": pa.string(),
    "bool": pa.bool_(),
    "int": pa.int64(),
    "long": pa.int64(),
    "float": pa.float64(),
    "text": pa.string(),
}
_MOST_DEEP: Final = 16
# Every whole number up to here is a float64 too.
_MOST_EXACT: Final = 2**53
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_MISSING: Final = object()
# `datasets` marks features by this key, so no field of a column can have the name.
_MARK: Final = "_type"


def parse_json(text: str) -> Any:
    """The value of a JSON text; raises ValueError and RecursionError.

    Half of a surrogate pair, which no text may hold, becomes U+FFFD.
    """
    value = json.loads(text)
    return _without_surrogates(value) if _SURROGATE.search(text) else value


def infer_type(value: Any, depth: int = 0) -> Any:
    """The type of one value."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            if -_MOST_EXACT <= value <= _MOST_EXACT:
                return "int"
            return "long" if -(2**63) <= value < 2**63 else "text"
        case float():
            return "float"
        case list() if depth < _MOST_DEEP:
            return {"list": reduce(merge_types, (infer_type(v, depth + 1) for v in value), "null")}
        case dict() if value and depth < _MOST_DEEP and _MARK not in value:
            return {"struct": {name: infer_type(v, depth + 1) for name, v in value.items()}}
        case _:
            return "text"


def merge_types(one: Any, other: Any) -> Any:
    """The type that holds the values of both."""
    if one == other or other == "null":
        return one
    if one == "null":
        return other
    kinds = {str(one), str(other)}
    if kinds in ({"int", "float"}, {"int", "long"}):
        return "float" if "float" in kinds else "long"
    match one, other:
        case {"list": first}, {"list": second}:
            return {"list": merge_types(first, second)}
        case {"struct": first}, {"struct": second}:
            names = [*first, *(name for name in second if name not in first)]
            return {
                "struct": {
                    name: merge_types(first.get(name, "null"), second.get(name, "null"))
                    for name in names
                }
            }
        case _:
            return "text"


def to_arrow(type_: Any) -> pa.DataType:
    """The Arrow type of a column."""
    match type_:
        case {"list": item}:
            return pa.list_(to_arrow(item))
        case {"struct": fields}:
            return pa.struct([(name, to_arrow(field)) for name, field in fields.items()])
        case _:
            return _PLAIN[type_]


def fit_value(value: Any, type_: Any, lose: Callable[[str], None], name: str = "") -> Any:
    """The value in the form of a type; None for a value that has no place in it.

    lose: called with the name of each field whose value has no place.
    """
    if value is None:
        return None
    found: Any = _MISSING
    match type_:
        case "text" | "null":
            found = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        case "bool" if isinstance(value, bool):
            found = value
        case "int" | "long" if infer_type(value) in ("int", "long"):
            found = value
        case "float" if infer_type(value) in ("int", "float"):
            found = float(value)
        case {"list": item} if isinstance(value, list):
            found = [fit_value(each, item, lose, name) for each in value]
        case {"struct": fields} if isinstance(value, dict):
            found = _fit_fields(value, fields, lose, name)
        case _:
            pass
    if found is _MISSING:
        lose(name)
        return None
    return found


def _fit_fields(
    value: Mapping[str, Any], fields: Mapping[str, Any], lose: Callable[[str], None], name: str
) -> dict[str, Any]:
    prefix = f"{name}." if name else ""
    for other in value.keys() - fields.keys():
        lose(f"{prefix}{other}")
    return {
        field: fit_value(value.get(field), of, lose, f"{prefix}{field}")
        for field, of in fields.items()
    }


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_without_surrogates(each) for each in value]
        case dict():
            return {
                _without_surrogates(name): _without_surrogates(each) for name, each in value.items()
            }
        case _:
            return value
