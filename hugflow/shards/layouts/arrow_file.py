"""Fetched Arrow files, in the stream format (`save_to_disk`) or the file format.

This module imports little but pyarrow, because a child process reads each file with it first:
see `hugflow.shards.rehearse`.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa

from hugflow.shards.layouts.batch_size import BATCH_ROWS
from hugflow.shards.layouts.parquet_file import cut_batch
from hugflow.workers.channel import Bytes, Header
from hugflow.workers.child import Answer

MAGIC: Final = b"ARROW1"
_MARK: Final = b"\xff\xff\xff\xff"
_RECORD_BATCH: Final = 3
_MOST_HEADER_BYTES: Final = 16 << 20


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a file in order, in small batches; raises ArrowException and OSError.

    The file is mapped, so a batch of the file, which may be large, is not in memory whole.
    """
    with pa.memory_map(str(path)) as mapped:
        is_file = mapped.read(len(MAGIC)) == MAGIC
        mapped.seek(0)
        for batch in _file_batches(mapped) if is_file else pa.ipc.open_stream(mapped):
            for piece in cut_batch(batch):
                for start in range(0, piece.num_rows, BATCH_ROWS):
                    yield piece.slice(start, BATCH_ROWS)


def answer(header: Header, data: Bytes) -> Answer:
    """In a child process: read the files of a shard from their begin to their end."""
    rows = 0
    for path in map(Path, header["read"]):
        for batch in read_batches(path):
            batch.validate(full=True)
            rows += batch.num_rows
    return Answer({"rows": rows})


def read_head(file: BinaryIO) -> pa.Schema:
    """The schema of a file in either format; `file` is at its start. Raises ArrowException."""
    is_file = file.read(len(MAGIC)) == MAGIC
    file.seek(8 if is_file else 0)
    schema: pa.Schema = pa.ipc.open_stream(file).schema
    return schema


def count_by_headers(file: BinaryIO, size_bytes: int) -> int | None:
    """The rows of a file in the stream format, from the headers of its messages alone.

    None if it is in another format or cut short.
    https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format
    """
    at = rows = 0
    while True:
        file.seek(at)
        head = file.read(8)
        if head[:4] != _MARK or len(head) < 8:
            return None
        (length,) = struct.unpack("<i", head[4:])
        if length == 0:
            return rows
        if not 0 < length <= _MOST_HEADER_BYTES:
            return None
        found = _read_message(file.read(length))
        if found is None:
            return None
        kind, more, body = found
        rows += more if kind == _RECORD_BATCH else 0
        at += 8 + length + body
        if body < 0 or at > size_bytes:
            return None
        if at == size_bytes:
            return rows


def _file_batches(mapped: Any) -> Iterator[pa.RecordBatch]:
    reader = pa.ipc.open_file(mapped)
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)


def _read_message(data: bytes) -> tuple[int, int, int] | None:
    """Kind, rows and bytes of the body of a message; None if its flatbuffer is damaged."""
    try:
        (root,) = struct.unpack_from("<I", data, 0)
        kind_at, header_at, body_at = (_field(data, root, number) for number in (1, 2, 3))
        kind = data[kind_at] if kind_at else 0
        body = struct.unpack_from("<q", data, body_at)[0] if body_at else 0
        rows = 0
        if kind == _RECORD_BATCH and header_at:
            table = header_at + struct.unpack_from("<I", data, header_at)[0]
            rows_at = _field(data, table, 0)
            rows = struct.unpack_from("<q", data, rows_at)[0] if rows_at else 0
    except (struct.error, IndexError):
        return None
    return (kind, rows, body) if rows >= 0 else None


def _field(data: bytes, table: int, number: int) -> int:
    """Where a field of a flatbuffer's table is; 0 if it is absent."""
    (back,) = struct.unpack_from("<i", data, table)
    fields = table - back
    (size,) = struct.unpack_from("<H", data, fields)
    place = 4 + 2 * number
    if place >= size:
        return 0
    (offset,) = struct.unpack_from("<H", data, fields + place)
    return table + offset if offset else 0
