"""What a deep verification found sound, so that one that was stopped goes on from there.

`STATE_DIR/verified/<name>.json`, which goes when a verification comes to its end:

    {"version": 1, "manifest": "<sha256>", "began_at": 1763774400.5, "rows": [[0, 81919], ...]}

rows: their files were decoded and parsed to the end. It speaks of the tree with this manifest, for a
day; and a file that was written after the beginning is looked at again.
"""

import hashlib
import os
import time
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hugflow.errors import HugflowError
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
    """The rows that were found sound, by an earlier run and by this one.

    manifest: its sha256. known: of the earlier run, as rising pairs (first, last).
    """

    path: Path
    manifest: str
    began_at: float
    known: Pairs
    _found: Pairs = field(default_factory=list)
    _written_at: float = field(default_factory=time.monotonic)

    @property
    def rows(self) -> int:
        """How many rows the earlier run found sound."""
        return sum(last - first + 1 for first, last in self.known)

    def has(self, row: int, file: os.stat_result) -> bool:
        """Whether a row's file was found sound, and was not written since."""
        at = bisect_right(self.known, (row, _END)) - 1
        return at >= 0 and row <= self.known[at][1] and file.st_mtime < self.began_at

    def add(self, rows: Iterable[RowMade]) -> None:
        """Take note of rows, which come in their order; now and then it is written down."""
        for made in rows:
            if self._found and self._found[-1][1] == made.row - 1:
                self._found[-1] = (self._found[-1][0], made.row)
            else:
                self._found.append((made.row, made.row))
        if time.monotonic() - self._written_at > WRITE_EVERY_S:
            self.write()

    def write(self) -> None:
        """Write it down; that it cannot be costs a later run time, and nobody anything else."""
        self._written_at = time.monotonic()
        last = self._found[-1][1] if self._found else -1
        rows = [*self._found, *(pair for pair in self.known if pair[0] > last)]
        with suppress(OSError, HugflowError):
            SOUND.write_view(self.path, _Found(self.manifest, self.began_at, tuple(rows)))

    def forget(self) -> None:
        """The verification came to its end: the next one starts again."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def read_sound(places: Places, name: str, now: float, *, afresh: bool = False) -> Sound | None:
    """What was found sound of the tree that stands; None where it is not complete.

    afresh: nothing was. Where STATE_DIR was lost there is no place to write it down.
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
