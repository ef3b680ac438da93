"""Where the fields that `keep` names are in the index; an unknown one is refused when planned."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from hugflow.audio.quality import NAMES as QUALITY_NAMES
from hugflow.errors import RequestInvalid
from hugflow.nearest import nearest_name
from hugflow.requests.keep import Value, names_in, parse_keep, tests_in
from hugflow.requests.model import AddRequest
from hugflow.shards.column_path import find_feature, find_path, text_path
from hugflow.shards.features import AUDIO_INFO_TYPE, QUALITY_TYPE, TEXT, index_names
from hugflow.shards.plan import Plan

_NUMBER, _TEXT, _TRUTH = "a number", "a text", "true or false"
# What a value of a type is in the rows' JSON, by the beginning of the type's name.
_KIND_BY_INNER_DTYPE: Final = {
    "int": _NUMBER,
    "uint": _NUMBER,
    "float": _NUMBER,
    "string": _TEXT,
    "large_string": _TEXT,
    "bool": _TRUTH,
    "date": _TEXT,
    "time": _TEXT,
    "decimal": _TEXT,
}
_KIND_BY_DTYPE: Final = {**_KIND_BY_INNER_DTYPE, "decimal": _NUMBER}
_INFO_NAMES: Final = tuple(
    field.name for field in AUDIO_INFO_TYPE if field.name not in ("path", "source_path")
)


def kept_fields(plan: Plan, expression: str) -> dict[str, tuple[str, ...]]:
    """The path in the index of each field that an expression names.

    Ours come first: `row`, `text`, those of `audio_info` and of its `quality`; then the dataset's
    columns, and fields in them by dots. Raises RequestInvalid.
    """
    names = names_in(parse_keep(expression))
    return {name: _find(plan, name) for name in names}


def refuse_keep(request: AddRequest, plan: Plan) -> None:
    """Raise RequestInvalid for a `keep` that cannot be decided, as `refuse_expression`."""
    if request.keep is not None:
        refuse_expression(plan, request.keep)


def refuse_expression(plan: Plan, expression: str) -> None:
    """Raise RequestInvalid for unknown fields, quality not measured, or values of a wrong type.

    Only types that the plan knows are judged.
    """
    fields = kept_fields(plan, expression)
    quality = [name for name, path in fields.items() if path[:2] == ("audio_info", "quality")]
    if quality and not plan.is_measured:
        raise RequestInvalid(
            f"{plan.dataset}: keep names {quality[0]}, and the quality of its clips is not measured",
            why="it was planned with MEASURE=false, so every row would be left out",
            mend="add `measure: true` to the request, or `measure: all` if its clips are MP3s that "
            "are copied",
        )
    for name, value in tests_in(parse_keep(expression)):
        kind = _find_kind(plan, name, fields[name])
        if kind is not None and kind != _kind_of(value):
            raise RequestInvalid(
                f"{plan.dataset}: keep compares {name} with {_written(value)}, and {name} is {kind}",
                why="such a test is false for every row",
                mend=_fix(plan, name, fields[name], kind, value),
            )


def refuse_unmeasured(plan: Plan, expression: str, row: int) -> RequestInvalid:
    """The error for a `keep` over the quality of a copied MP3, which has none."""
    return RequestInvalid(
        f"{plan.dataset}: keep names quality, and row {row} has none",
        why=f"its MP3 was copied and not decoded, so `{expression}` cannot be decided for it",
        mend="write `measure: all` into the request: copied MP3s are decoded to measure them",
    )


def is_in_class(plan: Plan, path: Sequence[str]) -> bool:
    """Whether a path leads to the `name` or `index` of a class: the index has its number alone."""
    holder = find_feature(plan.features.get(path[0]), tuple(path[1:-1])) if len(path) > 1 else None
    return isinstance(holder, Mapping) and holder.get("_type") == "ClassLabel"


def value_at(row: Mapping[str, Any], path: Sequence[str]) -> Any:
    """The value at a path in a row of the index; None where there is none."""
    value: Any = row
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _find_kind(plan: Plan, name: str, path: Sequence[str]) -> str | None:
    """What the values of a field are, in words; None if the plan does not say."""
    if path[0] == "row":
        return _NUMBER
    if path[0] == "audio_info":
        type_ = (AUDIO_INFO_TYPE if len(path) == 2 else QUALITY_TYPE).field(path[-1]).type
        if pa.types.is_string(type_):
            return _TEXT
        return _TRUTH if pa.types.is_boolean(type_) else _NUMBER
    if name == TEXT and text_path(plan) is not None:
        is_class = "class_text" in plan.column_notes.get(plan.text_column or "", [])
        if is_class or plan.request.text_join is not None:
            return _TEXT
    if is_in_class(plan, path):
        return _TEXT if path[-1] == "name" else _NUMBER
    match find_feature(plan.features.get(path[0]), tuple(path[1:])):
        case {"_type": "ClassLabel"}:
            return _NUMBER
        case {"_type": "Value", "dtype": str(dtype)}:
            # Decimals in a struct are text, and durations are not judged.
            kinds = _KIND_BY_DTYPE if len(path) == 1 else _KIND_BY_INNER_DTYPE
            return next((kinds[start] for start in kinds if dtype.startswith(start)), None)
        case {"_type": "List" | "Sequence" | "LargeList"} | [*_]:
            return "a list"
        case {"_type": _} | None:
            return None
        case {}:
            return "a struct of fields"
        case _:
            return None


def _kind_of(value: Value) -> str:
    if isinstance(value, bool):
        return _TRUTH
    return _TEXT if isinstance(value, str) else _NUMBER


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _fix(plan: Plan, name: str, path: Sequence[str], kind: str, value: Value) -> str:
    feature = find_feature(plan.features.get(path[0]), tuple(path[1:]))
    names = feature.get("names") if isinstance(feature, Mapping) else None
    if kind == _NUMBER and isinstance(names, list) and value in names:
        return f"compare its name: {name}.name = {_written(value)}"
    if kind == _TEXT:
        return f'put the value in quotes: "{_written(value)}"'
    if kind == _NUMBER:
        return "compare it with a number, without quotes"
    if kind == _TRUTH:
        return "compare it with true or false"
    fields = [each for each in feature if isinstance(feature, Mapping)] if feature else []
    if kind == "a struct of fields" and fields:
        return f"name a field in it, such as {name}.{fields[0]}"
    return "name a field that is a text, a number, or true or false"


def _find(plan: Plan, name: str) -> tuple[str, ...]:
    has_audio = plan.audio_column is not None
    in_index = dict(zip(plan.columns, index_names(plan.columns, plan.all_audio), strict=True))
    if name == "row":
        return ("row",)
    if has_audio and name in QUALITY_NAMES:
        return ("audio_info", "quality", name)
    if has_audio and name in _INFO_NAMES:
        return ("audio_info", name)
    if name == "text" and (path := text_path(plan)) is not None:
        return (in_index.get(path[0], path[0]), *path[1:])
    tree: dict[str, Any] = {column: _tree(plan.features.get(at)) for column, at in in_index.items()}
    path = (name,) if name in tree else find_path(tree, name)
    if path is not None and path[0] not in plan.all_audio:
        return (in_index[path[0]], *path[1:])
    ours = ["row", "text", *(_INFO_NAMES + QUALITY_NAMES if has_audio else ())]
    known = [*ours, *(column for column in plan.columns if column not in plan.all_audio)]
    near = nearest_name(name, known)
    raise RequestInvalid(
        f"{plan.dataset}: keep names {name!r}, which no row has",
        why=f"its rows have {', '.join(dict.fromkeys(known))}",
        mend=f"did you mean {near}?" if near is not None else "name one of these",
    )


def _tree(feature: Any) -> Any:
    """The fields of a column that is a struct or a class, by name."""
    if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel":
        return dict.fromkeys(("index", "name"))
    if not isinstance(feature, Mapping) or "_type" in feature:
        return None
    return {name: _tree(inner) for name, inner in feature.items()}
