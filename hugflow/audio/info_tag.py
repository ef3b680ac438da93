"""The Info tag: the frame in front of an MP3 that lets decoders return the exact length.

lameenc writes none, and without one a decoder returns the encoder's delay and padding as 1,100 to
1,800 samples of sound. The tag is a silent frame that holds, big-endian, here for 12 s at 16 kHz:

    offset  bytes  field                            example
    0       4      header of an MPEG frame          ff f3 e8 c4
    4       9, 17  side information, all zero       (9 bytes at MPEG-2 and 2.5, 17 at MPEG-1)
    ------  from here on counted from the end of the side information
    0       4      `Info`, a constant bitrate       Info
    4       4      which of the next four follow    15
    8       4      frames, without this one         336
    12      4      bytes, with this frame           242640
    16      100    table of contents: at i percent of the time, 256ths of the bytes
    116     4      quality, 0 to 100                57
    120     9      encoder                          LAME3.100
    129     1      tag revision 0, method 1 (CBR)   01
    130     1      lowpass in units of 100 Hz       80
    131     8      peak and two gains, unknown      0
    139     1      encoding flags, unknown          0
    140     1      bitrate in kbit/s                160
    141     3      delay and padding, 12 bits each  576, 960
    144     4      misc, gain, preset, unknown      0
    148     4      bytes, with this frame           242640
    152     2      CRC-16 of the frames after this one
    154     2      CRC-16 of this frame up to here

Rule: the LAME tag specification, http://gabriel.mp3-tech.org/mp3infotag.html.
"""

import struct
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from hugflow.audio.mpeg import FrameHeader, parse_frame_header

# LAME puts so many samples before the first of ours. The 529 of the decoder are not counted here.
ENCODER_DELAY: Final = 576
_DECODER_DELAY: Final = 529

