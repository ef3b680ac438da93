"""Zip and tar.gz archives as contents; every member is checked before one is read."""

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path

from hugflow.hierarchy.contents import (
    MOST_BYTES,
    MOST_FILE_BYTES,
    MOST_FILES,
    Contents,
    refuse_path,
    refuse_paths,
    refuse_sizes,
    unsafe,
)
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.load import CONFIG_NAMES
from hugflow.late_dataclass import dataclass

# More than JSON and text compress to; only asked of archives that are large.
MOST_RATIO = 200
SMALL_BYTES = 32 << 20
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    gzip.BadGzipFile,
    EOFError,
    NotImplementedError,
    UnicodeError,
    ValueError,
)


@contextmanager
def open_archive(path: Path) -> Iterator[Contents]:
    """The contents of an archive, without its top folder if it has one.

    Raises UnsafeArchiveError for an archive with any member that is refused, ConfigError for a file
    that is no archive.
    """
    with _damage_named():
        is_zip = _begins_with(path, b"PK")
        if not is_zip and not _begins_with(path, b"\x1f\x8b"):
            raise ConfigError(
                "the file is neither a zip nor a tar.gz archive",
                why="its first bytes are those of something else",
                mend="check the location; a page that asks for a login is no archive",
            )
        if is_zip:
            with zipfile.ZipFile(path) as opened:
                yield _without_top_folder(_open_zip(opened, path))
        else:
            yield _without_top_folder(_open_tar(path))


def read_commit(path: Path) -> str | None:
    """The commit that git wrote into a zip archive's comment; None if there is none."""
    if not _begins_with(path, b"PK"):
        return None
    with _damage_named(), zipfile.ZipFile(path) as opened:
        comment = opened.comment.decode("ascii", "replace")
    is_commit = len(comment) == 40 and set(comment) <= set("0123456789abcdef")
    return comment if is_commit else None


