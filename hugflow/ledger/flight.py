"""Which rows of a shard are being encoded right now, for whoever comes after a crash.

`STATE_DIR/ledger/<name>/<plan id>/<shard>.flight`: numbers of eight bytes, each a row and one more;
zero is none. First one for each worker, rewritten in place as it begins a row, which takes a
microsecond; then the rows that were in flight when an earlier process died, and are not made yet.
The file goes when the shard's rows are made. It is a hint and never synced: whatever stands in it,
all that it can cause is that rows are made in a process of their own.
"""

import os
import queue
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from hugflow.store.atomic import disk_errors, make_folder

# More than ever fly at once: what a damaged file says beyond is not read.
MOST_ROWS = 4096
_ROW = struct.Struct("<q")


class Flight:
    """The open note of a shard, for its one writer; safe to use from `workers` threads."""

    def __init__(self, path: Path, workers: int, suspects: Collection[int]) -> None:
        """Begin the note; suspects: rows to be noted until all of the shard is made."""
        make_folder(path.parent)
        self._path = path
        self._suspects = sorted(suspects)[:MOST_ROWS]
        rows = [*[0] * workers, *(row + 1 for row in self._suspects)]
        with disk_errors(path):
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            # In place, so that a kill within loses none of them.
            os.pwrite(self._fd, b"".join(map(_ROW.pack, rows)), 0)
            os.ftruncate(self._fd, _ROW.size * len(rows))
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(workers):
            self._free.put(slot)

    def __enter__(self) -> Self:
        """The note itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the note; where the work ends early, suspects stay so."""
        os.close(self._fd)
        if error is None or not self._suspects:
            self._path.unlink(missing_ok=True)

    @contextmanager
    def row(self, row: int) -> Iterator[None]:
        """Note a row while the block runs, and after it until another takes its place."""
        slot = self._free.get()
        try:
            # A hint that cannot be given costs nobody a row.
            with suppress(OSError):
                os.pwrite(self._fd, _ROW.pack(row + 1), _ROW.size * slot)
            yield
        finally:
            self._free.put(slot)


def read_flight(path: Path) -> frozenset[int]:
    """The rows that were in flight when the last process died at this shard; mostly none."""
    try:
        with path.open("rb") as file:
            data = file.read(_ROW.size * MOST_ROWS)
    except OSError:
        return frozenset()
    whole = len(data) - len(data) % _ROW.size
    return frozenset(value - 1 for (value,) in _ROW.iter_unpack(data[:whole]) if value > 0)
