"""The rows of a build that are in some state, as marks: a byte of memory a row."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

LEAST_ROWS = 1024


class RowMarks:
    """Marks of rows, in blocks of consecutive numbers; a block grows when needed.

    A build that is numbered through has one block. A build that is numbered by shard has one block
    for each shard; the numbers between blocks belong to no row.
    """

    def __init__(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Start without marks. blocks: first row and number of rows of each block, in order."""
        self._starts = [first for first, _ in blocks]
        self._marks = [np.zeros(rows, dtype=np.bool_) for _, rows in blocks]

    @property
    def count(self) -> int:
        """The number of marked rows."""
        return sum(int(marks.sum()) for marks in self._marks)

    def mark(self, rows: Sequence[int], is_so: bool) -> int:
        """Mark rows of one block; returns how many marks changed."""
        if not rows:
            return 0
        number = bisect_right(self._starts, rows[0]) - 1
        # Not np.unique, which imports numpy.ma.
        at = np.asarray(sorted(set(rows)), dtype=np.intp) - self._starts[number]
        marks = self._block(number, int(at[-1]) + 1)
        # Only these rows are read.
        changed = int(np.count_nonzero(marks[at] != is_so))
        marks[at] = is_so
        return changed

    def find(self, rows: Sequence[int]) -> list[int]:
        """Those of `rows`, which are of one block, that are marked."""
        if not rows:
            return []
        number = bisect_right(self._starts, rows[0]) - 1
        first, marks = self._starts[number], self._marks[number]
        return [row for row in rows if row - first < len(marks) and marks[row - first]]

    def mark_all(self, rows: range) -> None:
        """Mark consecutive rows of one block."""
        if rows:
            number = bisect_right(self._starts, rows.start) - 1
            first = self._starts[number]
            self._block(number, rows.stop - first)[rows.start - first : rows.stop - first] = True

    def pairs(self) -> Iterator[tuple[int, int]]:
        """The marked rows as ranges (first, last), in order."""
        for start, marks in zip(self._starts, self._marks, strict=True):
            edges = np.flatnonzero(np.diff(marks, prepend=False, append=False)) + start
            # As lists: a loop over the array takes ten times as long.
            for first, end in edges.reshape(-1, 2).tolist():
                yield first, end - 1

    def _block(self, number: int, rows: int) -> npt.NDArray[np.bool_]:
        """A block with room for so many rows."""
        marks = self._marks[number]
        if rows > len(marks):
            grown = np.zeros(max(rows, 2 * len(marks), LEAST_ROWS), dtype=np.bool_)
            grown[: len(marks)] = marks
            self._marks[number] = marks = grown
        return marks
