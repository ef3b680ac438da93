"""A count of the rows of a complete dataset: each planned row once, made or failed."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from itertools import accumulate
from pathlib import Path

from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import RowMade
from hugflow.verify.differences import Difference, Finder
from hugflow.verify.rows import Looked

_UNSEEN, _MADE, _FAILED = 0, 1, 2


@dataclass(slots=True)
class Tally:
    """Which planned rows were seen so far; one byte a row.

    planned: the row numbers, in order; at least one range.
    """

    find: Finder
    planned: Sequence[range]
    failed: Iterable[int]
    _seen: bytearray = field(init=False)
    _starts: list[int] = field(init=False)
    _places: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the rows that failed."""
        self._seen = bytearray(sum(map(len, self.planned)))
        self._starts = [rows.start for rows in self.planned]
        self._places = [0, *accumulate(map(len, self.planned))]
        for row in self.failed:
            if (place := self._find_place(row)) is not None:
                self._seen[place] = _FAILED

    def tick(self, index: Path, rows: Sequence[RowMade]) -> Iterator[Difference]:
        """Mark rows of an index as seen; an unplanned or repeated row is a difference."""
        for made in rows:
            row = made.row
            place = self._find_place(row)
            if place is None:
                message = f"it has row {row}, and only {len(self._seen)} rows were planned"
                yield self.find("index_differs", index, message, row=row)
                continue
            if self._seen[place] == _FAILED:
                message = "the index has the row, and failures.jsonl too"
                yield self.find("index_differs", index, message, row=row)
            elif self._seen[place] == _MADE:
                yield self.find("index_differs", index, "the index has the row twice", row=row)
            self._seen[place] = _MADE

    def unseen(self) -> Iterator[int]:
        """The planned rows that were not seen, in order."""
        place = self._seen.find(_UNSEEN)
        while place >= 0:
            block = bisect_right(self._places, place) - 1
            yield self._starts[block] + place - self._places[block]
            place = self._seen.find(_UNSEEN, place + 1)

    def _find_place(self, row: int) -> int | None:
        """The position of a row among the planned rows, from 0; None if it is not planned."""
        block = bisect_right(self._starts, row) - 1
        if block < 0 or row not in self.planned[block]:
            return None
        return self._places[block] + row - self._starts[block]


@dataclass(slots=True)
class Sums:
    """Sums over the existing rows; the bytes are the sizes of existing files."""

    rows: int = 0
    copied: int = 0
    seconds: float = 0.0
    mp3_bytes: int = 0
    json_bytes: int = 0

    def add(self, looked: Looked) -> None:
        """Add rows that were checked."""
        clips = [row.audio for row in looked.rows if row.audio is not None]
        self.rows += len(looked.rows)
        self.copied += sum(clip.copied for clip in clips)
        self.seconds += sum(clip.duration for clip in clips)
        self.mp3_bytes += looked.mp3_bytes
        self.json_bytes += looked.json_bytes
