"""Ogg files to try things on, page by page."""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from hugflow.audio.ogg import FIRST, LAST, read_links


@dataclass(frozen=True)
class OggPage:
    """One page: `rest` is what stands behind the checksum."""

    flags: int
    granule: int
    serial: int
    number: int
    rest: bytes

    def render(self) -> bytes:
        head = b"OggS\0" + bytes([self.flags]) + self.granule.to_bytes(8, "little", signed=True)
        head += self.serial.to_bytes(4, "little") + self.number.to_bytes(4, "little")
        return head + crc(head + bytes(4) + self.rest).to_bytes(4, "little") + self.rest


def split_pages(data: bytes) -> list[OggPage]:
    (pages,) = read_links(memoryview(data))
    return [
        OggPage(
            page.flags, page.granule, page.serial, page.number, data[page.start + 26 : page.end]
        )
        for page in pages
    ]


def join_pages(pages: Iterable[OggPage]) -> bytes:
    return b"".join(page.render() for page in pages)


def with_granules(data: bytes, change: Callable[[int], int]) -> bytes:
    """The same file with other times on its pages of sound."""
    pages = split_pages(data)
    return join_pages(
        replace(page, granule=change(page.granule)) if page.granule else page for page in pages
    )


def without_end(data: bytes) -> bytes:
    """The same file without the mark of its last page."""
    return join_pages(replace(page, flags=page.flags & ~LAST) for page in split_pages(data))


def cut_out(data: bytes, first: int, last: int, start: int) -> bytes:
    """Some pages of sound, as `ffmpeg -c copy` cuts them out: their time counts from `start`."""
    pages = split_pages(data)
    headers = [page for page in pages if page.granule == 0]
    sound = [replace(page, granule=page.granule - start) for page in pages if page.granule]
    kept = [*headers, *sound[first:last]]
    kept = [replace(page, number=number) for number, page in enumerate(kept)]
    return join_pages([*kept[:-1], replace(kept[-1], flags=kept[-1].flags | LAST)])


def crc(data: bytes) -> int:
    """Ogg's own CRC-32, bit by bit as RFC 3533 has it, by bytes that are mirrored for zlib's."""
    mirrored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
    return int(f"{zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF:032b}"[::-1], 2)


def flac_in_ogg(flac: bytes, frames: Iterable[bytes], granules: Iterable[int]) -> bytes:
    """A FLAC's frames as the packets of an Ogg file, one a page."""
    head = b"\x7fFLAC\x01\x00\x00\x01" + flac[:4] + b"\0" + flac[5:42]
    comment = b"\x84\x00\x00\x08" + bytes(8)
    packets = [(head, 0), (comment, 0), *zip(frames, granules, strict=True)]
    pages = []
    for number, (packet, granule) in enumerate(packets):
        sizes = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
        flags = FIRST if number == 0 else LAST if number == len(packets) - 1 else 0
        pages.append(OggPage(flags, granule, 77, number, bytes([len(sizes)]) + sizes + packet))
    return join_pages(pages)
