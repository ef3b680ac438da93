"""Messages as bytes: JSON, or Arrow IPC where they hold bytes.

    {"message_id": "...", "created_at": "...", "src_flow": null, "dst_flow": "Reverse",
     "user_id": "U...", "reply_to": null, "data": {"number": 1234}}

A message with bytes, at any depth, is an Arrow stream with one column `blobs`. The JSON lies in the
schema's metadata, with `{"<marker>": 3}` in the place of the fourth value; the marker is new for
each message, so no data can be taken for one.
"""

import json
import struct
from typing import Any
from uuid import uuid4

# What every Arrow IPC stream begins with; no JSON text does.
_ARROW = b"\xff\xff\xff\xff"
_JSON_KEY = b"message"
_MARKER_KEY = b"marker"
_BYTES = (bytes, bytearray, memoryview)
# What a stream has beside the JSON and the bytes; and for each value, its offset and its marker.
_ARROW_BYTES = 1024
_BLOB_BYTES = 64
_READER = json.JSONDecoder()


def encode(value: Any) -> bytes:
    """A value of JSON and bytes. Raises TypeError and ValueError for any other."""
    blobs: list[bytes] = []
    marker = ""

    def lift(each: object) -> dict[str, int]:
        nonlocal marker
        marker = marker or f"$bytes-{uuid4().hex}"
        blobs.append(bytes(_check_bytes(each)))
        return {marker: len(blobs) - 1}

    writer = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=lift)
    try:
        text = writer.encode(value).encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair has no UTF-8, but an escape.
        blobs.clear()
        text = json.dumps(value, separators=(",", ":"), default=lift).encode()
    if not blobs:
        return text
    # Loading it takes longer than most calls, which hold no bytes.
    from hugflow.serving.arrow import write_stream

    return write_stream({_JSON_KEY: text, _MARKER_KEY: marker.encode()}, blobs)


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
        if data[:4] == _ARROW:
            return _decode_stream(data)
        return _READER.decode(data.decode("utf-8", "surrogatepass"))
    except (LookupError, OSError, RecursionError, StopIteration, TypeError, struct.error) as error:
        raise ValueError(f"it is no message: {type(error).__name__}: {error}") from error


def plain_copy(value: Any) -> Any:
    """A copy that shares nothing with the value. Raises TypeError and ValueError for no JSON."""
    return json.loads(json.dumps(value, allow_nan=False))


def _decode_stream(data: bytes) -> Any:
    from hugflow.serving.arrow import read_stream

    metadata, blobs = read_stream(data)
    marker = metadata[_MARKER_KEY].decode()

    def put_back(each: dict[str, Any]) -> Any:
        return blobs[each[marker]] if len(each) == 1 and marker in each else each

    return json.loads(metadata[_JSON_KEY], object_hook=put_back)


def _check_bytes(value: object) -> bytes | bytearray | memoryview:
    if not isinstance(value, _BYTES):
        raise TypeError(f"{type(value).__name__} is neither JSON nor bytes")
    return value
