"""Sound out of encoded bytes, in blocks, through libsndfile."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import soundfile

from hugflow.audio.bad import AudioBad
from hugflow.audio.mono import Samples

BLOCK_FRAMES: Final = 65_536
MAX_CHANNELS: Final = 64
MAX_HOURS: Final = 6

_FORMAT_NAMES: Final = {
    "WAV": "wav",
    "WAVEX": "wav",
    "RF64": "wav",
    "FLAC": "flac",
    "MP3": "mp3",
    "OGG": "ogg",
    "AIFF": "aiff",
    "AU": "au",
}
# These hold no more than 16 bits, so libsndfile's int16 is exact. It would not scale a float.
_FITS_16_BITS: Final = frozenset(
    {"PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"}
)


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip that is being decoded.

    `frames` is what its header says, None where it says nothing. `blocks` may be taken once: each
    is of shape (frames, channels) as `to_mono_pcm16` takes it, at most `BLOCK_FRAMES` long, and
    overwritten by the next. Taking one raises AudioBad (`audio_undecodable`, `audio_too_long`).
    """

    source_format: str
    sampling_rate: int
    channels: int
    frames: int | None
    blocks: Iterator[Samples]


@contextmanager
def open_clip(data: bytes | memoryview) -> Iterator[Clip]:
    """Open one file's bytes, not copied, for decoding.

    Raises AudioBad: `audio_undecodable` when libsndfile refuses it, `audio_unsupported` for a
    format that is none of ours or more than 64 channels, `audio_too_long` above six hours.
    """
    try:
        sound = _ForwardSound(_MemoryFile(data))
    except soundfile.SoundFileError as error:
        raise _to_undecodable(error) from error
    with sound:
        name = _name_format(sound)
        if sound.channels > MAX_CHANNELS:
            raise AudioBad("audio_unsupported", f"the audio has {sound.channels} channels")
        frames = sound.frames if 0 <= sound.frames < 2**62 else None
        if frames is not None:
            _check_length(frames, sound.samplerate)
        yield Clip(name, sound.samplerate, sound.channels, frames, _read_blocks(sound))


def _name_format(sound: soundfile.SoundFile) -> str:
    name = _FORMAT_NAMES.get(sound.format)
    if name is None:
        raise AudioBad("audio_unsupported", f"the audio is {sound.format_info}")
    return "opus" if sound.subtype == "OPUS" else name


def _read_blocks(sound: soundfile.SoundFile) -> Iterator[Samples]:
    dtype = np.int16 if sound.subtype in _FITS_16_BITS else np.float32
    block = np.empty((BLOCK_FRAMES, sound.channels), dtype)
    done = 0
    while True:
        try:
            samples = sound.read(out=block)
        except soundfile.SoundFileError as error:
            raise _to_undecodable(error) from error
        if not len(samples):
            return
        done += len(samples)
        _check_length(done, sound.samplerate)
        yield samples


def _check_length(frames: int, rate_hz: int) -> None:
    # A few bytes of FLAC can stand for an hour of silence.
    if frames > MAX_HOURS * 3600 * rate_hz:
        raise AudioBad("audio_too_long", f"the audio is longer than {MAX_HOURS} hours")


def _to_undecodable(error: soundfile.SoundFileError) -> AudioBad:
    # str() of the error names our memory file; only libsndfile's own words help.
    words = getattr(error, "error_string", str(error))
    return AudioBad("audio_undecodable", f"libsndfile: {words}")


class _ForwardSound(soundfile.SoundFile):  # type: ignore[misc]  # soundfile ships no types here
    """A sound that is only ever read onwards.

    soundfile seeks to where it already is after each block. mpg123 then decodes anew, so that the
    size of the blocks is heard in the last bit, and libFLAC refuses when the length is unknown.
    """

    def seekable(self) -> bool:
        return False


class _MemoryFile:
    """Bytes as the file libsndfile reads: never copied whole, and never raising.

    It is called from C, where an exception is printed on stderr and then lost.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._at, len(self._data))[whence]
        self._at = min(max(start + offset, 0), len(self._data))
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:
        found = self._data[self._at : self._at + len(buffer)]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
