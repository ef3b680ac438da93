"""Members of tar, tar.gz and zip archives, one after the other, without extracting anything.

A compressed archive is read once, from front to back. A zip is read through its directory; what an
entry unpacks to is bounded by the size that the directory gives, and that by MOST_MEMBER_BYTES.
"""

import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from hugflow.shards.layouts.joined import join_pieces, local_pieces, open_joined, total_bytes
from hugflow.shards.layouts.left_out import LeftOut
from hugflow.shards.layouts.spanned_zip import (
    MOST_DIRECTORY_BYTES,
    DirectoryTooLarge,
    to_one_zip,
)
from hugflow.shards.layouts.tar_members import (
    ArchiveDamaged,
    Kind,
    Member,
    is_safe_name,
    list_members,
    plain_name,
    read_member,
)

ENDINGS: Final = (".tar", ".tar.gz", ".tgz", ".zip")
MOST_MEMBER_BYTES: Final = 1 << 30
# Of all that a compressed archive holds; a bomb unpacks to a thousand times its size.
_MOST_GROWTH: Final = 100
_FREE_BYTES: Final = 256 << 20
ENCRYPTED: Final = 0x1
# Methods of members that `zipfile` unpacks up to the size of the directory; of others it unpacks
# all that a piece of them holds, a million times its size.
BOUNDED_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_UNIX_LINK: Final = 0o120000
_UNPACK_ERRORS: Final = (EOFError, gzip.BadGzipFile, zlib.error)

# What `zipfile` raises for archives that are damaged or of another kind.
ZIP_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
)

Read = Callable[[], bytes]


class ArchiveEncrypted(ArchiveDamaged):
    """The members of a zip are encrypted."""

    def __init__(self) -> None:
        """Say why."""
        super().__init__("it is encrypted, and only its owner has the key")


class ArchiveUnread(ArchiveDamaged):
    """The members of a zip are packed by a method that is not read."""

    def __init__(self) -> None:
        """Say why."""
        super().__init__("its clips are packed by a method other than deflate")


def is_archive(path: str) -> bool:
    """Whether the path is that of an archive, by its name."""
    return path.lower().endswith(ENDINGS)


def is_zip(path: str) -> bool:
    """Whether an archive is a zip, by its name."""
    return path.lower().endswith(".zip")


def most_unpacked(size_bytes: int) -> int:
    """How much so many bytes may unpack to."""
    return size_bytes * _MOST_GROWTH + _FREE_BYTES


def walk(paths: Sequence[Path], name: str, left_out: LeftOut) -> Iterator[tuple[str, Read]]:
    """The regular members in the archive's order, as (plain name, function that reads it).

    paths: of the archive, or of its parts in order.
    name: of the archive in its repository, which says its format. A function must be called before
    the next member is taken. What is no clip or text by its form is counted in `left_out`.

    Raises ArchiveDamaged where the archive is damaged, encrypted or a bomb.
    """
    with open_local(paths, name) as file:
        size = total_bytes(local_pieces(paths))
        for member, read in open_members(file, name, size, left_out, parts=len(paths)):
            if _is_taken(member.name, member.kind, member.size_bytes, left_out):
                yield plain_name(member.name), read


def open_local(paths: Sequence[Path], name: str) -> BinaryIO:
    """A local archive, or its parts, as one file."""
    if is_zip(name) and len(paths) > 1:
        return join_pieces(to_one_zip(local_pieces(paths)))
    return open_joined(paths)


def open_members(
    file: BinaryIO,
    name: str,
    size_bytes: int,
    left_out: LeftOut,
    *,
    parts: int = 1,
    order: Callable[[str], Any] | None = None,
) -> Iterator[tuple[Member, Read]]:
    """All members of an open archive, with functions that read them; see `walk`.

    size_bytes, parts: of the archive.
    order: by what the members of a zip are sorted, of their names; None is the archive's own order.
    """
    if is_zip(name):
        yield from _zip_members(file, left_out, order)
        return
    is_packed = not name.lower().endswith(".tar")
    opened = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if is_packed else file
    most_bytes = most_unpacked(size_bytes) if is_packed else None
    plain_size = None if is_packed else size_bytes
    try:
        for member in list_members(opened, plain_size, most_bytes, left_out.notes.append):
            yield member, _reader(opened, member, parts)
    except _UNPACK_ERRORS as error:
        raise ArchiveDamaged(f"it cannot be unpacked: {_told(error, parts)}") from error


