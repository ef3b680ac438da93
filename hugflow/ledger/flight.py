"""Which rows of a shard are being encoded now, so that a rerun after a crash knows the suspects.

`STATE_DIR/ledger/<name>/<plan id>/<shard>.flight`: a list of numbers of eight bytes. Each is a row
number plus one; zero means no row. The first numbers are one per worker; a worker overwrites its
number as it begins a row, which takes a microsecond. After them come the rows that an earlier
process was encoding when it died, until they are made.

The file is deleted when the shard's rows are made. It is only a hint and never synced: wrong
content can only cause rows to be isolated without need.
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

# More rows than are ever in work at once: the rest of a damaged file is not read.
MOST_ROWS = 4096
_ROW = struct.Struct("<q")


class Flight:
    """The open flight file of a shard, for its one writer; `workers` threads may use it."""

    def __init__(self, path: Path, workers: int, suspects: Collection[int]) -> None:
        """Write the file; suspects: rows that stay in it until the whole shard is made."""
        make_folder(path.parent)
        self._path = path
        self._suspects = sorted(suspects)[:MOST_ROWS]
        rows = [*[0] * workers, *(row + 1 for row in self._suspects)]
        with disk_errors(path):
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            # In place, so that a kill loses none of them.
            os.pwrite(self._fd, b"".join(map(_ROW.pack, rows)), 0)
            os.ftruncate(self._fd, _ROW.size * len(rows))
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(workers):
            self._free.put(slot)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file; delete it, unless the work ended early and there are suspects."""
        os.close(self._fd)
        if error is None or not self._suspects:
            self._path.unlink(missing_ok=True)

    @contextmanager
    def row(self, row: int) -> Iterator[None]:
        """Note a row while the block runs; the note stays until the worker's next row."""
        slot = self._free.get()
        try:
            # If the hint cannot be written, the row is made all the same.
            with suppress(OSError):
                os.pwrite(self._fd, _ROW.pack(row + 1), _ROW.size * slot)
            yield
        finally:
            self._free.put(slot)


def read_flight(path: Path) -> frozenset[int]:
    """The rows that were being encoded when the last process died; usually none."""
    try:
        with path.open("rb") as file:
            data = file.read(_ROW.size * MOST_ROWS)
    except OSError:
        return frozenset()
    whole = len(data) - len(data) % _ROW.size
    return frozenset(value - 1 for (value,) in _ROW.iter_unpack(data[:whole]) if value > 0)
