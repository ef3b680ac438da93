"""What the framing of a FLAC says: its header, and the header of its last frame.

    offset  bytes  field (RFC 9639, sections 8.1 and 8.2)
    0       4      `fLaC`
    4       1      0 for the block STREAMINFO, and 128 more where no other block follows
    5       3      34, the length of the block
    8       2, 2   fewest and most samples in a block
    12      3, 3   fewest and most bytes in a frame, 0 for unknown
    18      8      20 bits of rate, 3 of channels - 1, 5 of bits - 1, 36 of samples in all, 0 for
                   unknown
    26      16     MD5 of the samples

A frame begins with `ff f8`, or `ff f9` where blocks differ in length; see section 9.1.
"""

import re
from dataclasses import dataclass
from typing import Final

INFO_SIZE: Final = 42
_INFO_BLOCK: Final = (b"\x00\x00\x00\x22", b"\x80\x00\x00\x22")
_SAMPLES_MASK: Final = (1 << 36) - 1
_SYNC: Final = re.compile(rb"\xff[\xf8\xf9]")
_UNKNOWN_FRAME: Final = 1 << 16
# A tag or padding behind the last frame may be so long.
_BEHIND: Final = 1 << 13
_CRC8_POLYNOMIAL: Final = 0x07
# Bytes of a frame's header that say its rate, by its code for it.
_RATE_BYTES: Final = {12: 1, 13: 2, 14: 2}


@dataclass(frozen=True, slots=True)
class FlacInfo:
    """What the header says. samples: in all, of each channel; 0 for unknown."""

    block_size: int
    largest_frame: int
    bits: int
    samples: int


def read_info(view: memoryview) -> FlacInfo | None:
    """The header that begins here; None where there is none."""
    head = bytes(view[:INFO_SIZE])
    if len(head) < INFO_SIZE or head[:4] != b"fLaC" or head[4:8] not in _INFO_BLOCK:
        return None
    packed = int.from_bytes(head[18:26], "big")
    return FlacInfo(
        block_size=int.from_bytes(head[10:12], "big"),
        largest_frame=int.from_bytes(head[15:18], "big"),
        bits=(packed >> 36 & 31) + 1,
        samples=packed & _SAMPLES_MASK,
    )


def with_samples(view: memoryview, samples: int) -> bytes:
    """The header with another number of samples in all."""
    packed = int.from_bytes(view[18:26], "big") & ~_SAMPLES_MASK | samples
    return bytes(view[:18]) + packed.to_bytes(8, "big") + bytes(view[26:INFO_SIZE])


def last_sample(view: memoryview, info: FlacInfo) -> int:
    """How many samples there are up to the end of the last frame; 0 where none is found.

    Only the end is searched, as far as a frame may reach, and what follows the last one.
    """
    reach = (info.largest_frame or _UNKNOWN_FRAME) + _BEHIND
    start = max(INFO_SIZE, len(view) - reach)
    tail = bytes(view[start:])
    for sync in reversed(list(_SYNC.finditer(tail))):
        end = frame_end(tail[sync.start() : sync.start() + 16], info)
        if end is not None:
            return end
    return 0


def frame_end(head: bytes, info: FlacInfo) -> int | None:
    """The number of the sample behind a frame, whose header this is; None where it is none."""
    if len(head) < 6 or head[3] & 1 or head[2] >> 4 == 0 or head[2] & 15 == 15:
        return None
    at = 4
    number, size = _coded_number(head[at:])
    if not size:
        return None
    at += size
    code = head[2] >> 4
    block, extra = _block_size(code, head[at : at + 2])
    at += extra + _RATE_BYTES.get(head[2] & 15, 0)
    if at >= len(head) or _crc8(head[:at]) != head[at]:
        return None
    first = number if head[1] & 1 else number * info.block_size
    return first + block


def _coded_number(head: bytes) -> tuple[int, int]:
    """A number coded as UTF-8 codes characters, and how many bytes it takes; 0 for none."""
    if not head or head[0] == 0xFF:
        return 0, 0
    lead = head[0]
    if lead < 0x80:
        return lead, 1
    size = 8 - (lead ^ 0xFF).bit_length()
    if size < 2 or len(head) < size or any(byte >> 6 != 2 for byte in head[1:size]):
        return 0, 0
    number = lead & (0x7F >> size)
    for byte in head[1:size]:
        number = number << 6 | byte & 0x3F
    return number, size


def _block_size(code: int, extra: bytes) -> tuple[int, int]:
    """Samples of a block, and how many bytes of `extra` say so."""
    match code:
        case 1:
            return 192, 0
        case 2 | 3 | 4 | 5:
            return 576 << (code - 2), 0
        case 6:
            return int.from_bytes(extra[:1], "big") + 1, 1
        case 7:
            return int.from_bytes(extra, "big") + 1, 2
        case _:
            return 256 << (code - 8), 0


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ _CRC8_POLYNOMIAL if crc & 0x80 else crc << 1) & 0xFF
    return crc
