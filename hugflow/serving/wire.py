"""Messages as bytes: JSON, or Arrow IPC where they hold bytes.

    {"message_id": "...", "created_at": "...", "src_flow": null, "dst_flow": "Reverse",
     "user_id": "U...", "reply_to": null, "data": {"number": 1234}}

A message with bytes, at any depth, is an Arrow stream with one column `blobs`. The JSON lies in the
schema's metadata, with `{"<marker>": 3}` in the place of the fourth value; the marker is new for
each message, so no data can be taken for one.
"""

import json
import struct
from functools import partial
from itertools import accumulate
from mmap import mmap
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    import pyarrow as pa

# What every Arrow IPC stream begins with; no JSON text does.
_ARROW = b"\xff\xff\xff\xff"
_JSON_KEY = b"message"
_MARKER_KEY = b"marker"
# By Arrow's format/Message.fbs: `header` of Message, `compression` of RecordBatch.
_HEADER_FIELD = 2
_COMPRESSION_FIELD = 3
_BYTES = (bytes, bytearray, memoryview)
# What a stream has beside the JSON and the bytes; and for each value, its offset and its marker.
_ARROW_BYTES = 1024
_BLOB_BYTES = 64
_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_READER = json.JSONDecoder()
_UINT16, _UINT32, _INT32 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<i")


def encode(value: Any) -> bytes:
    """A value of JSON and bytes. Raises TypeError and ValueError for any other."""
    try:
        return _write_plain(value)
    except TypeError:
        return _encode_blobs(value)


def most_bytes(value: Any) -> int:
    """A length that `encode` does not exceed, found without copying any bytes."""
    size = _ARROW_BYTES

    def count(each: object) -> str:
        nonlocal size
        size += memoryview(_check_bytes(each)).nbytes + _BLOB_BYTES
        return ""

    return size + len(json.dumps(value, default=count))


def decode(data: bytes) -> Any:
    """The value that `encode` was given. Raises ValueError for anything else."""
    # One error for all that a stranger may send: after another one a message would come again.
    try:
        return _from_arrow(data) if data[:4] == _ARROW else _READER.decode(_to_text(data))
    except (LookupError, OSError, RecursionError, StopIteration, TypeError, struct.error) as error:
        raise ValueError(f"it is no message: {type(error).__name__}: {error}") from error


def _to_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def plain_copy(value: Any) -> Any:
    """A copy that shares nothing with the value. Raises TypeError and ValueError for no JSON."""
    return json.loads(json.dumps(value, allow_nan=False))


def _write_plain(value: Any) -> bytes:
    try:
        return _PLAIN.encode(value).encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair has no UTF-8, but an escape.
        return json.dumps(value, separators=(",", ":")).encode()


def _encode_blobs(value: Any) -> bytes:
    blobs: list[bytes] = []
    marker = f"$bytes-{uuid4().hex}"

    def lift(each: object) -> dict[str, int]:
        blobs.append(bytes(_check_bytes(each)))
        return {marker: len(blobs) - 1}

    dumps = partial(json.dumps, default=lift, separators=(",", ":"))
    try:
        text = dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        blobs.clear()
        text = dumps(value).encode()
    return _to_arrow(text, marker, blobs)


def _check_bytes(value: object) -> bytes | bytearray | memoryview:
    if not isinstance(value, _BYTES):
        raise TypeError(f"{type(value).__name__} is neither JSON nor bytes")
    return value


def _from_arrow(data: bytes) -> Any:
    import pyarrow as pa

    try:
        schema, columns = _read_columns(data)
        for column in columns:
            # Offsets that lead out of the message would be followed.
            column.validate(full=True)
    except pa.ArrowException as error:
        raise ValueError(f"it is no message: {error}") from error
    metadata = schema.metadata or {}
    marker = metadata[_MARKER_KEY].decode()
    blobs = [blob for column in columns for blob in column.to_pylist()]

    def put_back(each: dict[str, Any]) -> Any:
        return blobs[each[marker]] if len(each) == 1 and marker in each else each

    return json.loads(metadata[_JSON_KEY], object_hook=put_back)


def _read_columns(data: bytes) -> "tuple[pa.Schema, list[pa.Array]]":
    """The column of each batch of a stream whose size in memory is that of the stream.

    Raises ValueError for compressed batches, which could be a thousand times as large as they came,
    and for any column but `blobs`: one of nulls is of any length in no bytes.
    """
    import pyarrow as pa

    reader = pa.ipc.MessageReader.open_stream(pa.py_buffer(data))
    schema = pa.ipc.read_schema(reader.read_next_message())
    if schema.names != ["blobs"] or schema.types != [pa.large_binary()]:
        raise ValueError("it is no message: it is not one column of bytes")
    columns: list[pa.Array] = []
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return schema, columns
        if message.type != "record batch" or _is_compressed(message.metadata.to_pybytes()):
            raise ValueError("it is no message: its bytes are compressed, or no bytes")
        columns.append(pa.ipc.read_record_batch(message, schema).column(0))


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


def _to_arrow(text: bytes, marker: str, blobs: list[bytes]) -> bytes:
    # Loading it takes longer than most calls, which hold no bytes.
    import pyarrow as pa

    offsets = pa.array(accumulate(map(len, blobs), initial=0), pa.int64()).buffers()[1]
    size = sum(map(len, blobs))
    # Arrow writes what surrounds the bytes. Address space, of which no page is touched, holds their
    # place, so that they are copied once: each copy of a batch costs a tenth of its transfer.
    place = pa.py_buffer(mmap(-1, size) if size else b"")
    column = pa.Array.from_buffers(pa.large_binary(), len(blobs), [None, offsets, place])
    schema = pa.schema([("blobs", pa.large_binary())]).with_metadata(
        {_JSON_KEY: text, _MARKER_KEY: marker.encode()}
    )
    sink = _Pieces()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
        writer.write_batch(pa.record_batch([column], schema=schema))
    pieces = sink.pieces
    if size:
        [at] = [
            number
            for number, piece in enumerate(pieces)
            if isinstance(piece, pa.Buffer) and piece.address == place.address
        ]
        pieces[at : at + 1] = blobs
    return b"".join(pieces)


class _Pieces:
    """A file that keeps what is written, without copying what is large."""

    closed = False

    def __init__(self) -> None:
        self.pieces: list[bytes | pa.Buffer] = []

    def write(self, piece: "bytes | pa.Buffer") -> None:
        self.pieces.append(piece)

    def flush(self) -> None:
        """There is nothing to do."""

    def close(self) -> None:
        """There is nothing to do."""
