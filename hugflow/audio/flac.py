"""What the framing of a FLAC says: its header, and the headers of its first and its last frame.

    offset  bytes  field (RFC 9639, sections 8.1 and 8.2)
    0       4      `fLaC`
    4       1      0 for the block STREAMINFO, and 128 more where no other block follows
    5       3      34, the length of the block
    8       2, 2   fewest and most samples in a block
    12      3, 3   fewest and most bytes in a frame, 0 for unknown
    18      8      20 bits of rate, 3 of channels - 1, 5 of bits - 1, 36 of samples in all, 0 for
                   unknown
    26      16     MD5 of the samples

More blocks of metadata may follow, each of a type (128 more for the last one), three bytes of length
and as many bytes. A frame begins with `ff f8`, or `ff f9` where blocks differ in length, and ends
with a checksum of 16 bits over all of it; see section 9. A piece that was cut out of a longer file
without encoding it again has the header of the whole, and frames that keep their numbers.
"""

import re
from typing import Final

from hugflow.late_dataclass import dataclass

INFO_SIZE: Final = 42
_INFO_BLOCK: Final = (b"\x00\x00\x00\x22", b"\x80\x00\x00\x22")
_SAMPLES_MASK: Final = (1 << 36) - 1
_SYNC: Final = re.compile(rb"\xff[\xf8\xf9]")
_UNKNOWN_FRAME: Final = 1 << 16
# A tag or padding behind the last frame may be so long.
_BEHIND: Final = 1 << 13
_CRC8_POLYNOMIAL: Final = 0x07
_CRC16_POLYNOMIAL: Final = 0x8005
_MOST_BLOCKS: Final = 10_000
_ID3V1_SIZE: Final = 128
_HEAD_SIZE: Final = 16
_SEARCHED_BYTES: Final = 1 << 18
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


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame is, and the numbers of its first sample and of the one behind it."""

    at: int
    first: int
    end: int


def first_frame(view: memoryview, info: FlacInfo) -> Frame | None:
    """The frame behind the blocks of metadata; None where there is none."""
    at = 4
    for _ in range(_MOST_BLOCKS):
        head = bytes(view[at : at + 4])
        if len(head) < 4:
            return None
        at += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            return frame_at(bytes(view[at : at + _HEAD_SIZE]), at, info)
    return None


def last_frame(view: memoryview, info: FlacInfo) -> Frame | None:
    """The last frame; None where none is found.

    Only the end is searched, as far as a frame may reach, and what follows the last one.
    """
    reach = (info.largest_frame or _UNKNOWN_FRAME) + _BEHIND
    start = max(INFO_SIZE, len(view) - reach)
    tail = bytes(view[start:])
    for sync in reversed(list(_SYNC.finditer(tail))):
        at = sync.start()
        frame = frame_at(tail[at : at + _HEAD_SIZE], start + at, info)
        if frame is not None:
            return frame
    return None


def are_in_sequence(view: memoryview, info: FlacInfo, first: Frame, last: Frame) -> bool:
    """Whether each frame from the first to the last is there, in order.

    libFLAC gives silence for a frame that is missing, and says nothing. Files whose blocks differ in
    length are not looked at: there the headers do not say how many frames there are.
    """
    head = bytes(view[first.at : first.at + 3])
    if head[1] & 1 or first.at >= last.at or not info.block_size:
        return True
    # All frames but the last one are of one length, so these three bytes are the same in each.
    numbers = iter(range(first.first // info.block_size + 1, last.first // info.block_size))
    coded = _encode_number(next(numbers, -1))
    for start in range(first.at, last.at, _SEARCHED_BYTES):
        piece = bytes(view[start : min(start + _SEARCHED_BYTES, last.at) + _HEAD_SIZE])
        at = piece.find(head)
        while 0 <= at < _SEARCHED_BYTES and coded:
            if piece.startswith(coded, at + 4):
                coded = _encode_number(next(numbers, -1))
            at = piece.find(head, at + 1)
    return not coded


def is_whole(view: memoryview, frame: Frame) -> bool:
    """Whether a frame ends where the file does; zeros and a tag of ID3v1 may follow it."""
    body = bytes(view[frame.at :])
    bodies = [body, body[:-_ID3V1_SIZE]] if body[-_ID3V1_SIZE:][:3] == b"TAG" else [body]
    # Over a frame and its checksum the sum is 0, and zeros leave it so.
    return any(_crc16(each) == 0 for each in bodies)


def frame_at(head: bytes, at: int, info: FlacInfo) -> Frame | None:
    """The frame at `at`, which begins with these bytes; None where it is none."""
    numbers = _read_numbers(head, info) if _SYNC.match(head) else None
    return None if numbers is None else Frame(at, *numbers)


def _read_numbers(head: bytes, info: FlacInfo) -> tuple[int, int] | None:
    """The first sample of a frame with this header, and the one behind; None where it is none."""
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
    return first, first + block


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


def _encode_number(number: int) -> bytes:
    """A number as `_coded_number` reads it; empty for one below zero."""
    if number < 0:
        return b""
    if number < 0x80:
        return bytes([number])
    tail: list[int] = []
    lead = 0x3F
    while number > lead:
        tail.append(0x80 | number & 0x3F)
        number >>= 6
        lead >>= 1
    return bytes([~(lead * 2 + 1) & 0xFF | number, *reversed(tail)])


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


def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _CRC16_TABLE[crc >> 8 ^ byte]
    return crc


def _crc16_of(byte: int) -> int:
    crc = byte << 8
    for _ in range(8):
        crc = (crc << 1 ^ _CRC16_POLYNOMIAL if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


_CRC16_TABLE: Final = tuple(map(_crc16_of, range(256)))
