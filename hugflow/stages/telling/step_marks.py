"""The rows that the row steps of a build have run over, as marks: three bytes a row and step."""

from collections.abc import Mapping, Sequence

from hugflow.ledger.progress import StepProgress
from hugflow.stages.flowing.step_journal import RowFlowed
from hugflow.stages.telling.row_marks import RowMarks


class StepMarks:
    """Marks of each step; a row that a step does not pass on has none in the steps after it."""

    def __init__(self, names: Sequence[str], blocks: Sequence[tuple[int, int]]) -> None:
        """Start without marks. names: of the steps, in order. blocks: those of RowMarks."""
        self._names = list(names)
        self._marks = {name: _Marks(blocks) for name in names}

    def read(self, step: str, flowed: Mapping[int, RowFlowed], made: RowMarks) -> None:
        """Mark what a journal says of a shard, of rows that reach the step.

        made: the made rows, which reach the first step. The steps are to be read in their order.
        """
        place = self._names.index(step)
        before = self._marks[self._names[place - 1]].out if place else made
        reached = before.find(list(flowed))
        self._marks[step].add({row: flowed[row] for row in reached})

    def add(self, step: str, flowed: Mapping[int, RowFlowed]) -> None:
        """Mark rows, all of one shard, that a step has run over now."""
        self._marks[step].add(flowed)
        gone = [row for row, each in flowed.items() if each.kind != "out"]
        for later in self._names[self._names.index(step) + 1 :]:
            self._marks[later].clear(gone)

    def view(self, made_rows: int | None) -> tuple[StepProgress, ...]:
        """The progress of each step. made_rows: rows that reach the first; None if unknown."""
        views: list[StepProgress] = []
        total = made_rows
        for name in self._names:
            views.append(self._marks[name].view(name, total))
            is_done = total == views[-1].rows + views[-1].dropped + views[-1].errors
            total = views[-1].rows if is_done else None
        return tuple(views)


class _Marks:
    """The marks of one step: a row has one of them, or none."""

    def __init__(self, blocks: Sequence[tuple[int, int]]) -> None:
        self.out, self.done, self.errors = (RowMarks(blocks) for _ in range(3))

    def add(self, flowed: Mapping[int, RowFlowed]) -> None:
        out = [row for row, each in flowed.items() if each.kind == "out"]
        dropped = [row for row, each in flowed.items() if each.kind == "dropped"]
        failed = [row for row, each in flowed.items() if each.kind == "error"]
        self.out.mark(out, True)
        self.out.mark(dropped + failed, False)
        self.done.mark(out + dropped, True)
        self.done.mark(failed, False)
        self.errors.mark(out + dropped, False)
        self.errors.mark(failed, True)

    def clear(self, rows: Sequence[int]) -> None:
        for marks in (self.out, self.done, self.errors):
            marks.mark(rows, False)

    def view(self, name: str, total_rows: int | None) -> StepProgress:
        rows, errors = self.out.count, self.errors.count
        return StepProgress(
            name, rows, self.done.count - rows, errors, total_rows, tuple(self.done.pairs())
        )
