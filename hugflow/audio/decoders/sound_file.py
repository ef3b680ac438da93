"""Sound out of encoded bytes, in blocks, through libsndfile."""

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import FileIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import BLOCK_FRAMES, DEFAULT_RULES, Clip, ClipRules, check_shape
from hugflow.audio.mono import Samples
from hugflow.lean_start import Late

if TYPE_CHECKING:
    import soundfile
else:
    soundfile = Late("soundfile")

_FORMAT_NAMES: Final = {
    "WAV": "wav",
    "WAVEX": "wav",
    "RF64": "wav",
    "FLAC": "flac",
    "MP3": "mp3",
    "OGG": "ogg",
    "AIFF": "aiff",
    "AU": "au",
    "W64": "w64",
    "CAF": "caf",
    "NIST": "sphere",
}
# These hold no more than 16 bits, so libsndfile's int16 is exact. It would not scale a float.
_FITS_16_BITS: Final = frozenset(
    {"PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"}
)


@contextmanager
def open_clip(
    *pieces: bytes | memoryview, promised: int | None = None, rules: ClipRules = DEFAULT_RULES
) -> Iterator[Clip]:
    """Open one file's bytes, in order and not copied, for decoding.

    promised: how many samples there have to be; None for as many as libsndfile says, which of an
    MP3 without an Info tag is a guess.

    Raises AudioBad: `audio_undecodable` when libsndfile refuses it, `audio_unsupported` for a
    format that is none of ours or more than 64 channels, `rate_unsupported`, `audio_too_long`.
    """
    with _open(_MemoryFile(pieces), promised, rules) as clip:
        yield clip


@contextmanager
def open_clip_file(path: Path, *, promised: int | None, rules: ClipRules) -> Iterator[Clip]:
    """Open a file for decoding as `open_clip` does, without having it in memory.

    Raises OSError as well, also at the end, where the disk did not give all of it.
    """
    with path.open("rb", buffering=0) as opened:
        file = _DiskFile(opened)
        with _open(file, promised, rules) as clip:
            yield clip
        if file.error is not None:
            raise file.error


@contextmanager
def _open(
    file: "_MemoryFile | _DiskFile", promised: int | None, rules: ClipRules
) -> Iterator[Clip]:
    try:
        sound = _forward_sound()(file)
    except soundfile.SoundFileError as error:
        raise _to_undecodable(error) from error
    with sound:
        name = _name_format(sound)
        check_shape(sound.channels, sound.samplerate)
        frames = sound.frames if 0 <= sound.frames < 2**62 else None
        if frames is not None:
            rules.check_length(frames, sound.samplerate)
        blocks = _read_blocks(sound, (frames or 0) if promised is None else promised, rules)
        yield Clip(name, sound.samplerate, sound.channels, frames, blocks)


def _name_format(sound: "soundfile.SoundFile") -> str:
    name = _FORMAT_NAMES.get(sound.format)
    if name is None:
        raise AudioBad("audio_unsupported", f"the audio is {sound.format_info}")
    return "opus" if sound.subtype == "OPUS" else name


def _read_blocks(
    sound: "soundfile.SoundFile", promised: int, rules: ClipRules
) -> Iterator[Samples]:
    dtype = np.int16 if sound.subtype in _FITS_16_BITS else np.float32
    block = np.empty((BLOCK_FRAMES, sound.channels), dtype)
    done = 0
    # What stands behind the sound of a FLAC, such as a tag, libFLAC takes for a broken frame.
    last = promised if sound.format == "FLAC" else 0
    while not 0 < last <= done:
        try:
            samples = sound.read(out=block[: last - done] if last else block)
        except soundfile.SoundFileError as error:
            raise _to_undecodable(error) from error
        if not len(samples):
            break
        done += len(samples)
        rules.check_length(done, sound.samplerate)
        yield samples
    if done < promised:
        raise AudioBad("audio_truncated", f"{done} of {promised} samples could be decoded")


def _to_undecodable(error: "soundfile.SoundFileError") -> AudioBad:
    # str() of the error names our memory file; only libsndfile's own words help.
    words = getattr(error, "error_string", str(error))
    if "not a regular file" in words:
        # Of bytes in memory that says nothing.
        words = "it cannot be read"
    is_lacking = any(lack in words for lack in ("unimplemented format", "unsupported encoding"))
    code = "audio_unsupported" if is_lacking else "audio_undecodable"
    return AudioBad(code, f"libsndfile: {words}")


@cache
def _forward_sound() -> Any:
    """The class of a sound that is only ever read onwards.

    soundfile seeks to where it already is after each block. mpg123 then decodes anew, so that the
    size of the blocks is heard in the last bit, and libFLAC refuses when the length is unknown.
    """

    class ForwardSound(soundfile.SoundFile):  # type: ignore[misc]  # soundfile ships no types here
        def seekable(self) -> bool:
            return False

    return ForwardSound


class _File:
    """What libsndfile reads from.

    It is called from C, where an exception is printed on stderr and then lost: it raises nothing.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._at, self._size)[whence]
        self._at = min(max(start + offset, 0), self._size)
        return self._at

    def tell(self) -> int:
        return self._at


class _MemoryFile(_File):
    """Bytes, in order, that are never copied whole."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces = [memoryview(piece) for piece in pieces]
        self._ends = list(accumulate(map(len, self._pieces)))
        super().__init__(self._ends[-1] if self._ends else 0)

    def readinto(self, buffer: memoryview) -> int:
        done, index = 0, bisect_right(self._ends, self._at)
        while index < len(self._pieces) and done < len(buffer):
            piece = self._pieces[index]
            skipped = self._at - (self._ends[index] - len(piece))
            found = piece[skipped : skipped + len(buffer) - done]
            buffer[done : done + len(found)] = found
            done += len(found)
            self._at += len(found)
            index += 1
        return done


class _DiskFile(_File):
    """A file on disk. error: what the disk refused, for the caller to raise."""

    def __init__(self, file: FileIO) -> None:
        self._descriptor = file.fileno()
        super().__init__(os.fstat(self._descriptor).st_size)
        self.error: OSError | None = None

    def readinto(self, buffer: memoryview) -> int:
        try:
            done = os.preadv(self._descriptor, [buffer], self._at)
        except OSError as error:
            self.error = error
            return 0
        self._at += done
        return done
