"""Rows of a fetched shard, as Arrow batches of bounded size."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.errors import ShardUnreadable
from hugflow.redact import in_a_line
from hugflow.shards.plan import Shard
from hugflow.store.atomic import disk_errors

BATCH_BYTES = 8 << 20
BATCH_ROWS = 1024
# A number, and its place in lists of lists, while a column is read.
VALUE_BYTES = 12
# Codecs and encryption that this Arrow lacks are ArrowExceptions, damage inside is an OSError.
_CANNOT_BE_READ = (pa.ArrowException, OSError)
READ_BYTES = 1 << 20


def read_rows(
    path: Path,
    shard: Shard,
    *,
    columns: list[str] | None = None,
    is_wanted: Callable[[range], bool] = lambda rows: True,
) -> Iterator[tuple[range, pa.RecordBatch]]:
    """Give the rows of a parquet file in order, as (row numbers in the dataset, batch).

    columns: which to read, in file order; None reads all.
    is_wanted: asked for each row group before anything of it is read.

    A batch holds about BATCH_BYTES and at most BATCH_ROWS rows. Each row group is read through
    a reader of its own: one reader over the whole file keeps the groups it has left behind.

    Raises ShardUnreadable when the file cannot be read, in whole or in part, or has not the rows
    that were planned; CannotWrite where the disk refuses.
    """
    try:
        with disk_errors(path, "read"):
            metadata = pq.read_metadata(path)
    except _CANNOT_BE_READ as error:
        raise _unreadable(shard, str(error)) from error
    groups = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if not metadata.num_rows == sum(groups) == shard.rows:
        raise _unreadable(
            shard,
            f"it has {metadata.num_rows} rows, {sum(groups)} in its row groups, where "
            f"{shard.rows} were planned",
        )
    first = shard.first_row
    for group, group_rows in enumerate(groups):
        if group_rows and is_wanted(range(first, first + group_rows)):
            row_bytes = _group_bytes(metadata.row_group(group)) // group_rows
            batch_rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(row_bytes, 1)))
            try:
                # Neither mapped nor buffered ahead: the whole group would lie in memory once more.
                with (
                    disk_errors(path, "read"),
                    pq.ParquetFile(path, pre_buffer=False, buffer_size=READ_BYTES) as file,
                ):
                    start = first
                    for batch in file.iter_batches(batch_rows, row_groups=[group], columns=columns):
                        for piece in _pieces(batch):
                            yield range(start, start + piece.num_rows), piece
                            start += piece.num_rows
            except _CANNOT_BE_READ as error:
                raise _unreadable(shard, str(error)) from error
            if start != first + group_rows:
                raise _unreadable(
                    shard, f"row group {group} has {start - first} of {group_rows} rows"
                )
        first += group_rows


def _group_bytes(group: pq.RowGroupMetaData) -> int:
    """About what a row group takes in memory: a million equal numbers are a few bytes in its file."""
    values = sum(group.column(column).num_values for column in range(group.num_columns))
    return int(max(group.total_byte_size, values * VALUE_BYTES))


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in pieces of about BATCH_BYTES: values the file holds once may fill it in memory."""
    row_bytes = max(batch.nbytes // max(batch.num_rows, 1), 1)
    piece_rows = max(1, BATCH_BYTES // row_bytes)
    for start in range(0, batch.num_rows, piece_rows):
        yield batch.slice(start, piece_rows)


def _unreadable(shard: Shard, why: str) -> ShardUnreadable:
    return ShardUnreadable(
        f"{shard.file.path} cannot be read",
        why=f"{in_a_line(why)}; its bytes are those the Hub holds, so fetching it "
        "again gives the same",
        mend="tell the dataset's owner, or request a revision whose file is sound",
    )
