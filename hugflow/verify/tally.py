"""Counting the rows of a complete dataset: each planned row once, made or failed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hugflow.ledger.journal import RowMade
from hugflow.verify.differences import Difference, Finder
from hugflow.verify.rows import Looked

_UNSEEN, _MADE, _FAILED = 0, 1, 2


@dataclass(slots=True)
class Tally:
    """Which of the planned rows were met with so far; one byte a row."""

    find: Finder
    planned: int
    failed: Iterable[int]
    _seen: bytearray = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the rows that failed."""
        self._seen = bytearray(self.planned)
        for row in self.failed:
            if row < self.planned:
                self._seen[row] = _FAILED

    def tick(self, index: Path, rows: Sequence[RowMade]) -> Iterator[Difference]:
        """Tick rows of an index off; one that is not planned, or comes twice, is a difference."""
        for made in rows:
            row = made.row
            if row >= self.planned:
                message = f"it has row {row}, and only {self.planned} rows were planned"
                yield self.find("index_differs", index, message, row=row)
                continue
            if self._seen[row] == _FAILED:
                message = "the index has the row, and failures.jsonl too"
                yield self.find("index_differs", index, message, row=row)
            elif self._seen[row] == _MADE:
                yield self.find("index_differs", index, "the index has the row twice", row=row)
            self._seen[row] = _MADE

    def unseen(self) -> Iterator[int]:
        """The planned rows that were not met with, in order."""
        row = self._seen.find(_UNSEEN)
        while row >= 0:
            yield row
            row = self._seen.find(_UNSEEN, row + 1)


@dataclass(slots=True)
class Sums:
    """What is there, added up. The bytes are those of the files that stand."""

    rows: int = 0
    copied: int = 0
    seconds: float = 0.0
    mp3_bytes: int = 0
    json_bytes: int = 0

    def add(self, looked: Looked) -> None:
        """Add rows that were looked at."""
        clips = [row.audio for row in looked.rows if row.audio is not None]
        self.rows += len(looked.rows)
        self.copied += sum(clip.copied for clip in clips)
        self.seconds += sum(clip.duration for clip in clips)
        self.mp3_bytes += looked.mp3_bytes
        self.json_bytes += looked.json_bytes
