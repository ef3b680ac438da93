"""Where the fields that `keep` names are in the index; an unknown one is refused when planned."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hugflow.audio.quality import NAMES as QUALITY_NAMES
from hugflow.errors import RequestInvalid
from hugflow.nearest import nearest_name
from hugflow.requests.keep import names_in, parse_keep
from hugflow.requests.model import AddRequest
from hugflow.shards.column_path import find_path, text_path
from hugflow.shards.features import AUDIO_INFO_TYPE, index_names
from hugflow.shards.plan import Plan

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
    """Raise RequestInvalid for a `keep` that names what no row has, or quality without measuring."""
    if request.keep is not None:
        refuse_quality(plan, request.keep)


def refuse_quality(plan: Plan, expression: str) -> None:
    """Raise RequestInvalid for an expression over quality that was not measured, or unknown fields."""
    fields = kept_fields(plan, expression)
    quality = [name for name, path in fields.items() if path[:2] == ("audio_info", "quality")]
    if quality and not plan.is_measured:
        raise RequestInvalid(
            f"{plan.dataset}: keep names {quality[0]}, and the quality of its clips is not measured",
            why="it was planned with MEASURE=false, so every row would be left out",
            mend="add `measure: true` to the request, or `measure: all` if its clips are MP3s that "
            "are copied",
        )


def refuse_unmeasured(plan: Plan, expression: str, row: int) -> RequestInvalid:
    """The error for a `keep` over the quality of a copied MP3, which has none."""
    return RequestInvalid(
        f"{plan.dataset}: keep names quality, and row {row} has none",
        why=f"its MP3 was copied and not decoded, so `{expression}` cannot be decided for it",
        mend="write `measure: all` into the request: copied MP3s are decoded to measure them",
    )


def value_at(row: Mapping[str, Any], path: Sequence[str]) -> Any:
    """The value at a path in a row of the index; None where there is none."""
    value: Any = row
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


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
    """The fields of a column that is a struct, by name."""
    if not isinstance(feature, Mapping) or "_type" in feature:
        return None
    return {name: _tree(inner) for name, inner in feature.items()}
