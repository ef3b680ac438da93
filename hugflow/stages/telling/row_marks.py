"""Which rows of a build are in a certain state, as marks: a byte of memory a row."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

LEAST_ROWS = 1024


class RowMarks:
    """Marks of rows, in blocks of numbers that follow each other; a block grows where it has to.

    A build that is numbered through has one block. One that is numbered by shard has one for each
    shard: the numbers between them are nobody's.
    """

    def __init__(self, blocks: Sequence[tuple[int, int]]) -> None:
        """No row is marked. blocks: first row and number of rows of each, in order."""
        self._starts = [first for first, _ in blocks]
        self._marks = [np.zeros(rows, dtype=np.bool_) for _, rows in blocks]

    @property
    def count(self) -> int:
        """Rows that are marked."""
        return sum(int(marks.sum()) for marks in self._marks)

    def mark(self, rows: Sequence[int], is_so: bool) -> int:
        """Mark rows of one block, and count those that were marked otherwise."""
        if not rows:
            return 0
        number = bisect_right(self._starts, rows[0]) - 1
        at = np.unique(np.asarray(rows, dtype=np.intp)) - self._starts[number]
        marks = self._block(number, int(at[-1]) + 1)
        # No other row is looked at.
        changed = int(np.count_nonzero(marks[at] != is_so))
        marks[at] = is_so
        return changed

    def mark_all(self, rows: range) -> None:
        """Mark rows of one block that follow each other."""
        if rows:
            number = bisect_right(self._starts, rows.start) - 1
            first = self._starts[number]
            self._block(number, rows.stop - first)[rows.start - first : rows.stop - first] = True

    def pairs(self) -> Iterator[tuple[int, int]]:
        """The rows that are marked, as (first, last), in order."""
        for start, marks in zip(self._starts, self._marks, strict=True):
            edges = np.flatnonzero(np.diff(marks, prepend=False, append=False))
            for first, end in edges.reshape(-1, 2):
                yield start + int(first), start + int(end) - 1

    def _block(self, number: int, rows: int) -> npt.NDArray[np.bool_]:
        """A block with room for so many rows."""
        marks = self._marks[number]
        if rows > len(marks):
            grown = np.zeros(max(rows, 2 * len(marks), LEAST_ROWS), dtype=np.bool_)
            grown[: len(marks)] = marks
            self._marks[number] = marks = grown
        return marks
