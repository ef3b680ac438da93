"""Which made rows the field `keep` keeps: decided on their index, without encoding anything."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from hugflow.errors import RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.requests.keep import parse_keep
from hugflow.shards.kept_fields import kept_fields, refuse_unmeasured, value_at
from hugflow.stages.build.build import Build
from hugflow.stages.tree.flow_files import left_out_file, made_index_file
from hugflow.store.atomic import is_file, write_if_changed

_ROWS_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class Kept:
    """The made rows that meet `keep`, by the shard's name; left_out: what the others had."""

    expression: str
    rows_by_shard: Mapping[str, frozenset[int]]
    left_out: tuple[tuple[int, dict[str, Any]], ...]


def decide_kept(build: Build) -> Kept | None:
    """Decide every made row by the request's `keep`; None without one.

    Raises RequestInvalid when it names the quality of a clip that was not measured, and when it
    keeps no row at all.
    """
    expression = build.request.keep
    if expression is None:
        return None
    test, rows_by_shard = parse_keep(expression), {}
    left_out: list[tuple[int, dict[str, Any]]] = []
    for shard in build.shards:
        kept: set[int] = set()
        for row, values in _read_values(build, made_index_file(build.folder, shard.name)):
            if test.holds(values):
                kept.add(row)
            else:
                left_out.append((row, values))
        rows_by_shard[shard.name] = frozenset(kept)
    if left_out and not any(rows_by_shard.values()):
        raise RequestInvalid(
            f"{build.name}: keep leaves out all {len(left_out):,} rows",
            why=f"none meets `{expression}`; the first has {json.dumps(left_out[0][1])}",
            mend="change keep in the request",
        )
    return Kept(expression, rows_by_shard, tuple(left_out))


def write_left_out(build: Build, kept: Kept | None) -> None:
    """List the rows that were left out, with the values that decided it."""
    path = left_out_file(build.folder)
    if kept is None:
        path.unlink(missing_ok=True)
        return
    lines = ({"row": row, **values} for row, values in kept.left_out)
    write_if_changed(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def _read_values(build: Build, index: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number of each row in an index, and its fields that `keep` names."""
    if not is_file(index):
        return
    plan, expression = build.plan, build.request.keep or ""
    fields = kept_fields(plan, expression)
    columns = list(dict.fromkeys(["row", *(path[0] for path in fields.values())]))
    names_quality = any(path[:2] == ("audio_info", "quality") for path in fields.values())
    with index.open("rb") as file, pq.ParquetFile(file) as table:
        for batch in table.iter_batches(_ROWS_AT_ONCE, columns=columns):
            for line in batch.to_pylist():
                if names_quality and line["audio_info"].get("quality") is None:
                    raise refuse_unmeasured(plan, expression, line["row"])
                yield line["row"], {name: value_at(line, path) for name, path in fields.items()}
