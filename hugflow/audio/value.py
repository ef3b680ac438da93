"""What a dataset's audio column holds, recognised value by value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from hugflow.audio.bad import AudioBad


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """One clip as a file's bytes, and the path it had where it came from.

    `path` is a stranger's word: it is carried along as text, and nothing is ever opened by it.
    """

    data: bytes | memoryview
    path: str | None = None


AudioValue: TypeAlias = EncodedAudio | Mapping[str, object] | bytes | memoryview | pa.Buffer | None


def read_audio_value(value: AudioValue) -> EncodedAudio:
    """Recognise the shape of one audio value, without copying its bytes.

    Known are `{"bytes", "path"}` (either may be absent or null) and raw bytes: `bytes`,
    `bytearray`, `memoryview` or a pyarrow buffer.

    Raises AudioBad: `audio_missing` for null and for neither bytes nor path, `audio_empty` for
    zero bytes, `audio_unsupported` for a path alone and for any other shape.
    """
    if isinstance(value, EncodedAudio):
        return value
    if value is None:
        raise AudioBad("audio_missing", "the audio is null")
    if isinstance(value, Mapping):
        return _read_bytes_and_path(value)
    return EncodedAudio(_view_bytes(value))


def _read_bytes_and_path(value: Mapping[str, object]) -> EncodedAudio:
    data, path = value.get("bytes"), value.get("path")
    known_path = path if isinstance(path, str) and path else None
    if data is not None:
        return EncodedAudio(_view_bytes(data), known_path)
    if known_path:
        raise AudioBad("audio_unsupported", f"the audio is a path without bytes: {known_path}")
    if "array" in value:
        raise AudioBad("audio_unsupported", "the audio is an array of samples")
    raise AudioBad("audio_missing", "the audio has neither bytes nor a path")


def _view_bytes(data: object) -> bytes | memoryview:
    if not isinstance(data, bytes | bytearray | memoryview | pa.Buffer):
        raise AudioBad("audio_unsupported", f"the audio is of type {type(data).__name__}")
    view = data if isinstance(data, bytes) else _flat(memoryview(data))
    if not len(view):
        raise AudioBad("audio_empty", "the audio has zero bytes")
    return view


def _flat(view: memoryview) -> memoryview:
    # An Arrow buffer shows itself as signed bytes, which neither slice-assign nor compare as ours.
    if not view.c_contiguous:
        raise AudioBad("audio_unsupported", "the audio's bytes do not lie in one piece")
    return view.cast("B")
