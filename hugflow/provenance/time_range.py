"""The time range of a row in its recording, as the plan or the row's JSON has it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hugflow.audio.cut import Cut
from hugflow.shards.plan import Shard
from hugflow.store.atomic import read_file


def find_time_range(shard: Shard, row: int, json_file: Path) -> Cut | None:
    """The time range of a row of a shard; None for a whole clip, or if nothing on the disk says it.

    json_file: of the row; it may be missing.
    """
    detail = _to_object(shard.detail)
    if "whole" in detail:
        return None
    found: Cut | None = None
    if detail.get("cuts"):
        told = detail["cuts"][row - shard.first_row]
        found = None if told is None else Cut.from_json(told)
    elif detail.get("ranges"):
        found = _read_range(detail["ranges"], json_file)
    is_whole = found is not None and (found.start, found.end) == ("0", None)
    return None if found is None or found.is_empty or is_whole else found


def _read_range(told: Mapping[str, Any], json_file: Path) -> Cut | None:
    """The range in the columns that hold it."""
    # Imported here: most datasets have no ranges.
    from hugflow.shards.column_path import find_path
    from hugflow.shards.kept_fields import value_at
    from hugflow.shards.layouts.cut_rows import Ranges, to_cut

    ranges = Ranges.from_json(told)
    if ranges is None or ranges.start is None:
        return None
    try:
        row = _to_object(read_file(json_file).decode())
    except (OSError, UnicodeDecodeError):
        return None
    paths = (find_path(row, name) for name in ranges.names)
    start, other = (None if path is None else value_at(row, path) for path in paths)
    return to_cut(start, other, ranges)


def _to_object(text: str) -> dict[str, Any]:
    """The object of a JSON text; an empty one for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
