"""Which made rows the field `keep` keeps: decided on their index, without encoding anything."""

import json
from collections.abc import Mapping
from typing import Any

from hugflow.errors import RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.requests.keep import parse_keep
from hugflow.rows.kept_values import read_kept_values
from hugflow.stages.build.build import Build
from hugflow.stages.tree.flow_files import left_out_file, made_index_file
from hugflow.store.atomic import is_file, write_if_changed


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
    kept = find_kept(build)
    if kept is not None and kept.left_out and not any(kept.rows_by_shard.values()):
        raise RequestInvalid(
            f"{build.name}: keep leaves out all {len(kept.left_out):,} rows",
            why=f"none meets `{kept.expression}`; the first has {_json(kept.left_out[0][1])}",
            mend="change keep in the request",
        )
    return kept


def find_kept(build: Build) -> Kept | None:
    """The same where it may keep no row at all, as of a sample."""
    expression = build.request.keep
    if expression is None:
        return None
    test, rows_by_shard = parse_keep(expression), {}
    left_out: list[tuple[int, dict[str, Any]]] = []
    for shard in build.shards:
        kept: set[int] = set()
        index = made_index_file(build.folder, shard.name)
        found = read_kept_values(build.plan, index, expression) if is_file(index) else ()
        for row, values in found:
            if test.holds(values):
                kept.add(row)
            else:
                left_out.append((row, values))
        rows_by_shard[shard.name] = frozenset(kept)
    return Kept(expression, rows_by_shard, tuple(left_out))


def write_left_out(build: Build, kept: Kept | None) -> None:
    """List the rows that were left out, with the values that decided it."""
    path = left_out_file(build.folder)
    if kept is None:
        path.unlink(missing_ok=True)
        return
    lines = ({"row": row, **values} for row, values in kept.left_out)
    write_if_changed(path, "".join(f"{_json(line)}\n" for line in lines))


def _json(values: Mapping[str, Any]) -> str:
    # `keep` compares decimals as numbers, but the rows' JSON has them as text.
    return json.dumps(values, ensure_ascii=False, allow_nan=False, default=str)
