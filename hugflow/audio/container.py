"""What a file's own framing says: which format it is, and how much of it there should be.

libsndfile decodes a WAV, AIFF, AU or Ogg file that was cut short to a shorter clip and reports
nothing, so what their headers promise is compared here with the bytes that are there:

    wav     `RIFF` or `RF64`, size, `WAVE`, then chunks of name, size, bytes, even length;
            the samples are in `data`, an RF64's 64-bit size of them in `ds64`
    aiff    `FORM`, size, `AIFF` or `AIFC`, then the same, big-endian; the samples are in `SSND`
    au      `.snd`, offset of the samples, size of the samples
    ogg     pages of `OggS`, version 0, flags, ..., count of segments, their sizes, bytes;
            the last page has flag 4 (RFC 3533, section 6)

A size of zero, or of 2 GiB less a few pages and above, is how a program that wrote into a pipe
says that it did not know: it promises nothing.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, Literal, TypeAlias

Container: TypeAlias = Literal["wav", "aiff", "au", "ogg", "flac", "mp3"]

# sox writes 0x7ffff000 into a pipe, ffmpeg 0xffffffff.
_UNKNOWN_SIZE: Final = 0x7FFF_F000
_IN_DS64: Final = 0xFFFF_FFFF
_MAX_CHUNKS: Final = 10_000
_SEARCHED_BYTES: Final = 1 << 18
_MAX_OGG_PAGE: Final = 27 + 255 + 255 * 255
_OGG_PAGE: Final = re.compile(rb"OggS")
_OGG_FIRST_PAGE: Final = 2
_OGG_LAST_PAGE: Final = 4
# Each byte with its bits in the opposite order.
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def sniff_container(data: bytes | memoryview) -> Container | None:
    """Tell the container from its first bytes; None for anything libsndfile should not see.

    An ID3v2 tag in front of the audio is stepped over.
    """
    start = id3v2_size(data)
    head = bytes(data[start : start + 12])
    match head[:4], head[8:12]:
        case (b"RIFF" | b"RIFX" | b"RF64", b"WAVE"):
            return "wav"
        case (b"FORM", b"AIFF" | b"AIFC"):
            return "aiff"
        case (b".snd" | b"dns.", _):
            return "au"
        case (b"OggS", _):
            return "ogg"
        case (b"fLaC", _):
            return "flac"
        case _:
            has_layer = len(head) > 1 and head[0] == 0xFF and head[1] > 0xE0 and head[1] & 0x06
            return "mp3" if has_layer else None


def name_stranger(data: bytes | memoryview) -> str:
    """Name a format that we do not read by its first bytes."""
    head = bytes(data[:12])
    if head[4:8] == b"ftyp":
        return "m4a or mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm or matroska"
    if head[:1] == b"\xff" and head[1:2] in (b"\xf0", b"\xf1", b"\xf8", b"\xf9"):
        return "aac"
    return "no audio format we know"


def id3v2_size(data: bytes | memoryview) -> int:
    """Length of the ID3v2 tags in front, 0 without any (id3.org, ID3v2.4.0 section 3.1)."""
    size = 0
    while bytes(data[size : size + 3]) == b"ID3" and len(data) >= size + 10:
        flags, *sevens = data[size + 5 : size + 10]
        if max(sevens) >= 0x80:
            break
        body = sevens[0] << 21 | sevens[1] << 14 | sevens[2] << 7 | sevens[3]
        size += 10 + body + (10 if flags & 0x10 else 0)
    return size


def find_words(data: bytes | memoryview, words: Iterable[bytes]) -> list[int]:
    """Where short words stand in the bytes, in order; ten times as fast as a regular expression."""
    view, found = memoryview(data), []
    for start in range(0, len(view), _SEARCHED_BYTES):
        piece = bytes(view[start : start + _SEARCHED_BYTES + 8])
        for word in words:
            at = piece.find(word)
            while 0 <= at < _SEARCHED_BYTES:
                found.append(start + at)
                at = piece.find(word, at + 1)
    return sorted(found)


def is_cut_short(data: bytes | memoryview, container: str) -> bool:
    """Whether the framing promises more audio than the bytes hold.

    data: from the container's first byte on. A file without a promise is not cut short, except an
    Ogg file, which has to mark its last page (each of several put one after another) and to have
    every page in front of it sound: a decoder passes over one that is not.
    FLAC and MP3 are always False: libFLAC notices by itself, and `mpeg` looks closer.
    """
    match container:
        case "wav":
            return _is_wav_cut_short(data)
        case "aiff":
            return _is_cut_at(data, *_find_chunk(data, b"SSND", ">"))
        case "au":
            return _is_au_cut_short(data)
        case "ogg":
            links = split_ogg_links(data)
            return not all(_has_last_ogg_page(link) and _has_every_ogg_page(link) for link in links)
        case _:
            return False


def split_ogg_links(data: bytes | memoryview) -> list[memoryview]:
    """The Ogg files that were put one after another, in order; one, if there is only one.

    A file begins with the first pages of all its streams, so a first page behind any other begins
    the next one (RFC 3533, section 4). What stands between two of them stays with the former.
    """
    whole, starts, was_first = memoryview(data), [0], True
    for start, _ in _ogg_pages(data):
        is_first = bool(data[start + 5] & _OGG_FIRST_PAGE)
        if is_first and not was_first:
            starts.append(start)
        was_first = is_first
    return [whole[start:end] for start, end in pairwise([*starts, len(whole)])]


def _is_wav_cut_short(data: bytes | memoryview) -> bool:
    start, size = _find_chunk(data, b"data", ">" if data[3:4] == b"X" else "<")
    if size == _IN_DS64 and bytes(data[12:16]) == b"ds64" and len(data) >= 36:
        return start + int.from_bytes(data[28:36], "little") > len(data)
    return _is_cut_at(data, start, size)


def _is_au_cut_short(data: bytes | memoryview) -> bool:
    if len(data) < 12:
        return True
    return _is_cut_at(data, *struct.unpack_from("<II" if data[0:1] == b"d" else ">II", data, 4))


def _is_cut_at(data: bytes | memoryview, start: int, size: int) -> bool:
    return size < _UNKNOWN_SIZE and start + size > len(data)


def _find_chunk(data: bytes | memoryview, name: bytes, order: str) -> tuple[int, int]:
    """Where a RIFF or IFF chunk's bytes start, and its size; `(0, 0)` without such a chunk."""
    header, at = struct.Struct(f"{order}4sI"), 12
    for _ in range(_MAX_CHUNKS):
        if at + header.size > len(data):
            break
        found, size = header.unpack_from(data, at)
        at += header.size
        if found == name:
            return at, size
        at += size + size % 2
    return 0, 0


