"""The pages of an Ogg file: what they hold, and new ones where what a page says of itself is wrong.

A page (RFC 3533, section 6), numbers little-endian:

    offset  bytes  field
    0       4      `OggS`
    4       1      version 0
    5       1      flags: 1 goes on with a packet, 2 first of its stream, 4 last of its stream
    6       8      granule position: the time at the end of the last packet that ends here, or -1
    14      4      serial number of the stream
    18      4      number of the page in its stream
    22      4      CRC-32 of the page, with these bytes zero
    26      1      how many segments follow
    27      ...    their sizes; a packet ends with the first one below 255

What stands between two pages is passed over.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from hugflow.late_dataclass import dataclass

FIRST: Final = 2
LAST: Final = 4
NO_GRANULE: Final = -1

_HEADER: Final = struct.Struct("<4sBBqIIIB")
_CAPTURE: Final = re.compile(rb"OggS\0")
# Each byte with its bits in the opposite order.
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class Page:
    """A page at `view[start:end]`, its segments from `body` on; `end` may lie behind the file's."""

    start: int
    body: int
    end: int
    flags: int
    granule: int
    serial: int
    number: int
    crc: int
    sizes: bytes


def read_links(view: memoryview) -> list[list[Page]]:
    """The pages of an Ogg file, as one list for each of the files that were put one after another.

    A file begins with the first pages of all its streams, so a first page behind any other begins
    the next one (RFC 3533, section 4).
    """
    links: list[list[Page]] = []
    was_first = False
    for page in _read_pages(view):
        is_first = bool(page.flags & FIRST)
        if not links or (is_first and not was_first):
            links.append([])
        was_first = is_first
        links[-1].append(page)
    return links


def read_packets(view: memoryview, pages: Iterable[Page], count: int) -> list[bytes]:
    """The first packets of a stream, given its pages; fewer where there are not so many."""
    packets: list[bytes] = []
    packet = b""
    for page in pages:
        at = page.body
        for size in page.sizes:
            packet += view[at : at + size]
            at += size
            if size < 255:
                packets.append(packet)
                packet = b""
                if len(packets) == count:
                    return packets
    return packets


def is_whole(view: memoryview, page: Page) -> bool:
    """Whether all of a page is there, with the checksum that it names."""
    if page.end > len(view):
        return False
    before, after = view[page.start : page.start + 22], view[page.start + 26 : page.end]
    return _crc(b"".join((before, bytes(4), after))) == page.crc


def render_page(
    view: memoryview, page: Page, *, flags: int, granule: int, body: bytes | None = None
) -> bytes:
    """The page with other flags, another granule position, or a body of the same length."""
    header = _HEADER.pack(b"OggS", 0, flags, granule, page.serial, page.number, 0, len(page.sizes))
    rest = page.sizes + bytes(view[page.body : page.end] if body is None else body)
    crc = _crc(header + rest).to_bytes(4, "little")
    return header[:22] + crc + header[26:] + rest


def _read_pages(view: memoryview) -> Iterator[Page]:
    found = _CAPTURE.search(view)
    while found and len(view) >= found.start() + _HEADER.size:
        start = found.start()
        _, _, flags, granule, serial, number, crc, count = _HEADER.unpack_from(view, start)
        body = start + _HEADER.size + count
        sizes = bytes(view[start + _HEADER.size : body])
        end = body + sum(sizes)
        yield Page(start, body, end, flags, granule, serial, number, crc, sizes)
        found = _CAPTURE.search(view, end)


def _crc(page: bytes) -> int:
    """Ogg's CRC-32 takes the bits of a byte from the other end than zlib's, and starts at 0."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
