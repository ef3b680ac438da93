"""Fields inside columns, named by dots: `json.text` is the field `text` of the struct `json`.

A column with that very name comes first. Names may hold dots themselves, so a name is split only by
the existing fields.

An audio column inside a struct is lifted out of it first: it becomes a separate column, called
`item.audio`, and the struct no longer has it.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from typing import Any

import pyarrow as pa

from hugflow.shards.arrow import FILE_TYPE
from hugflow.shards.card_features import with_declared
from hugflow.shards.declared import declared_features
from hugflow.shards.features import TEXT, column_features
from hugflow.shards.plan import Plan

Path = tuple[str, ...]


def find_path(tree: Mapping[str, Any], name: str) -> Path | None:
    """The path of names to the field called `name` by dots; None if there is none.

    tree: by name, a mapping for a column with fields, anything for another column.
    """
    if name in tree:
        return (name,)
    for first, inner in tree.items():
        if name.startswith(f"{first}.") and isinstance(inner, Mapping):
            rest = find_path(inner, name.removeprefix(f"{first}."))
            if rest is not None:
                return (first, *rest)
    return None


def schema_tree(schema: pa.Schema) -> dict[str, Any]:
    """The columns of a schema in the form for `find_path`; a column without fields is its type."""
    return {field.name: type_tree(field.type) for field in schema}


def type_tree(type_: pa.DataType) -> Any:
    """The fields of a struct, recursively; any other type unchanged."""
    if not pa.types.is_struct(type_):
        return type_
    return {field.name: type_tree(field.type) for field in type_}


def list_fields(tree: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Every field at any depth below the columns, with its path."""
    for name, inner in tree.items():
        for below, found in inner.items() if isinstance(inner, Mapping) else ():
            yield (name, below), found
            if isinstance(found, Mapping):
                for path, deeper in list_fields({below: found}):
                    yield (name, *path), deeper


def text_path(plan: Plan) -> Path | None:
    """The path of names to a plan's text; None if it has none."""
    if plan.text_column is None:
        return None
    features = column_features(plan)
    tree = {name: _feature_tree(feature) for name, feature in features.items()}
    return find_path(tree, plan.text_column) or (plan.text_column,)


def is_inner_text(schema: pa.Schema, text_column: str | None) -> bool:
    """Whether the index of this schema has a column `text` of its own: see `features`."""
    if text_column is None or TEXT in schema.names:
        return False
    return len(find_path(schema_tree(schema), text_column) or ()) > 1


def has_inner_text(plan: Plan) -> bool:
    """Whether the index of a plan has a column `text` of its own; an earlier plan's has none."""
    return TEXT in plan.features and TEXT not in plan.columns


def take_field(array: pa.Array, path: Path) -> pa.Array:
    """A field inside a struct; null if an enclosing struct is null."""
    for name in path:
        names = [field.name for field in array.type]
        array = array.flatten()[names.index(name)]
    return array


def find_feature(feature: Any, path: Path) -> Any:
    """The feature of a field inside a struct; None if it is unknown."""
    for name in path:
        feature = feature.get(name) if isinstance(feature, dict) else None
    return feature


def lift_schemas(schema: pa.Schema, names: Iterable[str]) -> pa.Schema:
    """The schema with each of the fields `names` as a column, one after the other."""
    return reduce(lift_schema, names, schema)


def lift_batches(batch: pa.RecordBatch, names: Iterable[str]) -> pa.RecordBatch:
    """The rows with each of the fields `names` as a column, as `lift_schemas` has them."""
    return reduce(lift_batch, names, batch)


def lift_schema(schema: pa.Schema, name: str) -> pa.Schema:
    """The schema with the field `name` as a column; unchanged if there is no such field."""
    path = find_path(schema_tree(schema), name)
    if path is None or len(path) == 1:
        return schema
    declared = declared_features(schema)
    fields: list[pa.Field] = []
    for field in schema:
        if field.name != path[0]:
            fields.append(field)
            continue
        inner, rest = _split_type(field.type, path[1:])
        fields.append(pa.field(name, inner))
        if rest is not None:
            fields.append(field.with_type(rest))
    if not declared:
        return pa.schema(fields, schema.metadata)
    told = {**declared, name: find_feature(declared.get(path[0]), path[1:])}
    told[path[0]] = _without(declared.get(path[0]), path[1:])
    told = {column: feature for column, feature in told.items() if feature is not None}
    return with_declared(pa.schema(fields, schema.metadata), told)


def lift_batch(batch: pa.RecordBatch, name: str) -> pa.RecordBatch:
    """The rows with the field `name` as a column, as `lift_schema` has it."""
    if name in batch.schema.names:
        return batch
    path = find_path(schema_tree(batch.schema), name)
    if path is None:
        return batch.append_column(name, pa.nulls(len(batch), FILE_TYPE))
    columns: dict[str, pa.Array] = {}
    for column in batch.schema.names:
        array = batch.column(column)
        if column != path[0]:
            columns[column] = array
            continue
        columns[name] = take_field(array, path[1:])
        rest = _without_field(array, path[1:])
        if rest is not None:
            columns[column] = rest
    return pa.RecordBatch.from_pydict(columns)


def dig(array: pa.Array, name: str) -> pa.Array:
    """The field `name` of a column that was read only for it; or the column itself."""
    for at, letter in enumerate(name):
        if letter == "." and pa.types.is_struct(array.type):
            path = find_path(type_tree(array.type), name[at + 1 :])
            if path is not None:
                return take_field(array, path)
    return array


def _split_type(type_: pa.StructType, path: Path) -> tuple[pa.DataType, pa.DataType | None]:
    """The type of a field, and the struct without it; None if nothing is left."""
    fields: list[pa.Field] = []
    found: pa.DataType = type_
    for field in type_:
        if field.name != path[0]:
            fields.append(field)
        elif len(path) == 1:
            found = field.type
        else:
            found, rest = _split_type(field.type, path[1:])
            fields += [] if rest is None else [field.with_type(rest)]
    return found, pa.struct(fields) if fields else None


def _without_field(array: pa.StructArray, path: Path) -> pa.StructArray | None:
    fields: list[pa.Field] = []
    arrays: list[pa.Array] = []
    for field, child in zip(array.type, array.flatten(), strict=True):
        kept: pa.Array | None = child
        if field.name == path[0]:
            kept = None if len(path) == 1 else _without_field(child, path[1:])
        if kept is not None:
            fields.append(field.with_type(kept.type))
            arrays.append(kept)
    if not fields:
        return None
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=array.is_null())


def _without(feature: Any, path: Path) -> Any:
    if not isinstance(feature, dict):
        return feature
    kept = {name: of for name, of in feature.items() if name != path[0]}
    if len(path) > 1 and path[0] in feature:
        kept[path[0]] = _without(feature[path[0]], path[1:])
    return kept


def _feature_tree(feature: Any) -> Any:
    match feature:
        case {"_type": "Translation", "languages": list(languages)}:
            return dict.fromkeys(languages)
        case {"_type": str()}:
            return {"bytes": None, "path": None} if "decode" in feature else None
        case dict():
            return {name: _feature_tree(inner) for name, inner in feature.items()}
        case _:
            return None
