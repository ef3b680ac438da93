"""Bringing many files to the disk at once: one call for all, in place of an `fsync` for each.

Linux has `syncfs`, which brings a whole file system to the disk, and since 5.8 tells of bytes that
could not be written. Python has no name for it. It is used where it does what `fsync` does: not on
network file systems nor on those of a process (FUSE), whose servers need not hear of it. It also
waits for what others have written; where that takes long, each file is synced by itself for a while.

The system tells a descriptor only of bytes that were lost after it was opened, and each descriptor
once. So whoever writes files opens its own before it writes them: a `WatchedDisk`.
"""

import ctypes
import os
import platform
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from hugflow.late_dataclass import dataclass

_SINCE: Final = (5, 8)
# By Linux' include/uapi/linux/magic.h: ext2 to ext4, XFS, Btrfs, F2FS, tmpfs.
_LOCAL: Final = frozenset({0xEF53, 0x58465342, 0x9123683E, 0xF2F52010, 0x01021994})
LONGEST_S: Final = 2.0
AGAIN_AFTER_S: Final = 60.0


@dataclass
class _Patience:
    """Until when no file system is synced as a whole, by the monotonic clock."""

    until: float = 0.0


@dataclass(frozen=True, slots=True)
class _Calls:
    """Functions of the C library on a descriptor, which give 0 or set errno."""

    syncfs: Callable[[int], int]
    fstatfs: Callable[..., int]


_patience = _Patience()


class WatchedDisk:
    """The file systems of folders, from before files are written there until they are synced.

    For one thread; closed at the end of its block.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        """Open one folder of each file system; one that cannot be opened is not watched."""
        self._opened: dict[int, int] = {}
        self._calls = _find_calls()
        if self._calls is None:
            return
        try:
            for folder in folders:
                device = folder.stat().st_dev
                if device not in self._opened:
                    self._opened[device] = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._calls = None
            return
        if any(_kind(self._calls, each) not in _LOCAL for each in self._opened.values()):
            self._calls = None

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def sync(self) -> bool:
        """Bring all that was written to the file systems to the disk.

        False where a system has no such call, where it promises less than `fsync`, and for
        AGAIN_AFTER_S after one that took longer than LONGEST_S. Raises OSError for lost bytes.
        """
        began = time.monotonic()
        if self._calls is None or began < _patience.until:
            return False
        for opened in self._opened.values():
            if self._calls.syncfs(opened) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        ended = time.monotonic()
        if ended - began > LONGEST_S:
            _patience.until = ended + AGAIN_AFTER_S
        return True

    def close(self) -> None:
        """Close the descriptors."""
        while self._opened:
            _, opened = self._opened.popitem()
            os.close(opened)


def _kind(calls: _Calls, opened: int) -> int | None:
    """The magic number of a descriptor's file system."""
    # `struct statfs` begins with it, and is shorter.
    found = (ctypes.c_long * 64)()
    return found[0] if calls.fstatfs(opened, ctypes.byref(found)) == 0 else None


@cache
def _find_calls() -> _Calls | None:
    if platform.system() != "Linux":
        return None
    version = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    library = ctypes.CDLL(None, use_errno=True)
    if version < _SINCE or not hasattr(library, "syncfs") or not hasattr(library, "fstatfs"):
        return None
    return _Calls(library.syncfs, library.fstatfs)
