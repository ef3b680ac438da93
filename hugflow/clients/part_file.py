"""The bytes of a published file so far, while one or more connections fetch them.

They are in `<target>.part`. With one connection, its length shows how far it got. With several, the
file has holes, and `<target>.part.ranges` names them:

    {"version": 1, "size_bytes": 536870912, "missing": [[1048576, 268435456], [301989888, 536870912]]}

The record is replaced before a second connection begins, when a range is complete, and every second
meanwhile. A killed process loses at most the bytes of that second.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Protocol, Self

from hugflow.clients.repository import PublishedFile
from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors
from hugflow.store.records import RecordForm

# A range with fewer bytes left is not divided.
DIVISIBLE_BYTES = 4 << 20
CHUNK_BYTES = 1 << 20
_SAVE_EVERY_S = 1.0


class Hash(Protocol):
    """The part of `hashlib` that is used here."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """The digest of all bytes so far."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The ranges of a file that are not fetched, in order; each begins at its first missing byte."""

    size_bytes: int
    missing: tuple[tuple[int, int], ...]


MISSING = RecordForm(
    Missing,
    "the missing ranges of a download",
    version=1,
    mend="delete it, with the file beside it: it is fetched again",
    is_compact=True,
)


@dataclass(slots=True)
class Range:
    """Bytes that one connection fetches: from `at`, which moves on, to `stop`, exclusive."""

    at: int
    stop: int

    @property
    def left(self) -> int:
        """The number of missing bytes."""
        return self.stop - self.at


def part_path(target: Path) -> Path:
    """The file of the bytes so far."""
    return target.with_name(target.name + ".part")


def remove_part(target: Path) -> None:
    """Delete the bytes so far."""
    part = part_path(target)
    # The other way round, a file with holes could pass for the beginning of one.
    part.unlink(missing_ok=True)
    _ranges_path(part).unlink(missing_ok=True)


class PartFile:
    """The bytes so far of one file. Safe to use from threads, until it is closed."""

    def __init__(self, path: Path, file: PublishedFile) -> None:
        """Open the file at `path`, or create it; bytes that cannot be its beginning are dropped."""
        self.path = path
        self._published = file
        self._lock = Lock()
        self._is_closed = False
        self._digest = _new_digest(file)
        self._digested = 0
        self._active: list[Range] = []
        with disk_errors(path):
            path.touch()
            self._free = self._read_missing()
            self._is_divided = _ranges_path(path).exists()
            self._file = path.open("r+b", buffering=0)
        self._saved_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._is_closed = True
            self._file.close()
            if error is not None and self._is_divided and self.path.exists():
                # The error at hand is the one to tell.
                with suppress(HugflowError):
                    self._save()

    @property
    def is_whole(self) -> bool:
        """Whether no byte is missing."""
        with self._lock:
            return not self._free and not self._active

    @property
    def kept_bytes(self) -> int:
        """The number of bytes that are here."""
        with self._lock:
            left = sum(each.left for each in (*self._free, *self._active))
            return self._published.size_bytes - left

    def take(self, *, may_divide: bool) -> Range | None:
        """A range that no connection fetches: an unfinished one, or half of the longest.

        The record is on the disk before another connection begins.
        """
        with self._lock:
            if self._free:
                self._active.append(self._free.pop(0))
                return self._active[-1]
            longest = max(self._active, key=lambda each: each.left, default=None)
            if not may_divide or longest is None or longest.left < DIVISIBLE_BYTES:
                return None
            half = Range(longest.at + longest.left // 2, longest.stop)
            longest.stop = half.at
            self._active.append(half)
            self._is_divided = True
            self._save()
            return half

    def has_work(self, *, may_divide: bool) -> bool:
        """Whether `take` would give a range."""
        with self._lock:
            longest = max((each.left for each in self._active), default=0)
            return bool(self._free) or (may_divide and longest >= DIVISIBLE_BYTES)

    def write(self, range_: Range, data: bytes) -> bool:
        """Write the next bytes of a range, as far as it goes; False when no more are wanted."""
        with self._lock, disk_errors(self.path):
            if self._is_closed:
                return False
            data = data[: range_.left]
            self._file.seek(range_.at)
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) or 0 :]
            if range_.at == self._digested:
                self._digest.update(data)
                self._digested += len(data)
            range_.at += len(data)
            if self._is_divided and time.monotonic() - self._saved_at > _SAVE_EVERY_S:
                self._save()
            return range_.left > 0

    def give_back(self, range_: Range) -> None:
        """End the work on a range; what is missing of it may be taken again."""
        with self._lock:
            self._active.remove(range_)
            if range_.left:
                self._free.append(range_)
            if self._is_divided and not self._is_closed:
                self._save()

    def is_verified(self) -> bool:
        """Whether size and hash of the whole file are those of the Hub."""
        with self._lock, disk_errors(self.path, "read"):
            self._file.seek(self._digested)
            while chunk := self._file.read(CHUNK_BYTES):
                self._digest.update(chunk)
                self._digested += len(chunk)
            is_right = self._digest.hexdigest() == self._published.digest
            return is_right and self._digested == self._published.size_bytes

    def _read_missing(self) -> list[Range]:
        size = self._published.size_bytes
        ranges = _ranges_path(self.path)
        there = self.path.stat().st_size
        record = MISSING.read(ranges) if ranges.exists() else None
        if record is not None and record.size_bytes == size and _is_sound(record):
            return [Range(at, stop) for at, stop in record.missing]
        if there > size or ranges.exists():
            self.path.unlink()
            ranges.unlink(missing_ok=True)
            self.path.touch()
            there = 0
        return [Range(there, size)] if there < size else []

    def _save(self) -> None:
        """Replace the record."""
        ranges = sorted((each.at, each.stop) for each in (*self._free, *self._active) if each.left)
        MISSING.write_view(
            _ranges_path(self.path), Missing(self._published.size_bytes, tuple(ranges))
        )
        self._saved_at = time.monotonic()


@contextmanager
def finished(part: PartFile) -> Iterator[Path]:
    """Give the block the path of a whole and verified file; its record is deleted before."""
    with disk_errors(part.path):
        _ranges_path(part.path).unlink(missing_ok=True)
        yield part.path


def is_verified(path: Path, file: PublishedFile) -> bool:
    """Whether size and hash of a file are those of the Hub."""
    try:
        if path.stat().st_size != file.size_bytes:
            return False
    except FileNotFoundError:
        return False
    digest = _new_digest(file)
    with path.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == file.digest


def _ranges_path(part: Path) -> Path:
    return part.with_name(part.name + ".ranges")


def _is_sound(record: Missing) -> bool:
    """Whether the ranges are in order and within the file."""
    edges = [0, *(edge for pair in record.missing for edge in pair), record.size_bytes]
    return edges == sorted(edges)


def _new_digest(file: PublishedFile) -> Hash:
    if file.sha256 is not None:
        return hashlib.sha256()
    # Not for security: git names small files by it, and the Hub gives no other hash of them.
    return hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)
