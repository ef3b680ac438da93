"""The index of a dataset with steps: the rows that passed all steps, with the steps' fields.

The columns are those of the made rows, then the fields of the steps, in order; a field with the
name of a column replaces it. A field has one type in all shards: the smallest that holds every
value, else JSON as text.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.errors import RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.shards.column_path import has_inner_text
from hugflow.shards.features import TEXT, arrow_features
from hugflow.shards.plan import Shard
from hugflow.shards.value_types import fit_value, infer_type, merge_types, to_arrow
from hugflow.stages.build.build import Build
from hugflow.stages.flowing.keep_rows import Kept
from hugflow.stages.flowing.resolved import ResolvedStep
from hugflow.stages.flowing.row_files import read_out
from hugflow.stages.flowing.run_steps import made_rows, read_outcomes
from hugflow.stages.tree.flow_files import made_index_file
from hugflow.store.atomic import (
    commit_file,
    disk_errors,
    fresh_temporary,
    is_file,
    temporary_path,
)
from hugflow.store.digest import file_sha256

ROWS_PER_GROUP = 10_000


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns from steps: their types as `value_types` has them, and `datasets`' features."""

    types: Mapping[str, Any]
    features: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Given:
    """The fields from the steps, for the rows of a shard that passed all steps."""

    rows: list[int]
    values: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class FlowIndex:
    """The written indexes: sha256 of each by its path in the tree; and the card's features."""

    digests: dict[str, str]
    card_features: list[Any]


def write_flow_indexes(
    build: Build,
    steps: Sequence[ResolvedStep],
    places: Mapping[str, Path],
    kept: Kept | None = None,
    check: Callable[[Mapping[str, str]], None] = lambda index: None,
) -> FlowIndex:
    """Write the index of every shard.

    places: of each step's results. kept: the rows that `keep` keeps, if the request has it.
    check: told the sha256 of the written files by their paths in the tree, which are temporary ones;
    what it raises leaves the indexes as they were.
    A shard without remaining rows has no index. The caller has run the steps over all shards.
    """
    types: dict[str, Any] = {}
    for shard in build.shards:
        for name, values in _read_given(build, shard, steps, places, kept).values.items():
            types[name] = reduce(merge_types, map(infer_type, values), types.get(name, "null"))
    _refuse_text(build, types)
    schema = pa.schema([(name, to_arrow(each)) for name, each in types.items()])
    # Importing `datasets` takes seconds.
    features, card_features = arrow_features(schema) if types else ({}, [])
    columns = _Columns(types, features)
    digests: dict[str, str] = {}
    try:
        for shard in build.shards:
            given = _read_given(build, shard, steps, places, kept)
            digest = _stage_index(build, shard, columns, given)
            if digest is not None:
                digests[shard.name] = digest
        check({f"index/{_temporary(build, name).name}": each for name, each in digests.items()})
    except BaseException:
        for shard in build.shards:
            _temporary(build, shard.name).unlink(missing_ok=True)
        raise
    for shard in build.shards:
        _commit_index(build, shard, digests.get(shard.name))
    by_path = {f"index/{name}.parquet": digest for name, digest in digests.items()}
    return FlowIndex(by_path, _add_features(build.plan.card_features, card_features))


def _temporary(build: Build, shard_name: str) -> Path:
    return temporary_path(build.folder.index_file(shard_name))


def _refuse_text(build: Build, types: Mapping[str, Any]) -> None:
    """Raise RequestInvalid for a text of the rows that a step replaces by anything else."""
    name = TEXT if has_inner_text(build.plan) else build.plan.text_column
    if name is not None and types.get(name, "null") not in ("text", "null"):
        raise RequestInvalid(
            f"{build.name}: a step gives {name!r}, which is the text of the rows, as other values "
            "than text",
            why=f"exports read it as text, and its values are {to_arrow(types[name])}",
            mend="give a text or None, or give the field another name",
        )


def _add_features(card: Sequence[Any], given: Sequence[Any]) -> list[Any]:
    """The card's features with those from steps, which replace features of the same name."""
    by_name = {each["name"]: each for each in card}
    return list((by_name | {each["name"]: each for each in given}).values())


def rows_through(build: Build, shard: Shard, steps: Sequence[ResolvedStep]) -> list[int]:
    """The rows of a shard that passed all steps, in order; without steps, all made rows."""
    if not steps:
        return made_rows(made_index_file(build.folder, shard.name))
    outcomes = read_outcomes(build, shard, steps[-1])
    return sorted(row for row, flowed in outcomes.items() if flowed.kind == "out")


def _read_given(
    build: Build,
    shard: Shard,
    steps: Sequence[ResolvedStep],
    places: Mapping[str, Path],
    kept: Kept | None,
) -> _Given:
    rows = rows_through(build, shard, steps)
    if kept is not None:
        rows = [row for row in rows if row in kept.rows_by_shard[shard.name]]
    values: dict[str, list[Any]] = {}
    for step in steps:
        outs = [read_out(places[step.name], row) for row in rows] if step.step.gives else []
        for name in step.step.gives:
            values[name] = [out.get(name) for out in outs]
    return _Given(rows, values)


def _stage_index(build: Build, shard: Shard, columns: _Columns, given: _Given) -> str | None:
    """Write the index of a shard under its temporary name; its sha256, None where it has none."""
    path, made = build.folder.index_file(shard.name), made_index_file(build.folder, shard.name)
    if not given.rows or not is_file(made):
        return None
    table = _compose(_read_table(made), given, columns)
    temporary = fresh_temporary(path)
    with disk_errors(path):
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROWS_PER_GROUP)
        return file_sha256(temporary)


def _commit_index(build: Build, shard: Shard, digest: str | None) -> None:
    """Put the staged index in place; delete the one of a shard that has none now."""
    path, made = build.folder.index_file(shard.name), made_index_file(build.folder, shard.name)
    if digest is None:
        path.unlink(missing_ok=True)
        return
    with disk_errors(path):
        # It may still be the index of the made rows, under two names.
        if is_file(path) and not path.samefile(made) and file_sha256(path) == digest:
            _temporary(build, shard.name).unlink()
        else:
            commit_file(path)


def _read_table(path: Path) -> pa.Table:
    with path.open("rb") as file, pq.ParquetFile(file) as table:
        return table.read()


def _compose(table: pa.Table, given: _Given, columns: _Columns) -> pa.Table:
    place_by_row = {row: place for place, row in enumerate(table.column("row").to_pylist())}
    table = table.take(pa.array([place_by_row[row] for row in given.rows], pa.int64()))
    metadata = table.schema.metadata or {}
    features = json.loads(metadata.get(b"huggingface", b'{"info": {"features": {}}}'))
    for name, values in given.values.items():
        type_ = columns.types[name]
        fitted = [fit_value(value, type_, _never_lost) for value in values]
        array = pa.array(fitted, to_arrow(type_))
        place = table.schema.get_field_index(name)
        column = pa.field(name, array.type)
        table = (
            table.append_column(column, array)
            if place < 0
            else table.set_column(place, column, array)
        )
        features["info"]["features"][name] = columns.features[name]
    return table.replace_schema_metadata({"huggingface": json.dumps(features)})


def _never_lost(name: str) -> None:
    """Refuse a value without a place: the types hold every value of every shard."""
    raise AssertionError(f"{name}: a value has no place in its column")
