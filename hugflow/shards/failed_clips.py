"""Clips of a batch, of which some say why their row fails instead of having bytes.

A layout that cuts recordings knows of some rows that they fail. Their batch has an audio column of
`ClipType`. The type is known to this program only: no file gives it, whatever its bytes are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import pyarrow as pa

from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.arrow import FILE_TYPE

_CODE, _MESSAGE = "code", "message"
_STORAGE: Final = pa.struct([*FILE_TYPE, (_CODE, pa.string()), (_MESSAGE, pa.string())])


@dataclass(frozen=True, slots=True)
class FailedClip:
    """Why a row fails, in the place of its clip; code: one of `hugflow.audio.bad.REASONS`."""

    code: str
    message: str


def unclear_clip(word: str, paths: Sequence[str]) -> FailedClip:
    """The clip of a row whose word may mean several; paths: two of them."""
    told = " and ".join(repr(in_a_line(path)) for path in paths)
    return FailedClip("path_unclear", f"{in_a_line(word)!r} may mean {told}")


ClipBytes: TypeAlias = bytes | FailedClip | None
# `bytes`: ClipBytes; `path`: where the clip comes from.
Clip: TypeAlias = Mapping[str, Any]


class ClipType(pa.ExtensionType):  # type: ignore[misc]  # pyarrow has no types.
    """Clips with the reasons of those that fail. It is never registered with Arrow."""

    def __init__(self) -> None:
        """There is one such type."""
        super().__init__(_STORAGE, "hugflow.clip")

    def __arrow_ext_serialize__(self) -> bytes:
        """Nothing but the name."""
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> "ClipType":
        """The type of a column whose Python object was collected."""
        return cls()


def to_clips(values: Sequence[Clip | None]) -> pa.Array:
    """An audio column of these clips."""
    if not any(each is not None and isinstance(each["bytes"], FailedClip) for each in values):
        return pa.array(values, FILE_TYPE)
    told = [each if each is None else _told(each["bytes"], each["path"]) for each in values]
    return pa.ExtensionArray.from_storage(ClipType(), pa.array(told, _STORAGE))


def size_of(data: ClipBytes) -> int:
    """The number of bytes."""
    return len(data) if isinstance(data, bytes) else 0


def failure_of(scalar: pa.Scalar) -> FailedClip | None:
    """Why the row of an audio value fails; None for any other value."""
    if not isinstance(scalar.type, ClipType) or not scalar.is_valid:
        return None
    code, message = scalar.value[_CODE], scalar.value[_MESSAGE]
    return FailedClip(code.as_py(), message.as_py()) if code.is_valid else None


def clip_storage(scalar: pa.Scalar) -> pa.Scalar:
    """An audio value as the struct that it is stored as."""
    return scalar.value if isinstance(scalar.type, ClipType) else scalar


def _told(data: ClipBytes, path: str | None) -> dict[str, Any]:
    if isinstance(data, FailedClip):
        return {"bytes": None, "path": path, _CODE: data.code, _MESSAGE: data.message}
    return {"bytes": data, "path": path, _CODE: None, _MESSAGE: None}
