"""Rows of a fetched shard, of any layout, as Arrow batches of bounded size."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from hugflow.shards.layouts.layout import unreadable
from hugflow.shards.layouts.registry import find_layout
from hugflow.shards.plan import MOST_UNCOUNTED_ROWS, Shard


def read_rows(
    paths: Sequence[Path],
    shard: Shard,
    *,
    columns: Sequence[str] | None = None,
    is_wanted: Callable[[range], bool] = lambda rows: True,
) -> Iterator[tuple[range, pa.RecordBatch]]:
    """Rows of a fetched shard in order, as (row numbers in the dataset, batch); see `Layout`."""
    layout = find_layout(shard.layout)
    return layout.read_rows(paths, shard, columns=columns, is_wanted=is_wanted)


def count_rows(paths: Sequence[Path], shard: Shard) -> int:
    """The number of rows of a fetched shard; raises ShardUnreadable if it is too large."""
    if shard.rows is not None:
        return shard.rows
    rows = find_layout(shard.layout).count_rows(paths, shard)
    if rows > MOST_UNCOUNTED_ROWS:
        raise unreadable(
            shard,
            f"it has {rows:,} rows; where rows are not counted before they are fetched, a shard "
            f"has at most {MOST_UNCOUNTED_ROWS:,}",
        )
    return rows