def _reader(file: BinaryIO, member: Member, parts: int) -> Read:
    def read() -> bytes:
        try:
            return read_member(file, member)
        except _UNPACK_ERRORS as error:
            told = f"{member.name!r} cannot be unpacked: {_told(error, parts)}"
            raise ArchiveDamaged(told) from error

    return read


def _told(error: Exception, parts: int) -> str:
    is_short = isinstance(error, EOFError) and parts > 1
    return f"{error}; its last part may be missing" if is_short else str(error)


def _zip_members(
    file: BinaryIO, left_out: LeftOut, order: Callable[[str], Any] | None
) -> Iterator[tuple[Member, Read]]:
    with open_zip(file) as archive:
        entries = archive.infolist()
        if order is not None:
            entries.sort(key=lambda entry: order(entry.filename))
        for entry in entries:
            if entry.is_dir():
                continue
            if entry.flag_bits & ENCRYPTED:
                raise ArchiveEncrypted
            if entry.file_size > most_unpacked(entry.compress_size):
                raise ArchiveDamaged(
                    f"{entry.filename!r} unpacks to more than {_MOST_GROWTH} times its size"
                )
            if entry.compress_type not in BOUNDED_METHODS:
                left_out.add("are packed by a method other than deflate", entry.filename)
                continue
            is_link = (entry.external_attr >> 16) & 0o170000 == _UNIX_LINK
            kind: Kind = "link" if is_link else "file"
            member = Member(entry.filename, entry.file_size, kind, entry.header_offset)
            yield member, _zip_reader(archive, entry)


@contextmanager
def open_zip(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """An open file as a zip; raises ArchiveDamaged if it is none, or its directory is too large."""
    bounded = _BoundedReads(file)
    try:
        archive = zipfile.ZipFile(cast(BinaryIO, bounded))
    except ZIP_DAMAGED as error:
        raise ArchiveDamaged(f"it is no whole zip: {error}") from error
    bounded.most_bytes = None
    with archive:
        yield archive


class _BoundedReads:
    """A file of which `zipfile`, while it opens it, reads no more than a directory at once."""

    def __init__(self, file: BinaryIO) -> None:
        """Bound the reads until `most_bytes` is None."""
        self._file = file
        self.most_bytes: int | None = MOST_DIRECTORY_BYTES
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        """Some bytes; raises DirectoryTooLarge."""
        if self.most_bytes is not None and size > self.most_bytes:
            raise DirectoryTooLarge(size)
        return self._file.read(size)


def _zip_reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Read:
    def read() -> bytes:
        try:
            with archive.open(entry) as opened:
                # zipfile stops at the size of the directory, and compares the checksum there.
                data = opened.read(entry.file_size)
        except ZIP_DAMAGED as error:
            raise ArchiveDamaged(f"{entry.filename!r} cannot be unpacked: {error}") from error
        if len(data) != entry.file_size:
            raise ArchiveDamaged(f"{entry.filename!r} is shorter than the directory says")
        return data

    return read


def _is_taken(name: str, kind: str, size_bytes: int, left_out: LeftOut) -> bool:
    """Whether a member may be a clip; counts why not. Folders are not counted."""
    base = name.rpartition("/")[2]
    if kind == "folder":
        return False
    if kind != "file":
        left_out.add(f"are no regular files but: {kind}", name)
    elif not is_safe_name(name):
        left_out.add("have names that lead out of the archive", name)
    elif base.startswith(".") or "__MACOSX" in name.split("/"):
        left_out.add("are hidden", name)
    elif size_bytes > MOST_MEMBER_BYTES:
        left_out.add(f"are larger than {MOST_MEMBER_BYTES:,} bytes", name)
    else:
        return True
    return False
