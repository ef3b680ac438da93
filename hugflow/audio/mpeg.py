"""The frames of an MP3, counted without decoding them.

An MP3 is a row of frames, each with a header of 32 bits (ISO/IEC 11172-3, section 2.4.1.3):

    bits 31-21  sync, all ones              bits 15-12  index of the bitrate, 0 free, 15 invalid
    bits 20-19  MPEG 2.5, -, 2, 1           bits 11-10  index of the sampling rate, 3 invalid
    bits 18-17  layer -, III, II, I         bit  9      the frame is one byte longer
    bit  16     no checksum follows         bits  7-6   3 is one channel, others are two

A first frame without sound may say `Xing` or `Info`, and then how many frames follow it. ID3v2
tags stand in front of the frames, an ID3v1 tag of 128 bytes behind them.
"""

import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

from hugflow.audio.container import id3v2_size

_RATES_BY_VERSION: Final = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
_KBPS_MPEG_1: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_KBPS_MPEG_2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_NO_CHECKSUM: Final = 0x1_0000
_PADDING: Final = 0x200
_MONO: Final = 0xC0
# Sync, version, layer and rate: where one of these changes, another stream begins.
_SAME_STREAM: Final = 0xFFFE_0C00
_ID3V1_SIZE: Final = 128
_WORD: Final = struct.Struct(">I")
_SYNC: Final = re.compile(rb"\xff[\xe0-\xff]")
# Bounds the search in a file that is made of sync words.
_MAX_SYNCS: Final = 10_000


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What a layer III header says of its frame: `samples` per channel, sizes in bytes."""

    word: int
    sampling_rate: int
    channels: int
    bitrate_kbps: int
    samples: int
    size: int
    side_info_size: int


@dataclass(frozen=True, slots=True)
class Mp3Stream:
    """The frames found in a file's bytes, from `start` up to `end`.

    `frames` and `num_samples` are without the tag's frame, and with the encoder's delay and
    padding; `promised` are the frames the tag speaks of, at `promised_at`, None without such a tag.
    `gaps` counts the places between two frames that hold something else, `junk_size` the bytes
    behind the last one that are no tag.
    `is_cut_short`: there are fewer frames than promised or, with no promise, half of one at the end.
    `is_tidy`: all there is around the frames is ID3 tags.
    """

    first: FrameHeader
    start: int
    end: int
    frames: int
    promised: int | None
    promised_at: int
    gaps: int
    junk_size: int
    is_cut_short: bool
    is_tidy: bool

    @property
    def num_samples(self) -> int:
        return self.frames * self.first.samples

    @property
    def bitrate_kbps(self) -> int:
        """The mean over all frames, the tag's included, rounded."""
        frames = self.frames + (self.promised is not None)
        bits = 8 * (self.end - self.start)
        return round(bits * self.first.sampling_rate / (1000 * frames * self.first.samples))


def parse_frame_header(word: int) -> FrameHeader | None:
    """Read a header; None for another layer, a free bitrate, or anything invalid."""
    version, rate_index = word >> 19 & 3, word >> 10 & 3
    if word >> 21 != 0x7FF or word >> 17 & 3 != 1 or version == 1 or rate_index == 3:
        return None
    is_mpeg_1, channels = version == 3, 1 if word & _MONO == _MONO else 2
    bitrate_kbps = (_KBPS_MPEG_1 if is_mpeg_1 else _KBPS_MPEG_2)[word >> 12 & 15]
    if not bitrate_kbps:
        return None
    sampling_rate = _RATES_BY_VERSION[version][rate_index]
    samples = 1152 if is_mpeg_1 else 576
    return FrameHeader(
        word=word,
        sampling_rate=sampling_rate,
        channels=channels,
        bitrate_kbps=bitrate_kbps,
        samples=samples,
        size=samples * 125 * bitrate_kbps // sampling_rate + bool(word & _PADDING),
        side_info_size=(9, 17, 32)[is_mpeg_1 + channels - 1],
    )


