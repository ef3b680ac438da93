"""The header of an MPEG audio frame, and the runs of frames that stand in a file's bytes.

Each frame has a header of 32 bits (ISO/IEC 11172-3, section 2.4.1.3):

    bits 31-21  sync, all ones              bits 15-12  index of the bitrate, 0 free, 15 invalid
    bits 20-19  MPEG 2.5, -, 2, 1           bits 11-10  index of the sampling rate, 3 invalid
    bits 18-17  layer -, III, II, I         bit  9      the frame is one slot longer
    bit  16     no checksum follows         bits  7-6   3 is one channel, others are two

A frame of free bitrate does not say how long it is; all of a stream are equally long.
"""

import re
import struct
from functools import lru_cache
from itertools import islice
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.late_dataclass import dataclass

_RATES_BY_VERSION: Final = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
_KBPS_LOW: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
# By whether it is MPEG-1, and layer.
_KBPS: Final = {
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0),
    (True, 1): (0, *range(32, 449, 32), 0),
    (False, 3): _KBPS_LOW,
    (False, 2): _KBPS_LOW,
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0),
}
_LAYER_1: Final = 1
_LAYER_3: Final = 3
_PADDING: Final = 0x200
_MONO: Final = 0xC0
_BITRATE: Final = 0xF000
# Sync, version, layer and rate: where one of these changes, another stream begins.
_SAME_STREAM: Final = 0xFFFE_0C00
_WORD: Final = struct.Struct(">I")
_SYNC: Final = re.compile(rb"\xff[\xe0-\xff]")
# A sync word in a header of valid version, layer, bitrate and rate: bytes 0xff in a row are none.
_HEADER: Final = re.compile(
    rb"\xff(?=[\xe2-\xe7\xf2-\xf7\xfa-\xff][%s])"
    % b"".join(rb"\x%x0-\x%xb" % (bitrate, bitrate) for bitrate in range(15))
)
# Bounds the search in a file that is made of headers; a thousandth of any other bytes are fewer.
_MAX_SYNCS: Final = 10_000
_MAX_SYNC_SHARE: Final = 1_000
_MAX_FREE_FRAME: Final = 8192
# So many frames in a row are none by chance; of a stream that is known already, two.
_SURE_FRAMES: Final = 3


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What a header says of its frame: `samples` per channel, sizes in bytes.

    side_info_size: of layer III, 0 of the others.
    """

    word: int
    sampling_rate: int
    channels: int
    bitrate_kbps: int
    samples: int
    size: int
    side_info_size: int

    @property
    def stream(self) -> int:
        """The same number for all frames of one rate, version, layer, and one or more channels."""
        return self.word & _SAME_STREAM | (self.channels == 1)


@dataclass(frozen=True, slots=True)
class Run:
    """Frames of one stream without a gap, at `data[start:end]`."""

    first: FrameHeader
    start: int
    end: int
    frames: int


def parse_frame_header(word: int) -> FrameHeader | None:
    """Read a header of layer III; None for another layer, a free bitrate, or anything invalid."""
    return parse_header(word) if word >> 17 & 3 == 1 else None


def parse_header(word: int, free_size: int = 0) -> FrameHeader | None:
    """Read a header of any layer; None for anything invalid.

    free_size: bytes of a frame of free bitrate without padding; without it such a header is invalid.
    """
    version, layer, rate_index = word >> 19 & 3, 4 - (word >> 17 & 3), word >> 10 & 3
    if word >> 21 != 0x7FF or version == 1 or layer > _LAYER_3 or rate_index == 3:
        return None
    is_mpeg_1, channels = version == 3, 1 if word & _MONO == _MONO else 2
    sampling_rate = _RATES_BY_VERSION[version][rate_index]
    samples = 384 if layer == _LAYER_1 else 576 if layer == _LAYER_3 and not is_mpeg_1 else 1152
    slot = 4 if layer == _LAYER_1 else 1
    kbps = _KBPS[is_mpeg_1, layer][word >> 12 & 15]
    if kbps:
        size = samples * 125 * kbps // (sampling_rate * slot) * slot
    elif free_size and not word & _BITRATE:
        size, kbps = free_size, round(free_size * sampling_rate / (125 * samples))
    else:
        return None
    return FrameHeader(
        word=word,
        sampling_rate=sampling_rate,
        channels=channels,
        bitrate_kbps=kbps,
        samples=samples,
        size=size + slot * bool(word & _PADDING),
        side_info_size=(9, 17, 32)[is_mpeg_1 + channels - 1] if layer == _LAYER_3 else 0,
    )


def header_at(data: bytes | memoryview, at: int) -> FrameHeader | None:
    """The header that begins at a byte; None where there is none, whole and valid.

    One of free bitrate is valid where a second and a third follow it at equal distances.
    """
    if not 0 <= at <= len(data) - 4:
        return None
    (word,) = _WORD.unpack_from(data, at)
    return parse_header(word) or _free_header(data, at, word)


def header_like(data: bytes | memoryview, at: int, known: FrameHeader) -> FrameHeader | None:
    """The header that begins at a byte, of any stream; of a free bitrate, one of a known stream."""
    (word,) = _WORD.unpack_from(data, at)
    return parse_header(word, _free_size(known))


def run_at(data: bytes | memoryview, at: int, *, stop: int | None = None) -> Run | None:
    """The frames that begin at a byte; none begins at `stop` or behind it."""
    first = header_at(data, at)
    if first is None or at + first.size > len(data):
        return None
    return _walk(data, at, first, len(data) if stop is None else stop)


def find_run(data: bytes | memoryview, start: int, beyond: int, known: int | None) -> Run | None:
    """The next frames behind something else: those that begin at `start` or later.

    They reach further than `beyond`, and are surely frames. known: the stream that went before.

    Raises AudioBad (`audio_undecodable`) where there is too much to look at, so that no frames
    behind it are left out in silence.
    """
    most = _MAX_SYNCS + len(data) // _MAX_SYNC_SHARE
    for count, sync in enumerate(_HEADER.finditer(data, start)):
        if count >= most:
            raise AudioBad("audio_undecodable", "too many bytes only look like frames of an mp3")
        run = run_at(data, sync.start())
        if run is not None and run.end > beyond and _is_sure(run, len(data), known):
            return run
    return None


def cut_run(data: bytes | memoryview, run: Run, frames: int) -> tuple[Run, Run]:
    """Cut a run behind so many frames; both halves have at least one."""
    at = _skip_frames(data, run, frames)
    (word,) = _WORD.unpack_from(data, at)
    first = parse_header(word, _free_size(run.first)) or run.first
    return Run(run.first, run.start, at, frames), Run(first, at, run.end, run.frames - frames)


def last_frame(data: bytes | memoryview, run: Run) -> int:
    """Where the last frame of a run begins."""
    return _skip_frames(data, run, run.frames - 1)


def _skip_frames(data: bytes | memoryview, run: Run, frames: int) -> int:
    sizes, at = _sizes_of(run.first), run.start
    for _ in range(frames):
        at += sizes[_WORD.unpack_from(data, at)[0] >> 6 & 0x3FF]
    return at


def _is_sure(run: Run, size: int, known: int | None) -> bool:
    needed = 2 if run.first.stream == known else _SURE_FRAMES
    return run.frames >= needed or (run.end == size and run.frames == needed - 1)


def _walk(data: bytes | memoryview, start: int, first: FrameHeader, stop: int) -> Run:
    # This loop is what copying an MP3 costs, hence no call in it.
    unpack, end, sizes = _WORD.unpack_from, len(data), _sizes_of(first)
    same = first.word & _SAME_STREAM
    at, frames, limit = start, 0, min(end - 4, stop - 1)
    while at <= limit:
        (word,) = unpack(data, at)
        size = sizes[word >> 6 & 0x3FF]
        if word & _SAME_STREAM != same or not size or at + size > end:
            break
        at += size
        frames += 1
    return Run(first, start, at, frames)


def _free_header(data: bytes | memoryview, at: int, word: int) -> FrameHeader | None:
    if word & _BITRATE or parse_header(word, free_size=1) is None:
        return None
    mask, padding = _SAME_STREAM | _BITRATE | _MONO, bool(word & _PADDING)
    window = data[at : at + 2 * _MAX_FREE_FRAME]
    for sync in islice(_SYNC.finditer(window, 24), _MAX_SYNCS):
        second, size = sync.start(), sync.start() - padding
        if second > len(window) - 4:
            return None
        (next_word,) = _WORD.unpack_from(window, second)
        third = second + size + bool(next_word & _PADDING)
        if (next_word ^ word) & mask or third > len(window) - 4:
            continue
        if not (_WORD.unpack_from(window, third)[0] ^ word) & mask:
            return parse_header(word, free_size=size)
    return None


def _free_size(first: FrameHeader) -> int:
    return 0 if first.word & _BITRATE else first.size - bool(first.word & _PADDING)


def _sizes_of(first: FrameHeader) -> tuple[int, ...]:
    return _frame_sizes(first.word & _SAME_STREAM, first.channels, _free_size(first))


@lru_cache(maxsize=64)
def _frame_sizes(same_stream: int, channels: int, free_size: int) -> tuple[int, ...]:
    """Sizes by bits 15-6 of a header, 0 for what ends a run of frames.

    Of two channels, each frame may choose how they are joined. Of a stream of free bitrate, all
    frames are of free bitrate.
    """
    words = (same_stream & ~0xFFC0 | index << 6 for index in range(1024))
    headers = (
        None if free_size and word & _BITRATE else parse_header(word, free_size) for word in words
    )
    return tuple(
        header.size if header is not None and header.channels == channels else 0
        for header in headers
    )
