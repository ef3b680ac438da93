"""What a dataset's audio column holds, recognised value by value."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeGuard

from hugflow.audio.bad import AudioBad
from hugflow.late_dataclass import dataclass

# A child process that converts clips has no other use for pyarrow, whose import takes 0.1 s.
if TYPE_CHECKING:
    import pyarrow as pa


class Decoder(Protocol):
    """torchcodec's AudioDecoder, or what behaves like one.

    The samples it gives have `data`, of shape (channels, frames), and `sample_rate`.
    """

    def get_all_samples(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """One clip as a file's bytes, and the path it had where it came from.

    `path` is a stranger's word: it is carried along as text, and nothing is ever opened by it.
    """

    data: bytes | memoryview
    path: str | None = None


@dataclass(frozen=True, slots=True)
class NamedAudio:
    """One clip as a file that lies elsewhere; which one `path` means is not decided here."""

    path: str


@dataclass(frozen=True, slots=True)
class SampledAudio:
    """One clip as samples, neither looked at yet; `path` as in `EncodedAudio`."""

    array: object
    sampling_rate: object
    path: str | None = None


@dataclass(frozen=True, slots=True)
class DecoderAudio:
    """One clip as an object that decodes it when asked."""

    decoder: Decoder


Audio: TypeAlias = EncodedAudio | NamedAudio | SampledAudio | DecoderAudio
AudioValue: TypeAlias = (
    "Audio | Mapping[str, object] | Decoder | bytes | bytearray | memoryview | pa.Buffer | None"
)


def read_audio_value(value: AudioValue) -> Audio:
    """Recognise the shape of one audio value, without copying its bytes or samples.

    Known are

        {"bytes", "path"}                     encoded; the path may be absent or null
        bytes, bytearray, memoryview, pyarrow.Buffer        the same, raw
        {"array", "sampling_rate", "path"}    samples, where bytes are absent or null
        {"path"}                              a name, where both are
        an object with `get_all_samples()`

    Raises AudioBad: `audio_missing` for null and for none of bytes, array and path, `audio_empty`
    for zero bytes, `audio_unsupported` for any other shape.
    """
    if isinstance(value, EncodedAudio | NamedAudio | SampledAudio | DecoderAudio):
        return value
    if value is None:
        raise AudioBad("audio_missing", "the audio is null")
    if isinstance(value, Mapping):
        return _read_mapping(value)
    if _is_decoder(value):
        return DecoderAudio(value)
    return EncodedAudio(view_bytes(value))


def view_bytes(data: object) -> bytes | memoryview:
    """The bytes of one file as they lie, unsigned; raises AudioBad when they are none."""
    if not (isinstance(data, bytes | bytearray | memoryview) or _is_arrow_buffer(data)):
        raise AudioBad("audio_unsupported", f"the audio is of type {type(data).__name__}")
    view = data if isinstance(data, bytes) else _flat(memoryview(data))
    if not len(view):
        raise AudioBad("audio_empty", "the audio has zero bytes")
    return view


def _is_arrow_buffer(data: object) -> "TypeGuard[pa.Buffer]":
    arrow = sys.modules.get("pyarrow")
    return arrow is not None and isinstance(data, arrow.Buffer)


def _is_decoder(value: object) -> TypeGuard[Decoder]:
    return callable(getattr(value, "get_all_samples", None))


def _read_mapping(value: Mapping[str, object]) -> Audio:
    data, array, path = value.get("bytes"), value.get("array"), value.get("path")
    known_path = path if isinstance(path, str) and path else None
    if data is not None:
        return EncodedAudio(view_bytes(data), known_path)
    if array is not None:
        return SampledAudio(array, value.get("sampling_rate"), known_path)
    if known_path:
        return NamedAudio(known_path)
    raise AudioBad("audio_missing", "the audio has neither bytes nor an array nor a path")


def _flat(view: memoryview) -> memoryview:
    # An Arrow buffer shows itself as signed bytes, which neither slice-assign nor compare as ours.
    if not view.c_contiguous:
        raise AudioBad("audio_unsupported", "the audio's bytes do not lie in one piece")
    return view.cast("B")
