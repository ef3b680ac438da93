"""The schema that the shards of a plan share, and how other shards differ from it."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from hugflow.shards.layouts.layout import Contents


def common_schema(shards: Sequence[Contents]) -> tuple[pa.Schema, dict[int, str]]:
    """The schema that files share, and how other files differ from it, by their position.

    It has the columns that most rows have, in types that hold the values of every agreeing file. A
    file with other columns would lose values silently, or lack some. A file without rows has no
    values to lose.
    """
    usual = _find_usual([shard for shard in shards if shard.rows != 0] or shards[:1])
    common, odd = usual.schema, {}
    for index, shard in enumerate(shards):
        # Among thousands of files nearly all are equal.
        if shard.rows == 0 or shard.schema.equals(common):
            continue
        if differences := _other_columns(usual, shard):
            odd[index] = differences
            continue
        try:
            schemas = [_without_dictionaries(each) for each in (common, shard.schema)]
            common = pa.unify_schemas(schemas, promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            odd[index] = _other_types(common, shard)
    return common, odd


def _without_dictionaries(schema: pa.Schema) -> pa.Schema:
    """The schema with dictionary types replaced by their value types."""
    for at, field in enumerate(schema):
        if pa.types.is_dictionary(field.type):
            schema = schema.set(at, field.with_type(field.type.value_type))
    return schema


def _find_usual(shards: Sequence[Contents]) -> Contents:
    """A file with the most common columns, by rows, and among those the most common types."""
    if all(shard.schema.equals(shards[0].schema) for shard in shards):
        return shards[0]
    columns = [frozenset(shard.schema.names) for shard in shards]
    types = [frozenset((each.name, str(each.type)) for each in f.schema) for f in shards]
    rows_by_columns: Counter[frozenset[str]] = Counter()
    rows_by_types: Counter[frozenset[tuple[str, str]]] = Counter()
    for place, shard in enumerate(shards):
        rows_by_columns[columns[place]] += _weight(shard)
        rows_by_types[types[place]] += _weight(shard)
    # If several are equal, the first.
    places = range(len(shards))
    return shards[max(places, key=lambda n: (rows_by_columns[columns[n]], rows_by_types[types[n]]))]


def _weight(shard: Contents) -> int:
    """The weight of a shard: its rows; if they are unknown, all shards count the same."""
    return 1 if shard.rows is None else shard.rows


def _other_columns(usual: Contents, other: Contents) -> str:
    """How the columns of a file differ; "" if they do not."""
    lacking = [name for name in usual.schema.names if name not in other.schema.names]
    more = [name for name in other.schema.names if name not in usual.schema.names]
    differences = [f"lacks {name!r}" for name in lacking] + [
        f"has {name!r} besides" for name in more
    ]
    told = " and ".join(differences[:4])
    return f"it {told}, compared with {usual.files[0].path!r}" if told else ""


def _other_types(common: pa.Schema, other: Contents) -> str:
    """The column of a file whose type does not fit the other files."""
    name = next(
        (
            name
            for name in other.schema.names
            if not _go_together(common.field(name), other.schema.field(name))
        ),
        other.schema.names[0],
    )
    return (
        f"its column {name!r} is {other.schema.field(name).type}, where the others have "
        f"{common.field(name).type}"
    )


def _go_together(one: pa.Field, other: pa.Field) -> bool:
    try:
        pa.unify_schemas([pa.schema([one]), pa.schema([other])], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return False
    return True
