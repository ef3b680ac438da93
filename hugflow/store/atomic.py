"""Files that are written whole or not at all.

A file gets its final name only when all its bytes are on the disk: temporary file in the same
folder, `fsync`, rename, `fsync` of the folder. Temporary names are fixed (`.<name>.tmp`), so a
rerun overwrites the leftovers of a killed run.
"""

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hugflow.errors import CannotWrite, DiskFull
from hugflow.late_dataclass import dataclass

if TYPE_CHECKING:
    from hugflow.store.sync_disk import WatchedDisk

TEMPORARY_SUFFIX = ".tmp"
# So many files are synced one by one.
_FEW = 8
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
_REFUSALS = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EIO,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that is written, but neither synced to the disk nor renamed to its final name yet.

    path: its final one. folder, temporary: paths as text, as a Path takes its time to be taken apart.
    """

    path: Path
    size_bytes: int
    folder: str
    temporary: str


def temporary_path(path: Path) -> Path:
    """The temporary name of `path`: hidden, in the same folder, always the same."""
    return Path(_temporary_of(*os.path.split(path)))


def read_file(path: Path, most_bytes: int | None = None) -> bytes:
    """The bytes of a file.

    Raises OSError, also for a file longer than `most_bytes`, and for a pipe or device, which would
    block the reader.
    """
    with open(path, "rb", opener=_open_unblocked) as file:  # Path takes no opener
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        if most_bytes is not None and status.st_size > most_bytes:
            raise OSError(errno.EFBIG, f"it is longer than {most_bytes:,} bytes", str(path))
        return file.read()


def fresh_temporary(path: Path) -> Path:
    """The temporary name of `path`, for a library that opens it; an old file there is deleted."""
    temporary = temporary_path(path)
    with disk_errors(path):
        temporary.unlink(missing_ok=True)
    return temporary


def is_file(path: Path) -> bool:
    """Whether a regular file exists there; a link, a pipe or a device is none."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def write_temporary(
    path: Path, data: bytes | Iterable[bytes | bytearray | memoryview]
) -> StagedFile:
    """Write `data`, bytes or pieces of bytes, beside `path`; `commit` or `discard` must follow.

    Raises DiskFull if there is no room; then nothing is left behind.
    """
    folder, name = os.path.split(path)
    temporary = _temporary_of(folder, name)
    size = 0
    with disk_errors(path):
        fd = _open_new(temporary)
        try:
            for piece in (data,) if isinstance(data, bytes) else data:
                _write_all(fd, piece)
                size += len(piece)
        except BaseException:
            _unlink(temporary)
            raise
        finally:
            # Not kept open until the commit: many workers would hold too many open files.
            os.close(fd)
    return StagedFile(path, size, folder, temporary)


def commit(batch: Iterable[StagedFile], disk: "WatchedDisk | None" = None) -> None:
    """Give a batch of files their final names, in order, once their bytes are on the disk.

    disk: watched since before the files were written; None: each is synced by itself.

    A folder is synced before the first file of the next folder is renamed. With the MP3s first and
    the JSONs after them, no JSON exists without its MP3, even after a power cut. If the bytes of
    one file cannot be synced, none of the files appears and all of them are deleted.
    """
    files = list(batch)
    try:
        _sync_batch(files, disk)
    except BaseException:
        discard(files)
        raise
    folder: str | None = None
    for file in files:
        if folder is not None and file.folder != folder:
            sync_folder(Path(folder))
        folder = file.folder
        with disk_errors(file.path):
            os.rename(file.temporary, file.path)  # noqa: PTH104  # as `StagedFile` says
    if folder is not None:
        sync_folder(Path(folder))


def _sync_batch(files: Sequence[StagedFile], disk: "WatchedDisk | None") -> None:
    """Bring the bytes of a batch to the disk: of many files by one call for their file system.

    An `fsync` for each makes the disk close its journal for each: beside threads that write the
    next batch, that takes ten times as long as the writing.
    """
    if disk is not None and len(files) > _FEW:
        with disk_errors(files[0].path.parent):
            if disk.sync():
                return
    for file in files:
        with disk_errors(file.path):
            _sync_file(file.temporary)


def discard(batch: Iterable[StagedFile]) -> None:
    """Delete files that were written and will not be committed."""
    for file in batch:
        _unlink(file.temporary)


