"""One value of the audio column, in the form that the converter takes."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hugflow.audio.bad import AudioBad
from hugflow.shards.arrow import is_binary, is_list, is_text
from hugflow.shards.failed_clips import ClipType, clip_storage, failure_of
from hugflow.shards.stems import text_or_none

_FIELDS = ("bytes", "path", "array", "sampling_rate")


def audio_value(scalar: pa.Scalar) -> Any:
    """One audio value; bytes and samples stay in Arrow's buffers when possible.

    A struct gives a mapping of its `bytes`, `path`, `array` and `sampling_rate`, as far as it has
    them. A text gives the mapping of a path, binary a buffer, null None; a list of one its element.

    Raises AudioBad: `audio_several` for a longer list, `audio_unsupported` for a value that Python
    cannot represent, and what a layout says of the row (`FailedClip`).
    """
    if not scalar.is_valid:
        return None
    if failed := failure_of(scalar):
        raise AudioBad(failed.code, failed.message)
    scalar = clip_storage(scalar)
    type_ = scalar.type
    if is_list(type_):
        if len(scalar) > 1:
            raise AudioBad(
                "audio_several", f"the row has {len(scalar)} clips, where one was expected"
            )
        return audio_value(scalar[0]) if len(scalar) else None
    if is_text(type_):
        return {"path": text_or_none(scalar)}
    if not pa.types.is_struct(type_):
        return scalar.as_buffer()
    names = [name for name in _FIELDS if type_.get_field_index(name) >= 0]
    try:
        return {name: _field(scalar, name) for name in names}
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise AudioBad("audio_unsupported", f"the audio cannot be read: {error}") from error


def may_be_path(type_: pa.DataType) -> bool:
    """Whether a value of this type may hold only a path."""
    if is_list(type_):
        return may_be_path(type_.value_type)
    if isinstance(type_, ClipType):
        return True
    return is_text(type_) or (pa.types.is_struct(type_) and type_.get_field_index("path") >= 0)


def may_be_bytes(type_: pa.DataType) -> bool:
    """Whether a value of this type may hold the bytes of a file."""
    if is_list(type_):
        return may_be_bytes(type_.value_type)
    is_struct = pa.types.is_struct(type_) and type_.get_field_index("bytes") >= 0
    return is_struct or is_binary(type_) or isinstance(type_, ClipType)


def path_of(scalar: pa.Scalar) -> str | None:
    """The path of an audio value that holds only a path; None for any other value."""
    if not scalar.is_valid or failure_of(scalar) is not None:
        return None
    scalar = clip_storage(scalar)
    if is_list(scalar.type):
        return path_of(scalar[0]) if len(scalar) == 1 else None
    if is_text(scalar.type):
        return text_or_none(scalar)
    others = ("bytes", "array")
    known = [name for name in others if scalar.type.get_field_index(name) >= 0]
    return None if any(scalar[name].is_valid for name in known) else text_or_none(scalar["path"])


def _field(scalar: pa.StructScalar, name: str) -> Any:
    field = scalar[name]
    if not field.is_valid:
        return None
    match name:
        case "path":
            return text_or_none(field)
        case "bytes":
            if not is_binary(field.type):
                raise AudioBad("audio_unsupported", f"the audio's bytes are of type {field.type}")
            return field.as_buffer()
        case "array":
            return to_samples(field)
        case _:
            return field.as_py()


def to_samples(scalar: pa.Scalar) -> Any:
    """A list of numbers, or of lists of numbers, as an array; anything else as a Python value.

    Nulls among floats become NaN; among whole numbers the middle of the type's range, which is
    silence.
    """
    values = _flatten(scalar)
    if values is None or not is_list(values.type):
        return scalar.as_py() if values is None else _to_numpy(values)
    lengths = np.diff(np.asarray(values.offsets)) if hasattr(values, "offsets") else None
    # Without Python lists, which take many times the memory.
    if values.null_count:
        raise AudioBad("audio_unsupported", "one of the lists of the audio's array is null")
    if lengths is not None and len(lengths) and lengths.min() != lengths.max():
        raise AudioBad("audio_unsupported", "the lists of the audio's array differ in length")
    return _to_numpy(values.flatten()).reshape(len(values), -1) if len(values) else []


def _flatten(scalar: pa.Scalar) -> pa.Array | None:
    """The values of a list; None for any other value."""
    if isinstance(scalar, pa.ExtensionScalar):
        scalar = scalar.value
    return scalar.values if is_list(scalar.type) else None


def _to_numpy(values: pa.Array) -> npt.NDArray[Any]:
    if values.null_count and pa.types.is_integer(values.type):
        is_unsigned = pa.types.is_unsigned_integer(values.type)
        values = values.fill_null(1 << (values.type.bit_width - 1) if is_unsigned else 0)
    return np.asarray(values.to_numpy(zero_copy_only=False))