def read_mp3_stream(data: bytes | memoryview) -> Mp3Stream | None:
    """Count the frames of an MP3; None when it does not begin with a whole one of layer III.

    Only headers are read, half a microsecond a frame: damage inside a frame goes unnoticed.
    """
    start = id3v2_size(data)
    first = _read_header(data, start)
    if first is None:
        return None
    tag_at = start + 4 + (0 if first.word & _NO_CHECKSUM else 2) + first.side_info_size
    is_tag, promised = _read_tag(data, tag_at)
    if is_tag and promised is None:
        start += first.size
    end, frames, gaps = _walk(data, start, first)
    if not frames:
        return None
    rest = bytes(data[end : end + _ID3V1_SIZE + 1])
    audio_frames = frames - (promised is not None)
    return Mp3Stream(
        first=first,
        start=start,
        end=end,
        frames=audio_frames,
        promised=promised,
        promised_at=tag_at + 8,
        gaps=gaps,
        junk_size=0 if _is_id3v1(rest) or rest.startswith(b"APETAGEX") else len(data) - end,
        is_cut_short=audio_frames < promised if promised else _is_half_frame(data, end, first),
        is_tidy=not gaps and is_tag == (promised is not None) and (not rest or _is_id3v1(rest)),
    )


def _read_header(data: bytes | memoryview, at: int) -> FrameHeader | None:
    return parse_frame_header(*_WORD.unpack_from(data, at)) if at + 4 <= len(data) else None


def _read_tag(data: bytes | memoryview, at: int) -> tuple[bool, int | None]:
    """Whether here is a Xing or Info tag, and how many frames that promises."""
    tag = bytes(data[at : at + 12])
    if tag[:4] not in (b"Xing", b"Info") or len(tag) < 12:
        return False, None
    flags, frames = struct.unpack_from(">II", tag, 4)
    return True, frames if flags & 1 else None


def _walk(data: bytes | memoryview, start: int, first: FrameHeader) -> tuple[int, int, int]:
    """Step from frame to frame: the end of the last one, how many there are, and the gaps."""
    end, frames = _walk_run(data, start, first)
    gaps = 0
    while frames and end < len(data) and (resumed := _find_next_run(data, end, first)):
        end, more = resumed
        frames += more
        gaps += 1
    return end, frames, gaps


def _walk_run(data: bytes | memoryview, start: int, first: FrameHeader) -> tuple[int, int]:
    # This loop is what copying an MP3 costs, hence no call in it.
    unpack, last = _WORD.unpack_from, len(data) - 4
    mask, sizes = _same_stream_mask(first), _frame_sizes(first.word & _SAME_STREAM)
    same = first.word & mask
    at, frames = start, 0
    while at <= last:
        (word,) = unpack(data, at)
        size = sizes[word >> 9 & 0x7F]
        if word & mask != same or not size or at + size > len(data):
            break
        at += size
        frames += 1
    return at, frames


def _find_next_run(
    data: bytes | memoryview, start: int, first: FrameHeader
) -> tuple[int, int] | None:
    """Where frames go on behind something else: two of them, or one that ends the file."""
    for sync in islice(_SYNC.finditer(data, start), _MAX_SYNCS):
        end, frames = _walk_run(data, sync.start(), first)
        if frames > 1 or (frames == 1 and end == len(data)):
            return end, frames
    return None


def _is_half_frame(data: bytes | memoryview, at: int, first: FrameHeader) -> bool:
    rest = bytes(data[at : at + 4])
    if len(rest) < 4:
        return rest[:1] == b"\xff"
    header = _read_header(data, at)
    return (
        header is not None
        and (header.word ^ first.word) & _same_stream_mask(first) == 0
        and at + header.size > len(data)
    )


def _is_id3v1(rest: bytes) -> bool:
    return len(rest) == _ID3V1_SIZE and rest.startswith(b"TAG")


def _same_stream_mask(first: FrameHeader) -> int:
    # Of two channels, each frame may choose how they are joined.
    return _SAME_STREAM | _MONO if first.channels == 1 else _SAME_STREAM


@lru_cache(maxsize=18)
def _frame_sizes(same_stream: int) -> tuple[int, ...]:
    """Sizes by bits 15-9 of a header, 0 for what ends a run of frames."""
    headers = (parse_frame_header(same_stream & ~0xFE00 | index << 9) for index in range(128))
    return tuple(header.size if header else 0 for header in headers)