def write_file(path: Path, data: bytes | str) -> None:
    """Write one file whole; makes its folder if it is missing."""
    make_folder(path.parent)
    commit([write_temporary(path, data.encode() if isinstance(data, str) else data)])


def write_view(path: Path, text: str) -> None:
    """Write one file whole that several processes may write at once; the last writer wins.

    Each writer has its own temporary file; the leftover of a killed writer does no harm.
    """
    make_folder(path.parent)
    own = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    with disk_errors(path):
        try:
            fd = _open_new(own)
            try:
                _write_all(fd, text.encode())
            finally:
                os.close(fd)
            own.replace(path)
        except OSError:
            own.unlink(missing_ok=True)
            raise


def write_if_changed(path: Path, text: str) -> None:
    """Write one file whole, unless it already has this text."""
    if not is_file(path) or path.read_bytes() != text.encode():
        write_file(path, text)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file for people: strict, two spaces, a final newline."""
    write_file(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def commit_file(path: Path) -> None:
    """Give a file that a library wrote at `temporary_path(path)` its final name."""
    folder, name = os.path.split(path)
    temporary = _temporary_of(folder, name)
    commit([StagedFile(path, Path(temporary).stat().st_size, folder, temporary)])


def make_folder(folder: Path) -> None:
    """Make `folder` and its missing parents, and sync their names to the disk."""
    missing = [each for each in (folder, *folder.parents) if not each.is_dir()]
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for made in reversed(missing):
        sync_folder(made.parent)


def sync_folder(folder: Path) -> None:
    """Sync the names in `folder` to the disk."""
    with disk_errors(folder):
        _sync_file(folder)


def find_temporary(folder: Path) -> list[Path]:
    """The temporary files in `folder`: of a writer at work, or left by a killed one."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if _is_temporary(entry)]


@contextmanager
def disk_errors(path: Path, verb: Literal["written", "read"] = "written") -> Iterator[None]:
    """Turn errors of the disk into DiskFull or CannotWrite; other errors pass unchanged.

    verb: what was done with `path`, for the message.
    """
    try:
        yield
    except OSError as error:
        known = to_disk_error(error, path, verb)
        if known is None:
            raise
        raise known from error


def to_disk_error(
    error: OSError, path: Path, verb: str = "written"
) -> DiskFull | CannotWrite | None:
    """An error of the disk as DiskFull or CannotWrite; None for any other error."""
    why = os.strerror(error.errno or 0)
    if error.errno in _NO_ROOM:
        return DiskFull(
            f"no room left while writing {path}",
            why=why,
            mend="free some space and run the same command again: it continues where it stopped",
        )
    if error.errno in _NO_DESCRIPTORS:
        return CannotWrite(
            f"{path} cannot be opened",
            why=why,
            mend="let fewer programs run beside it, lower WORKERS, or raise the limit "
            "(`ulimit -n`); then run the same command again: it continues where it stopped",
        )
    if error.errno == errno.EFBIG:
        return CannotWrite(
            f"{path} cannot be {verb}",
            why=why,
            mend="raise the limit (`ulimit -f`), or take a file system that holds larger files; then "
            "run the same command again: it continues where it stopped",
        )
    if error.errno in _REFUSALS:
        return CannotWrite(
            f"{path} cannot be {verb}",
            why=why,
            mend="check who owns the folder, and that the disk is sound; then run the "
            "same command again: it continues where it stopped",
        )
    return None


def _open_unblocked(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _temporary_of(folder: str, name: str) -> str:
    """The temporary name as text; a row's path takes no time to speak of so."""
    return os.path.join(folder, f".{name}{TEMPORARY_SUFFIX}")  # noqa: PTH118


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108  # a path as text


def _open_new(path: str | Path) -> int:
    """Create a file; anything that exists at the path is deleted first.

    A link would be written through, and a pipe would block until someone reads it.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileExistsError:
        _unlink(os.fspath(path))
        return os.open(path, flags, 0o666)


def _sync_file(path: str | Path) -> None:
    """Sync a file's bytes, or a folder's names, to the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _is_temporary(entry: os.DirEntry[str]) -> bool:
    is_named_so = entry.name[0] == "." and entry.name.endswith(TEMPORARY_SUFFIX)
    return is_named_so and entry.is_file(follow_symlinks=False)


def _write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write every byte, also if the system takes only a part at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
