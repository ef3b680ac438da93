"""Values as bytes and back, type for type and without pickle.

kind: `json` (None, truth values, numbers, text, lists, and mappings with text keys), `bytes`,
`polars` and `arrow` (tables, as Arrow IPC), `npy` (NumPy arrays). Any other value has no bytes:
a set, a tuple, NaN outside of a table or array, an object, a subclass of one of these types.
"""

import io
import json
import math
from typing import Any, Final, TypeAlias

Encoded: TypeAlias = tuple[str, bytes]

KINDS: Final = ("json", "bytes", "polars", "arrow", "npy")
# Deeper values have no bytes; it is below what Python's json module reads again.
_DEEPEST: Final = 200


def encode(value: Any) -> Encoded | None:
    """The kind and the bytes of a value; None if it would come back as another value."""
    if type(value) is bytes:
        return "bytes", value
    if _is_plain(value, _DEEPEST):
        return "json", json.dumps(value).encode()
    try:
        return _encode_array(value) or _encode_polars(value) or _encode_arrow(value)
    except Exception:  # noqa: BLE001  # a table or array of objects: each library raises its own
        return None


def decode(kind: str, data: bytes) -> Any:
    """The value of some bytes. Raises ValueError, or what the library raises for broken bytes."""
    if kind == "bytes":
        return data
    if kind == "json":
        return json.loads(data)
    if kind == "npy":
        import numpy as np

        return np.load(io.BytesIO(data), allow_pickle=False)
    if kind == "polars":
        import polars as pl

        return pl.read_ipc(io.BytesIO(data), use_pyarrow=False)
    if kind == "arrow":
        import pyarrow as pa

        return pa.ipc.open_stream(data).read_all()
    raise ValueError(f"{kind} is no kind of value")


def _is_plain(value: Any, depth: int) -> bool:
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return True
    if kind is float:
        return math.isfinite(value)
    if depth == 0:
        return False
    if kind is list:
        return all(_is_plain(item, depth - 1) for item in value)
    if kind is dict:
        return all(type(key) is str and _is_plain(item, depth - 1) for key, item in value.items())
    return False


def _of_library(value: Any, name: str) -> bool:
    """Whether a value's type is of a library; the library is not imported for it."""
    return type(value).__module__.split(".")[0] == name


def _encode_array(value: Any) -> Encoded | None:
    if not _of_library(value, "numpy"):
        return None
    import numpy as np

    if type(value) is not np.ndarray or value.dtype.hasobject or value.dtype.metadata:
        return None
    file = io.BytesIO()
    np.save(file, value, allow_pickle=False)
    back = decode("npy", file.getvalue())
    is_same = back.dtype == value.dtype and back.shape == value.shape
    return ("npy", file.getvalue()) if is_same else None


def _encode_polars(value: Any) -> Encoded | None:
    if not _of_library(value, "polars"):
        return None
    import polars as pl

    if type(value) is not pl.DataFrame:
        return None
    file = io.BytesIO()
    value.write_ipc(file)
    back = decode("polars", file.getvalue())
    is_same = back.schema == value.schema and back.equals(value)
    return ("polars", file.getvalue()) if is_same else None


def _encode_arrow(value: Any) -> Encoded | None:
    if not _of_library(value, "pyarrow"):
        return None
    import pyarrow as pa

    if type(value) is not pa.Table:
        return None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, value.schema) as writer:
        writer.write_table(value)
    data = sink.getvalue().to_pybytes()
    back = decode("arrow", data)
    is_same = back.schema.equals(value.schema, check_metadata=True) and back.num_rows == len(value)
    return ("arrow", data) if is_same else None