_ALL_FIELDS: Final = 15
_FRAMES_FIELD: Final = 1
_QUALITY: Final = 57
_METHOD_CBR: Final = 1
_MAX_LOWPASS_HZ: Final = 20_500
_CONTENTS: Final = bytes(256 * percent // 100 for percent in range(100))
# What each tag of ours has in common.
_OURS: Final = (
    b"Info"
    + _CONTENTS
    + _QUALITY.to_bytes(4, "big")
    + b"LAME3.100"
    + bytes([_METHOD_CBR])
    + bytes(9)
)
# A tag that differs in so few of them is a damaged one, or that of another encoder.
_ODD_BYTES_OF_DAMAGE: Final = 2
_PADDING_BIT: Final = 0x200
_NO_CHECKSUM_BIT: Final = 0x1_0000
_BITRATE_BITS: Final = 0xF000
_HEADER_BYTES: Final = 4
_TAG_BYTES: Final = 156
# 112 or 64 kbit/s: a frame of 8 kbit/s is too small for a tag.
_ROOMY_BITRATE: Final = 0x8000
_POLYNOMIAL: Final = 0xA001
# Up to here a byte at a time is quicker, and once stretches were taken away.
_FEW_BYTES: Final = 512
_REST_BYTES: Final = 120


def render_info_tag(
    first: FrameHeader, frames: int, stream_bytes: int, stream_crc: int, num_samples: int
) -> bytes:
    """Render the frame to put before a mono stream of constant bitrate, so that it keeps time.

    first, frames, stream_bytes, stream_crc: of what LAME wrote. num_samples: what LAME was given;
    from the difference comes the padding, which decoders leave out at the end.
    """
    holder = _find_roomy(first)
    size = _plain_size(holder)
    padding = frames * first.samples - ENCODER_DELAY - num_samples
    lowpass_hz = min(first.sampling_rate // 2, _MAX_LOWPASS_HZ)
    bytes_in_all = size + stream_bytes
    tag = b"".join(
        (
            _plain_header(holder),
            bytes(holder.side_info_size),
            struct.pack(">4sIII", b"Info", _ALL_FIELDS, frames, bytes_in_all),
            _CONTENTS,
            struct.pack(">I9sBB8xB", _QUALITY, b"LAME3.100", _METHOD_CBR, lowpass_hz // 100, 0),
            struct.pack(">B", min(first.bitrate_kbps, 255)),
            (ENCODER_DELAY << 12 | padding).to_bytes(3, "big"),
            struct.pack(">4xIH", bytes_in_all, stream_crc),
        )
    )
    return (tag + struct.pack(">H", crc16(tag))).ljust(size, b"\0")


def are_frames_as_tagged(start: bytes, stream_crc: Callable[[int], int]) -> bool:
    """Whether an MP3 with a tag of ours is still, in all its bytes, what was written.

    start: the first KiB of the file. stream_crc: gives the CRC-16 of everything from an offset on.
    Also True for a file without a tag of ours, such as a copied MP3, which may have none or
    another's.
    """
    first = parse_frame_header(int.from_bytes(start[:4], "big"))
    if first is None:
        return True
    at = _HEADER_BYTES + first.side_info_size
    tag = start[at : at + _TAG_BYTES]
    if len(tag) < _TAG_BYTES or (odd := _count_odd(tag)) > _ODD_BYTES_OF_DAMAGE:
        return True
    is_tag_whole = crc16(start[: at + 154]) == int.from_bytes(tag[154:156], "big")
    if odd or not is_tag_whole:
        # With a sum that is right, the tag is that of another encoder.
        return is_tag_whole
    size = _plain_size(first)
    is_filled_up = not any(start[at + _TAG_BYTES : size])
    return is_filled_up and stream_crc(size) == int.from_bytes(tag[152:154], "big")


def _count_odd(tag: bytes) -> int:
    """How many bytes are others than in each tag of ours, without those that differ from MP3 to MP3."""
    found = tag[:4] + tag[16:130] + tag[131:140]
    return 0 if found == _OURS else sum(map(int.__ne__, found, _OURS))


def render_frame_count(first: FrameHeader, frames: int) -> tuple[bytes, int]:
    """Render what tells a decoder how many frames follow, and how many samples it puts before them.

    Without it libsndfile guesses the length from the first bitrate, and stops there. With it mpg123
    leaves out the first 529 samples, its own delay; so there is a silent frame, which they are of.
    """
    roomy = _with_roomy_bitrate(first)
    empty = _plain_header(roomy) + bytes(roomy.side_info_size)
    tag = empty + struct.pack(">4sII", b"Info", _FRAMES_FIELD, frames + 1)
    size = _plain_size(roomy)
    return tag.ljust(size, b"\0") + empty.ljust(size, b"\0"), first.samples - _DECODER_DELAY


def _find_roomy(first: FrameHeader) -> FrameHeader:
    """The stream's own header, or one of a higher bitrate where its frames are too small."""
    is_enough = _plain_size(first) >= _HEADER_BYTES + first.side_info_size + _TAG_BYTES
    return first if is_enough else _with_roomy_bitrate(first)


def _with_roomy_bitrate(first: FrameHeader) -> FrameHeader:
    return parse_frame_header(first.word & ~_BITRATE_BITS | _ROOMY_BITRATE) or first


def _plain_header(first: FrameHeader) -> bytes:
    return (first.word & ~_PADDING_BIT | _NO_CHECKSUM_BIT).to_bytes(4, "big")


def _plain_size(first: FrameHeader) -> int:
    return first.size - bool(first.word & _PADDING_BIT)


def crc16(data: bytes | bytearray | memoryview, before: int = 0) -> int:
    """CRC-16 with polynomial 0x8005, bits reversed, from 0: the one called ARC.

    before: the CRC of what stands in front of `data`.

    A byte at a time would take as long as the encoding. But the polynomial is (x + 1)(x^15 + x + 1),
    the remainder by x + 1 is the parity of the bits, and x^15 + x + 1 divides x^15n + x^n + 1 for
    every power of two n: a whole stretch of bytes is taken away by adding it in two places further
    on, until a byte at a time is quicker.
    """
    if len(data) <= _FEW_BYTES:
        return _crc16_of_few(data, before)
    left = np.frombuffer(bytearray(data), np.uint8)
    left[0] ^= before & 0xFF
    left[1] ^= before >> 8
    parity = _parity(left)
    step = 1 << (len(left) // 15).bit_length()
    while len(left) > _REST_BYTES and (step := step >> 1):
        while len(left) > 15 * step:
            front = left[: min(len(left) - 15 * step, 14 * step)]
            left[14 * step : 14 * step + len(front)] ^= front
            left[15 * step : 15 * step + len(front)] ^= front
            left = left[len(front) :]
    word = _crc16_of_few(left.tobytes(), 0)
    if word.bit_count() & 1 != parity:
        # One more time x^15 + x + 1, which alters the parity.
        word ^= 0b1100_0000_0000_0001
    return word


def _crc16_of_few(data: bytes | bytearray | memoryview, crc: int) -> int:
    for byte in bytes(data):
        crc = crc >> 8 ^ _OF_BYTE[(crc ^ byte) & 0xFF]
    return crc


def _crc16_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ _POLYNOMIAL if byte & 1 else byte >> 1
    return byte


_OF_BYTE: Final = tuple(map(_crc16_of_byte, range(256)))


def _parity(data: npt.NDArray[np.uint8]) -> int:
    """Whether the number of bits that are 1 is odd."""
    whole = len(data) & ~7
    words = int(np.bitwise_xor.reduce(data[:whole].view(np.uint64)))
    return (words.bit_count() + int.from_bytes(data[whole:].tobytes()).bit_count()) & 1
