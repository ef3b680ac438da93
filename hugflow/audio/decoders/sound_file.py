"""Sound out of encoded bytes, in blocks, through libsndfile."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import numpy as np
import soundfile

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import BLOCK_FRAMES, Clip, check_length, check_shape
from hugflow.audio.mono import Samples

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


@contextmanager
def open_clip(*pieces: bytes | memoryview, expected: int | None = None) -> Iterator[Clip]:
    """Open one file's bytes, in order and not copied, for decoding.

    expected: so many frames are enough where the header promises more.

    Raises AudioBad: `audio_undecodable` when libsndfile refuses it, `audio_unsupported` for a
    format that is none of ours or more than 64 channels, `rate_unsupported`, `audio_too_long`.
    """
    try:
        sound = _ForwardSound(_MemoryFile(pieces))
    except soundfile.SoundFileError as error:
        raise _to_undecodable(error) from error
    with sound:
        name = _name_format(sound)
        check_shape(sound.channels, sound.samplerate)
        frames = sound.frames if 0 <= sound.frames < 2**62 else None
        if frames is not None:
            check_length(frames, sound.samplerate)
        promised = min((count for count in (frames, expected) if count is not None), default=0)
        blocks = _read_blocks(sound, promised)
        yield Clip(name, sound.samplerate, sound.channels, frames, blocks)


@contextmanager
def open_links(links: Sequence[bytes | memoryview]) -> Iterator[Clip]:
    """Open files that stand one after another as one clip; libsndfile stops behind the first.

    Raises AudioBad as `open_clip` does; so does taking a block when a later file has another
    format, rate or number of channels than the first (`audio_undecodable`).
    """
    with open_clip(links[0]) as first:
        if len(links) == 1:
            yield first
        else:
            yield replace(first, frames=None, blocks=_read_links(first, links[1:]))


def _read_links(first: Clip, others: Sequence[bytes | memoryview]) -> Iterator[Samples]:
    done = 0
    for block in _join_links(first, others):
        done += len(block)
        check_length(done, first.sampling_rate)
        yield block


def _join_links(first: Clip, others: Sequence[bytes | memoryview]) -> Iterator[Samples]:
    yield from first.blocks
    for link in others:
        with open_clip(link) as clip:
            if _shape(clip) != _shape(first):
                raise AudioBad(
                    "audio_undecodable",
                    f"streams one after another differ: {_shape(first)}, then {_shape(clip)}",
                )
            is_silent = bool(clip.frames)
            for block in clip.blocks:
                is_silent = False
                yield block
            if is_silent:
                raise AudioBad("audio_truncated", f"none of {clip.frames} samples could be decoded")


def _shape(clip: Clip) -> str:
    return f"{clip.source_format} at {clip.sampling_rate} Hz in {clip.channels} channels"


def _name_format(sound: soundfile.SoundFile) -> str:
    name = _FORMAT_NAMES.get(sound.format)
    if name is None:
        raise AudioBad("audio_unsupported", f"the audio is {sound.format_info}")
    return "opus" if sound.subtype == "OPUS" else name


def _read_blocks(sound: soundfile.SoundFile, promised: int) -> Iterator[Samples]:
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
        check_length(done, sound.samplerate)
        yield samples
    if 0 < done < promised:
        raise AudioBad("audio_truncated", f"{done} of {promised} samples could be decoded")


def _to_undecodable(error: soundfile.SoundFileError) -> AudioBad:
    # str() of the error names our memory file; only libsndfile's own words help.
    words = getattr(error, "error_string", str(error))
    if "not a regular file" in words:
        # Of bytes in memory that says nothing.
        words = "it cannot be read"
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

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces: list[tuple[int, memoryview]] = []
        self._at = self._size = 0
        for piece in pieces:
            self._pieces.append((self._size, memoryview(piece)))
            self._size += len(piece)

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._at, self._size)[whence]
        self._at = min(max(start + offset, 0), self._size)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:
        done = 0
        for start, piece in self._pieces:
            skipped = max(self._at - start, 0)
            found = piece[skipped : skipped + len(buffer) - done]
            buffer[done : done + len(found)] = found
            done += len(found)
            self._at += len(found)
        return done
