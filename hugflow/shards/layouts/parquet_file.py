"""Fetched parquet files, read by Arrow's native code.

This module imports little but pyarrow, because a child process reads each file with it first:
see `hugflow.shards.rehearse`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.shards.layouts.batch_size import BATCH_BYTES, BATCH_ROWS
from hugflow.workers.channel import Bytes, Header
from hugflow.workers.child import Answer

READ_BYTES: Final = 1 << 20
# Bytes of a number and its position in nested lists, while a column is read.
VALUE_BYTES: Final = 12


def read_group(
    path: Path, metadata: pq.FileMetaData, group: int, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of one row group, in batches of about BATCH_BYTES and at most BATCH_ROWS.

    Each row group has its own reader, because one reader over the whole file keeps finished groups
    in memory. Raises ArrowException and OSError.
    """
    about = metadata.row_group(group)
    row_bytes = _group_bytes(about) // max(about.num_rows, 1)
    batch_rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(row_bytes, 1)))
    # Neither mapped nor buffered ahead: memory would hold the whole group twice.
    left, last = about.num_rows, None
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=READ_BYTES) as file:
        batches = file.iter_batches(batch_rows, row_groups=[group], columns=columns)
        for batch in batches:
            if last is not None:
                yield from cut_batch(last)
            left -= batch.num_rows
            last = batch if left <= 0 else None
            if last is None:
                yield from cut_batch(batch)
        # A recording of hours may be a whole group, and its pages take twice as much again.
        del batches
    if last is not None:
        del batch
        # Arrow keeps what it freed for the next group, which may never come.
        pa.default_memory_pool().release_unused()
        yield from cut_batch(last)


def answer(header: Header, data: Bytes) -> Answer:
    """In a child process: read the files of a shard from their begin to their end.

    groups: the row groups to read, where a file has only these.
    """
    rows = 0
    for path in map(Path, header["read"]):
        metadata = pq.read_metadata(path)
        for group in header.get("groups", range(metadata.num_row_groups)):
            rows += sum(batch.num_rows for batch in read_group(path, metadata, group))
    pa.default_memory_pool().release_unused()
    return Answer({"rows": rows})


def _group_bytes(group: pq.RowGroupMetaData) -> int:
    """The approximate memory of a row group, which may be far more than its bytes in the file."""
    values = sum(group.column(column).num_values for column in range(group.num_columns))
    return int(max(group.total_byte_size, values * VALUE_BYTES))


def cut_batch(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in pieces of about BATCH_BYTES: values that the file holds once may be large here."""
    row_bytes = max(batch.nbytes // max(batch.num_rows, 1), 1)
    piece_rows = max(1, BATCH_BYTES // row_bytes)
    for start in range(0, batch.num_rows, piece_rows):
        yield batch.slice(start, piece_rows)
