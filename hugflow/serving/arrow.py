"""Bytes as an Arrow IPC stream with one column, `blobs`, and metadata beside it.

Each copy of a batch of a megabyte costs a tenth of its transfer, and so do some conversions of
pyarrow: both ways, the bytes are copied once, and offsets are read and written as what they are.
"""

import struct
from collections.abc import Mapping, Sequence
from itertools import accumulate
from mmap import mmap
from typing import Final

import pyarrow as pa

COLUMN: Final = "blobs"
_SCHEMA: Final = pa.schema([(COLUMN, pa.large_binary())])
# By Arrow's format/Message.fbs: `header` of Message, `compression` of RecordBatch.
_HEADER_FIELD: Final = 2
_COMPRESSION_FIELD: Final = 3
_UINT16, _UINT32, _INT32 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<i")


def write_stream(metadata: Mapping[bytes, bytes], blobs: Sequence[bytes]) -> bytes:
    """The stream of some bytes, in their order."""
    ends = list(accumulate(map(len, blobs), initial=0))
    size = ends[-1]
    # Arrow writes what surrounds the bytes. Address space, of which no page is touched, holds their
    # place until they are joined with the rest.
    place = pa.py_buffer(mmap(-1, size) if size else b"")
    offsets = pa.py_buffer(struct.pack(f"<{len(ends)}q", *ends))
    column = pa.Array.from_buffers(pa.large_binary(), len(blobs), [None, offsets, place])
    schema = _SCHEMA.with_metadata(metadata)
    sink = _Pieces()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([column], schema=schema))
    pieces = sink.pieces
    if size:
        [at] = [
            number
            for number, piece in enumerate(pieces)
            if isinstance(piece, pa.Buffer) and piece.address == place.address
        ]
        pieces[at : at + 1] = blobs
    return b"".join(pieces)


def read_stream(data: bytes) -> tuple[dict[bytes, bytes], list[bytes]]:
    """The metadata and the bytes of a stream whose size in memory is that of the stream.

    Raises ValueError, struct.error, OSError and StopIteration for anything else: for compressed
    batches, which could be a thousand times as large as they came; for offsets that lead out of the
    stream; and for any other column: one of nulls is of any length in no bytes.
    """
    try:
        return _read_stream(data)
    except pa.ArrowException as error:
        raise ValueError(f"it is no message: {error}") from error


def _read_stream(data: bytes) -> tuple[dict[bytes, bytes], list[bytes]]:
    reader = pa.ipc.MessageReader.open_stream(pa.py_buffer(data))
    schema = pa.ipc.read_schema(reader.read_next_message())
    if not schema.equals(_SCHEMA):
        raise ValueError("it is no message: it is not one column of bytes")
    blobs: list[bytes] = []
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return schema.metadata or {}, blobs
        if message.type != "record batch" or _is_compressed(message.metadata.to_pybytes()):
            raise ValueError("it is no message: its bytes are compressed, or no bytes")
        blobs += _read_column(pa.ipc.read_record_batch(message, schema).column(0))


def _read_column(column: pa.Array) -> list[bytes]:
    # Offsets that lead out of the stream would be followed.
    column.validate(full=True)
    if column.null_count:
        raise ValueError("it is no message: some of its bytes are missing")
    _, offsets, values = column.buffers()
    if not len(column) or not values:
        return [b""] * len(column)
    ends, view = memoryview(offsets).cast("q"), memoryview(values)
    return [view[ends[at] : ends[at + 1]].tobytes() for at in range(len(column))]


def _is_compressed(message: bytes) -> bool:
    """Whether an Arrow `Message` holds a `RecordBatch` with a `compression`.

    Both are tables of FlatBuffers: a table begins with the distance back to its list of fields, and
    the list says where each field lies in the table, 0 where it is missing. Raises struct.error.
    """
    (root,) = _UINT32.unpack_from(message)
    field = _find_field(message, root, _HEADER_FIELD)
    if not field:
        return False
    batch = field + _UINT32.unpack_from(message, field)[0]
    return bool(_find_field(message, batch, _COMPRESSION_FIELD))


def _find_field(message: bytes, table: int, number: int) -> int:
    """Where a field of a table lies; 0 where it is missing."""
    fields = table - _INT32.unpack_from(message, table)[0]
    at = 4 + 2 * number
    if at + 2 > _UINT16.unpack_from(message, fields)[0]:
        return 0
    (offset,) = _UINT16.unpack_from(message, fields + at)
    return table + offset if offset else 0


class _Pieces:
    """A file that keeps what is written, without copying what is large."""

    closed = False

    def __init__(self) -> None:
        self.pieces: list[bytes | pa.Buffer] = []

    def write(self, piece: bytes | pa.Buffer) -> None:
        self.pieces.append(piece)

    def flush(self) -> None:
        """There is nothing to do."""

    def close(self) -> None:
        """There is nothing to do."""
