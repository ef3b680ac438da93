"""A zip in parts as one zip that `zipfile` reads.

Two kinds are published. A zip that was cut is whole once its parts are joined. In a spanned zip
(`zip -s`, `audio.z01 audio.z02 audio.zip`), the directory counts each position from the start of a
part ("disk"), and `zipfile` refuses it. So the directory is written again in memory, with positions
in the joined parts. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT describes

    4.3.12  an entry of the directory    4.3.14  the end of the zip64 directory
    4.3.15  the locator of that end      4.3.16  the end of the directory
    4.5.3   the extra field 1 (zip64): size, packed size, position and disk, those of them that
            are 0xFFFF.. in the entry
"""

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from typing import BinaryIO, Final
from zipfile import ZipInfo

from hugflow.late_dataclass import dataclass
from hugflow.shards.layouts.joined import Piece, head_of, join_pieces, total_bytes
from hugflow.shards.layouts.tar_members import ArchiveDamaged

# Signature, disk, disk of the directory, entries of this disk, entries, size, position, comment.
_END: Final = struct.Struct("<4s4H2LH")
# Signature, disk of the zip64 end, its position, disks.
_LOCATOR: Final = struct.Struct("<4sLQL")
# Signature, size, versions, disk, disk of the directory, entries (twice), size, position.
_END64: Final = struct.Struct("<4sQ2H2L4Q")
# Signature, versions, flags, method, time, date, checksum, packed size, size, lengths of name,
# extra field and comment, disk, attributes (twice), position.
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_EXTRA: Final = struct.Struct("<2H")
_END_MARK, _LOCATOR_MARK, _END64_MARK = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_ENTRY_MARK, _MEMBER_MARK = b"PK\x01\x02", b"PK\x03\x04"
_MOST_COMMENT_BYTES: Final = 0xFFFF
# `zipfile` keeps a directory in memory, several times its size; this is about 500,000 members.
MOST_DIRECTORY_BYTES: Final = 64 << 20
_U16, _U32 = 0xFFFF, 0xFFFFFFFF
_ZIP64_EXTRA: Final = 1
_ZIP64_VERSION: Final = 45


class EndLacking(ArchiveDamaged):
    """The last part has no end of a directory."""


class DirectoryTooLarge(ArchiveDamaged):
    """The directory of a zip has more bytes than are read into memory."""

    def __init__(self, size_bytes: int) -> None:
        """size_bytes: of the directory."""
        super().__init__(
            f"its directory has {size_bytes:,} bytes, where {MOST_DIRECTORY_BYTES:,} are read"
        )


class PartsLacking(ArchiveDamaged):
    """The directory counts other parts than there are. expected: how many it counts."""

    def __init__(self, expected: int, found: int) -> None:
        """Keep the number."""
        super().__init__(f"its directory counts {expected:,} parts, where there are {found:,}")
        self.expected = expected


@dataclass(frozen=True, slots=True)
class _Directory:
    """Where the directory is. disks: how many it counts; start: in the joined parts."""

    disks: int
    start: int
    size_bytes: int
    entries: int


def to_one_zip(parts: Sequence[Piece]) -> list[Piece]:
    """The pieces of one zip that `zipfile` reads; the parts themselves unless it is spanned.

    Raises EndLacking if the parts have no directory, PartsLacking if it counts other parts, and
    ArchiveDamaged.
    """
    if len(parts) == 1:
        return list(parts)
    with join_pieces(parts) as file:
        found = _find_directory(file, parts)
        if found.disks == 1:
            return list(parts)
        if found.size_bytes > MOST_DIRECTORY_BYTES:
            raise DirectoryTooLarge(found.size_bytes)
        file.seek(found.start)
        directory = file.read(found.size_bytes)
    try:
        written = b"".join(_rewrite(directory, found.entries, _starts(parts)))
    except (struct.error, IndexError) as error:
        raise ArchiveDamaged("its directory is damaged") from error
    tail = written + _to_end(found.start, len(written), found.entries)
    return [*head_of(parts, found.start), Piece(len(tail), lambda: io.BytesIO(tail))]


def find_wrong_part(parts: Sequence[Piece], entries: Sequence[ZipInfo]) -> int | None:
    """The place of a part that does not hold what the directory says; None if all seem to.

    entries: of the zip that `to_one_zip` gives. Of each part, the first member in it is looked at.
    """
    starts = _starts(parts)
    first: dict[int, int] = {}
    for position in sorted(entry.header_offset for entry in entries):
        first.setdefault(bisect_right(starts, position) - 1, position)
    for place, position in first.items():
        within = position - starts[place]
        if within >= parts[place].size_bytes:
            return place
        if within + len(_MEMBER_MARK) <= parts[place].size_bytes:
            # Of each part a few bytes are fetched, and not what a buffer takes.
            with closing(parts[place].open()) as file:
                file.seek(within)
                if file.read(len(_MEMBER_MARK)) != _MEMBER_MARK:
                    return place
    return None


