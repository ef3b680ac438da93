"""The rows that a deep verification found sound, so that a stopped one can be resumed.

`STATE_DIR/verified/<name>.json`, deleted when a verification reaches its end:

    {"version": 1, "manifest": "<sha256>", "began_at": 1763774400.5, "rows": [[0, 81919], ...]}

rows: the files of these rows were decoded and parsed to their end. The record is valid for the tree
    with this manifest, and for a day. A file that was written after `began_at` is checked again.
"""

import hashlib
import os
import time
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import field
from pathlib import Path

from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import RowMade
from hugflow.store.atomic import read_file
from hugflow.store.layout import Places
from hugflow.store.records import RecordForm

LONGEST_S = 24 * 3600.0
WRITE_EVERY_S = 5.0
_END = float("inf")

Pairs = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Found:
    """The file; see the module."""

    manifest: str
    began_at: float
    rows: tuple[tuple[int, int], ...]


SOUND = RecordForm(
    _Found,
    "the record",
    version=1,
    mend="delete the file: the next deep verification begins with the first row",
    is_compact=True,
)


@dataclass(slots=True)
class Sound:
    """The rows found sound, by an earlier run and by this one.

    manifest: sha256 of the manifest.
    known: rows of the earlier run, as rising pairs (first, last).
    """

    path: Path
    manifest: str
    began_at: float
    known: Pairs
    _found: Pairs = field(default_factory=list)
    _written_at: float = field(default_factory=time.monotonic)

    @property
    def rows(self) -> int:
        """Number of rows that the earlier run found sound."""
        return sum(last - first + 1 for first, last in self.known)

    def has(self, row: int, file: os.stat_result) -> bool:
        """Whether a row's file was found sound, and was not written since."""
        at = bisect_right(self.known, (row, _END)) - 1
        return at >= 0 and row <= self.known[at][1] and file.st_mtime < self.began_at

    def add(self, rows: Iterable[RowMade]) -> None:
        """Note rows, which come in order; they are written to disk from time to time."""
        for made in rows:
            if self._found and self._found[-1][1] == made.row - 1:
                self._found[-1] = (self._found[-1][0], made.row)
            else:
                self._found.append((made.row, made.row))
        if time.monotonic() - self._written_at > WRITE_EVERY_S:
            self.write()

    def write(self) -> None:
        """Write the record; if that fails, a later run only takes longer."""
        self._written_at = time.monotonic()
        last = self._found[-1][1] if self._found else -1
        rows = [*self._found, *(pair for pair in self.known if pair[0] > last)]
        with suppress(OSError, HugflowError):
            SOUND.write_view(self.path, _Found(self.manifest, self.began_at, tuple(rows)))

    def forget(self) -> None:
        """Delete the record: the next verification checks everything."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def read_sound(places: Places, name: str, now: float, *, afresh: bool = False) -> Sound | None:
    """The rows found sound in the present tree; None if the tree is not complete.

    afresh: ignore an earlier run. If STATE_DIR was lost, nothing is recorded.
    """
    path, manifest = places.verified(name), places.dataset(name).manifest
    try:
        digest = hashlib.sha256(read_file(manifest)).hexdigest()
    except OSError:
        return None
    if not places.state_dir.is_dir():
        return None
    found = SOUND.read(path) if not afresh else None
    if found is None or found.manifest != digest or not now - LONGEST_S < found.began_at <= now:
        return Sound(path, digest, now, [])
    pairs = list(found.rows)
    return Sound(path, digest, found.began_at, pairs if pairs == sorted(pairs) else [])