@dataclass(frozen=True, slots=True)
class _ZipContents:
    opened: zipfile.ZipFile
    members: Mapping[str, zipfile.ZipInfo]
    prefix: str = ""

    @property
    def sizes(self) -> Mapping[str, int]:
        return {path: member.file_size for path, member in self.members.items()}

    def read(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for path in paths:
            member = self.members[path]
            try:
                with self.opened.open(member) as file:
                    data = file.read(member.file_size + 1)
            except OSError as error:
                # bz2 has no error of its own for damaged bytes.
                raise zipfile.BadZipFile(f"{path!r}: {error}") from error
            yield path, _bounded(data, member.file_size, path)


@dataclass(frozen=True, slots=True)
class _TarContents:
    path: Path
    members: Mapping[str, int]
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def sizes(self) -> Mapping[str, int]:
        return self.members

    def read(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        wanted = {self.names.get(path, path): path for path in paths}
        with _open_tar_stream(self.path) as opened:
            for member in opened:
                path = wanted.pop(_tar_name(member), None) if member.isreg() else None
                file = opened.extractfile(member) if path is not None else None
                if path is not None and file is not None:
                    yield path, _bounded(file.read(member.size + 1), member.size, path)
                if not wanted:
                    return


def _open_zip(opened: zipfile.ZipFile, path: Path) -> _ZipContents:
    infos = opened.infolist()
    if len(infos) > MOST_FILES:
        raise unsafe("it has too many members", f"more than {MOST_FILES:,} are not read")
    members: dict[str, zipfile.ZipInfo] = {}
    names: list[str] = []
    for info in infos:
        # zipfile cuts a name at its first NUL, and turns separators.
        name = info.orig_filename
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise unsafe(f"{name!r} is a link or a device", "only files and folders are read")
        if info.flag_bits & 0x1:
            raise unsafe(f"{name!r} is encrypted", "it cannot be read")
        if name.endswith("/"):
            refuse_path(name.rstrip("/"))
            continue
        names.append(name)
        members[name] = info
    refuse_paths(names)
    size = path.stat().st_size
    if sum(info.compress_size for info in infos) > size:
        raise unsafe("its members overlap", "its size on the disk says nothing about its content")
    contents = _ZipContents(opened, members)
    _refuse_bomb(sum(contents.sizes.values()), size)
    refuse_sizes(contents.sizes)
    return contents


def _open_tar(path: Path) -> _TarContents:
    size = path.stat().st_size
    members: dict[str, int] = {}
    names: list[str] = []
    count = total = 0
    with _open_tar_stream(path) as opened:
        for member in opened:
            count += 1
            name = _tar_name(member)
            if count > MOST_FILES:
                raise unsafe("it has too many members", f"more than {MOST_FILES:,} are not read")
            if member.isdir():
                if name not in ("", "."):
                    refuse_path(name.rstrip("/"))
                continue
            if not member.isreg() or member.issparse():
                raise unsafe(f"{name!r} is a link or a device", "only files and folders are read")
            names.append(name)
            refuse_path(name)
            total += member.size
            # The next member is only found by reading this one.
            _refuse_bomb(total, size)
            refuse_sizes({name: member.size})
            members[name] = member.size
    _read_to_end(path)
    refuse_paths(names)
    return _TarContents(path, members)


@contextmanager
def _open_tar_stream(path: Path) -> Iterator[tarfile.TarFile]:
    with gzip.open(path) as file, tarfile.open(fileobj=_Bounded(file, path), mode="r|") as opened:
        yield opened


def _read_to_end(path: Path) -> None:
    """Read what follows the last member, too: the checksum of everything is at the end."""
    with gzip.open(path) as file:
        stream = _Bounded(file, path)
        while stream.read(1 << 20):
            pass


class _Bounded(io.RawIOBase):
    """An unpacked stream that ends with an error when it grows too much: headers may be traps."""

    def __init__(self, file: gzip.GzipFile, path: Path) -> None:
        super().__init__()
        self._file = file
        self._size = path.stat().st_size
        self._total = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._total += len(data)
        _refuse_bomb(self._total, self._size)
        return data


def _tar_name(member: tarfile.TarInfo) -> str:
    return member.name.removeprefix("./")


def _refuse_bomb(total: int, size: int) -> None:
    if total > MOST_BYTES or (total > SMALL_BYTES and total > size * MOST_RATIO):
        raise unsafe(
            "it grows too much when it is unpacked",
            f"{size:,} bytes would become {total:,} or more",
        )


def _without_top_folder(contents: _ZipContents | _TarContents) -> Contents:
    """The contents as they are, or of the one folder that everything is in."""
    # What macOS adds to the archives that it makes is beside the one folder.
    paths = [path for path in contents.members if not path.startswith("__MACOSX/")]
    tops = {path.partition("/")[0] for path in paths}
    has_config = any(name in contents.members for name in CONFIG_NAMES)
    if has_config or len(tops) != 1 or any("/" not in path for path in paths):
        return contents
    cut = len(next(iter(tops))) + 1
    if isinstance(contents, _TarContents):
        shorter = {path[cut:]: contents.members[path] for path in paths}
        return _TarContents(contents.path, shorter, {path[cut:]: path for path in paths})
    return _ZipContents(contents.opened, {path[cut:]: contents.members[path] for path in paths})


def _bounded(data: bytes, size: int, path: str) -> bytes:
    if len(data) != size or size > MOST_FILE_BYTES:
        raise unsafe(f"{path!r} has another size than it says", "the archive is damaged or a trap")
    return data


@contextmanager
def _damage_named() -> Iterator[None]:
    try:
        yield
    except ConfigError:
        raise
    except _DAMAGED as error:
        raise ConfigError(
            "the archive is damaged",
            why=f"{type(error).__name__}: {error}"[:200],
            mend="fetch it again, or ask its owner for a sound one",
        ) from error


def _begins_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
