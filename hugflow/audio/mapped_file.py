"""The bytes of a file, mapped into memory and freed again while they are read."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

# Smaller files may stay in memory whole while they are read.
LARGE_BYTES = 32 << 20
FORGET_EVERY_S = 0.1


@contextmanager
def open_mapped(file: Path) -> Iterator[memoryview]:
    """Give the block the bytes of a file that is not empty; raises OSError."""
    with file.open("rb") as opened:
        # Not closed here: the traceback of a bad row may still hold a view of it.
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    with kept_small(mapped):
        yield memoryview(mapped)


@contextmanager
def kept_small(mapped: mmap.mmap) -> Iterator[None]:
    """Free the pages of a large memory-mapped file while the block reads it.

    Pages that were read count as this process's memory until the kernel needs the room; an hour of
    WAV has gigabytes of them. A freed page is read from the file again.
    """
    if len(mapped) <= LARGE_BYTES:
        yield
        return
    is_read = Event()

    def forget() -> None:
        while not is_read.wait(FORGET_EVERY_S):
            mapped.madvise(mmap.MADV_DONTNEED)

    forgetting = Thread(target=forget, name="forget", daemon=True)
    forgetting.start()
    try:
        yield
    finally:
        is_read.set()
        forgetting.join()