def _starts(parts: Sequence[Piece]) -> list[int]:
    """Where each part begins in the joined parts."""
    return [0, *accumulate(part.size_bytes for part in parts[:-1])]


def _find_directory(file: BinaryIO, parts: Sequence[Piece]) -> _Directory:
    size, starts = total_bytes(parts), _starts(parts)
    tail_start = max(0, size - _END.size - _MOST_COMMENT_BYTES)
    file.seek(tail_start)
    tail = file.read(size - tail_start)
    at = tail.rfind(_END_MARK)
    if at < 0 or len(tail) - at < _END.size:
        raise EndLacking("it has no directory at its end")
    _, disk, directory_disk, _, entries, size_bytes, start, _ = _END.unpack_from(tail, at)
    locator = _read_locator(tail, at)
    if locator is not None:
        _, disk64, start64, disks = locator
        if disks > 1 and disks != len(parts):
            raise PartsLacking(disks, len(parts))
        file.seek(_position(starts, disk64, start64))
        end64 = file.read(_END64.size)
        if len(end64) == _END64.size and end64.startswith(_END64_MARK):
            *_, disk, directory_disk, _, entries, size_bytes, start = _END64.unpack(end64)
        elif disks > 1:
            raise ArchiveDamaged("its zip64 directory is not where it should be")
    if disk and disk + 1 != len(parts):
        raise PartsLacking(disk + 1, len(parts))
    if disk == 0:
        return _Directory(1, start, size_bytes, entries)
    start = _position(starts, directory_disk, start)
    if start + size_bytes > size:
        raise ArchiveDamaged("its directory is larger than its parts")
    return _Directory(disk + 1, start, size_bytes, entries)


def _read_locator(tail: bytes, end: int) -> tuple[bytes, int, int, int] | None:
    """The locator of a zip64 directory before the end record; None if there is none."""
    at = end - _LOCATOR.size
    if at < 0 or tail[at : at + 4] != _LOCATOR_MARK:
        return None
    mark, disk, start, disks = _LOCATOR.unpack_from(tail, at)
    return mark, disk, start, disks


def _position(starts: Sequence[int], disk: int, start: int) -> int:
    if disk >= len(starts):
        raise ArchiveDamaged("its directory names a part that is not there")
    return starts[disk] + start


def _rewrite(directory: bytes, entries: int, starts: Sequence[int]) -> Iterator[bytes]:
    """The entries with positions in the joined parts, in the form of zip64."""
    at = 0
    for _ in range(entries):
        fields = _ENTRY.unpack_from(directory, at)
        mark, made, needed, *form, packed, size, names, extras, comments, disk = fields[:14]
        if mark != _ENTRY_MARK:
            raise ArchiveDamaged("its directory is damaged")
        name_end = at + _ENTRY.size + names
        extra_end = name_end + extras
        large, others = _split_extra(directory[name_end:extra_end])
        # The extra field has the values that are too large for the entry, in this order.
        size = _take(large, 8) if size == _U32 else size
        packed = _take(large, 8) if packed == _U32 else packed
        start = _take(large, 8) if fields[-1] == _U32 else fields[-1]
        disk = _take(large, 4) if disk == _U16 else disk
        extra = _EXTRA.pack(_ZIP64_EXTRA, 24)
        extra += struct.pack("<3Q", size, packed, _position(starts, disk, start)) + others
        if len(extra) > _U16:
            raise ArchiveDamaged("an entry of its directory is too large")
        needed = max(needed, _ZIP64_VERSION)
        lengths = (_U32, _U32, names, len(extra), comments, 0)
        yield _ENTRY.pack(mark, made, needed, *form, *lengths, *fields[14:16], _U32)
        end = extra_end + comments
        yield directory[at + _ENTRY.size : name_end] + extra + directory[extra_end:end]
        at = end


def _split_extra(extra: bytes) -> tuple[bytearray, bytes]:
    """The values of the zip64 field of an entry, and its other extra fields."""
    large, others, at = bytearray(), b"", 0
    while at + _EXTRA.size <= len(extra):
        kind, size = _EXTRA.unpack_from(extra, at)
        end = at + _EXTRA.size + size
        if kind == _ZIP64_EXTRA:
            large += extra[at + _EXTRA.size : end]
        else:
            others += extra[at:end]
        at = end
    return large, others


def _take(values: bytearray, size: int) -> int:
    """The next value of a zip64 field."""
    if len(values) < size:
        raise ArchiveDamaged("its directory lacks a position")
    value = int.from_bytes(values[:size], "little")
    del values[:size]
    return value


def _to_end(start: int, size_bytes: int, entries: int) -> bytes:
    """The end of a directory at a position, for any size."""
    end64 = (44, _ZIP64_VERSION, _ZIP64_VERSION, 0, 0, entries, entries, size_bytes, start)
    return (
        _END64.pack(_END64_MARK, *end64)
        + _LOCATOR.pack(_LOCATOR_MARK, 0, start + size_bytes, 1)
        + _END.pack(_END_MARK, 0, 0, _U16, _U16, _U32, _U32, 0)
    )
