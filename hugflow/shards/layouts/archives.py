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
from typing import BinaryIO, Final, cast

from hugflow.shards.layouts.joined import join_pieces, local_pieces, open_joined, total_bytes
from hugflow.shards.layouts.left_out import LeftOut
from hugflow.shards.layouts.spanned_zip import to_one_zip
from hugflow.shards.layouts.tar_members import (
    ArchiveDamaged,
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
_ENCRYPTED: Final = 0x1
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
    if is_zip(name):
        return _walk_zip(paths, left_out)
    return _walk_tar(paths, left_out, is_packed=not name.lower().endswith(".tar"))


def _walk_tar(
    paths: Sequence[Path], left_out: LeftOut, *, is_packed: bool
) -> Iterator[tuple[str, Read]]:
    size = total_bytes(local_pieces(paths))
    with open_joined(paths) as joined, _unpacked(joined, is_packed=is_packed) as file:
        try:
            most_bytes = most_unpacked(size) if is_packed else None
            plain_size = None if is_packed else size
            for member in list_members(file, plain_size, most_bytes, left_out.notes.append):
                if _is_taken(member.name, member.kind, member.size_bytes, left_out):
                    yield plain_name(member.name), _reader(file, member, paths)
        except _UNPACK_ERRORS as error:
            raise ArchiveDamaged(f"it cannot be unpacked: {_told(error, paths)}") from error


def _unpacked(file: BinaryIO, *, is_packed: bool) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if is_packed else file


def _reader(file: BinaryIO, member: Member, paths: Sequence[Path]) -> Read:
    def read() -> bytes:
        try:
            return read_member(file, member)
        except _UNPACK_ERRORS as error:
            told = f"{member.name!r} cannot be unpacked: {_told(error, paths)}"
            raise ArchiveDamaged(told) from error

    return read


def _told(error: Exception, paths: Sequence[Path]) -> str:
    is_short = isinstance(error, EOFError) and len(paths) > 1
    return f"{error}; its last part may be missing" if is_short else str(error)


def _walk_zip(paths: Sequence[Path], left_out: LeftOut) -> Iterator[tuple[str, Read]]:
    with _opened_zip(paths) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            if entry.flag_bits & _ENCRYPTED:
                raise ArchiveDamaged("it is encrypted, and only its owner has the key")
            if entry.file_size > most_unpacked(entry.compress_size):
                raise ArchiveDamaged(
                    f"{entry.filename!r} unpacks to more than {_MOST_GROWTH} times its size"
                )
            if entry.compress_type not in BOUNDED_METHODS:
                left_out.add("are packed by a method other than deflate", entry.filename)
                continue
            is_link = (entry.external_attr >> 16) & 0o170000 == _UNIX_LINK
            kind = "link" if is_link else "file"
            if _is_taken(entry.filename, kind, entry.file_size, left_out):
                yield plain_name(entry.filename), _zip_reader(archive, entry)


@contextmanager
def _opened_zip(paths: Sequence[Path]) -> Iterator[zipfile.ZipFile]:
    with join_pieces(to_one_zip(local_pieces(paths))) as file:
        try:
            archive = zipfile.ZipFile(file)
        except ZIP_DAMAGED as error:
            raise ArchiveDamaged(f"it is no whole zip: {error}") from error
        with archive:
            yield archive


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
