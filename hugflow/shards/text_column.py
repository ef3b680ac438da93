"""Choosing the text column of a dataset: what it may hold, and the advice of a refusal."""

from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa

from hugflow.errors import RequestInvalid
from hugflow.nearest import nearest_name
from hugflow.shards.arrow import is_list, is_text
from hugflow.shards.audio_warnings import audio_columns as certain_audio
from hugflow.shards.column_path import Path, find_feature, find_path, list_fields, schema_tree
from hugflow.shards.declared import declared_feature, declared_features
from hugflow.shards.plan_request import PlanRequest

MOST_NAMED = 8
# Usual names of transcripts in speech datasets, for advice when no name is similar.
USUAL_NAMES = ("text", "sentence", "transcription", "transcript", "normalized_text", "audio")


def choose_text_column(
    at: str, schema: pa.Schema, request: PlanRequest, audio_columns: Collection[str]
) -> tuple[str | None, tuple[str, ...]]:
    """The text column, and a warning when the default one does not exist.

    at: the repository at its commit, as errors name it.
    audio_columns: of which MP3s are made.

    Raises RequestInvalid for a requested column that does not exist or holds no text.
    """
    column = request.text_column
    path = find_path(schema_tree(schema), column)
    # Of the audio only the clip and its origin are kept.
    if path is not None and (path[0] not in audio_columns or len(path) == 1):
        _refuse_no_text(at, schema, request, path, audio_columns)
        return column, ()
    audio = {*audio_columns, *certain_audio(schema)}
    others = [name for name in schema.names if name not in audio]
    nearest = nearest_column(column, others)
    if "text_column" in request.asked:
        raise RequestInvalid(
            f"{at}: no text column {column!r}",
            why=f"the dataset has the columns {', '.join(map(repr, schema.names))}",
            mend=f"set text_column: {nearest!r}",
        )
    hint = f"; if {nearest!r} is it, set text_column: {nearest!r}" if others else ""
    return None, (f"the dataset has no column {column!r}, so rows get no text{hint}",)


def _refuse_no_text(
    at: str, schema: pa.Schema, request: PlanRequest, path: Path, audio_columns: Collection[str]
) -> None:
    """Raise RequestInvalid when a field does not hold text that can be a row's text."""
    type_ = _type_at(schema, path)
    if _is_text(type_) or is_label(schema, path):
        return
    column = request.text_column
    if is_list(type_) and _is_text(type_.value_type):
        if request.text_join is not None:
            return
        raise RequestInvalid(
            f"{at}: the column {column!r} holds lists of texts",
            why=f"its type is {type_}, and the text of a row is one text",
            mend='set text_join: " " to join the texts of a row, or name another text_column',
        )
    texts = [found for found in _texts(schema) if found[0] not in audio_columns]
    inside = [".".join(found) for found in texts if found[: len(path)] == path]
    others = [".".join(found) for found in texts if found[: len(path)] != path]
    named = inside or others
    raise RequestInvalid(
        f"{at}: the column {column!r} holds no text",
        why=f"its type is {type_}; text is text, or a class with a name"
        + (f"; the texts inside it are {_listed(inside)}" if inside else ""),
        mend=f"set text_column: {nearest_column(column, named)!r}"
        + (f", or another of {_listed(named)}" if len(named) > 1 else "")
        if named
        else "no other column holds text: choose another subset or revision, or tell the dataset's "
        "owner",
    )


def is_label(schema: pa.Schema, path: Path) -> bool:
    """Whether a field holds classes with names."""
    if not pa.types.is_integer(_type_at(schema, path)):
        return False
    declared = declared_features(schema).get(path[0])
    feature: Any = declared_feature(schema.field(path[0]), declared)
    found = find_feature(feature, path[1:])
    return getattr(found, "names", None) is not None


def nearest_column(name: str, columns: Sequence[str]) -> str:
    """The column with the name most similar to `name`, else one with a usual name."""
    usual = [column for column in USUAL_NAMES if column in columns]
    if not usual:
        usual = [column for column in columns if column.rpartition(".")[2] in USUAL_NAMES]
    return nearest_name(name, columns) or (usual or list(columns) or [name])[0]


def _texts(schema: pa.Schema) -> list[Path]:
    """The paths of the fields that hold text, at any depth."""
    tree = schema_tree(schema)
    top: list[tuple[Path, Any]] = [((name,), found) for name, found in tree.items()]
    return [
        path
        for path, found in [*top, *list_fields(tree)]
        if isinstance(found, pa.DataType) and _is_text(found) and not pa.types.is_null(found)
    ]


def _type_at(schema: pa.Schema, path: Path) -> pa.DataType:
    type_ = schema.field(path[0]).type
    for name in path[1:]:
        type_ = type_.field(name).type
    return type_


def _is_text(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        return is_text(type_.value_type)
    return is_text(type_) or bool(pa.types.is_null(type_))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if names[MOST_NAMED:] else ""
    return ", ".join(map(repr, names[:MOST_NAMED])) + more