def _has_last_ogg_page(data: bytes | memoryview) -> bool:
    # What follows the last page, a tag or padding, is searched for it no further than this.
    tail = bytes(data[-2 * _MAX_OGG_PAGE :])
    at = tail.rfind(b"OggS")
    while at >= 0:
        header = tail[at : at + 27]
        if len(header) < 27:
            return False
        if header[4] == 0:
            sizes = tail[at + 27 : at + 27 + header[26]]
            is_whole = len(sizes) == header[26] and at + 27 + len(sizes) + sum(sizes) <= len(tail)
            return is_whole and bool(header[5] & _OGG_LAST_PAGE)
        at = tail.rfind(b"OggS", 0, at)
    return False


def _has_every_ogg_page(data: bytes | memoryview) -> bool:
    """Whether pages follow each other without a gap, each with the checksum it names (RFC 3533)."""
    numbers: dict[bytes, int] = {}
    for start, end in _ogg_pages(data):
        page = bytes(data[start:end])
        if _ogg_crc(page[:22] + bytes(4) + page[26:]) != int.from_bytes(page[22:26], "little"):
            return False
        serial, number = page[14:18], int.from_bytes(page[18:22], "little")
        is_first = bool(page[5] & _OGG_FIRST_PAGE)
        if not is_first and number != numbers.get(serial, -1) + 1:
            return False
        numbers[serial] = number
    return True


def _ogg_pages(data: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Where each page starts, and where it should end; what is between pages is passed over."""
    found = _OGG_PAGE.search(data)
    while found and len(data) >= found.start() + 27:
        start = found.start()
        sizes = data[start + 27 : start + 27 + data[start + 26]]
        end = start + 27 + len(sizes) + sum(sizes)
        yield start, end
        found = _OGG_PAGE.search(data, end)


def _ogg_crc(page: bytes) -> int:
    """Ogg's CRC-32 takes the bits of a byte from the other end than zlib's, and starts at 0."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
