"""What the row steps of a build have done, as it is counted while they run."""

from hugflow.ledger.progress import StepProgress
from hugflow.stages.flowing.step_journal import RowFlowed
from hugflow.stages.telling.row_marks import RowMarks
from hugflow.stages.telling.step_marks import StepMarks

BLOCKS = [(0, 6)]
OUT, DROPPED, ERROR = RowFlowed("out"), RowFlowed("dropped"), RowFlowed("error", "no")


def marked() -> StepMarks:
    return StepMarks(["first", "second"], BLOCKS)


def made(rows: range) -> RowMarks:
    marks = RowMarks(BLOCKS)
    marks.mark_all(rows)
    return marks


def test_rows_count_by_what_became_of_them_and_failed_ones_are_not_complete():
    marks = marked()
    marks.add("first", {0: OUT, 1: DROPPED, 2: ERROR, 3: OUT})
    first, second = marks.view(6)
    assert first == StepProgress("first", 2, 1, 1, 6, ((0, 1), (3, 3)))
    assert second == StepProgress("second", 0, 0, 0, None, ())


def test_how_many_rows_reach_a_step_is_known_once_the_step_before_it_is_done():
    marks = marked()
    assert [step.total_rows for step in marks.view(None)] == [None, None]
    marks.add("first", {0: OUT, 1: DROPPED})
    assert [step.total_rows for step in marks.view(2)] == [2, 1]
    assert [step.total_rows for step in marks.view(3)] == [3, None]


def test_a_row_that_failed_and_went_on_later_counts_once():
    marks = marked()
    marks.add("first", {0: ERROR})
    marks.add("first", {0: OUT})
    assert marks.view(1)[0] == StepProgress("first", 1, 0, 0, 1, ((0, 0),))


def test_a_row_that_a_step_no_longer_passes_on_leaves_the_steps_after_it():
    marks = marked()
    marks.add("first", {0: OUT, 1: OUT})
    marks.add("second", {0: OUT, 1: OUT})
    marks.add("first", {1: DROPPED})
    assert [(step.rows, step.dropped) for step in marks.view(2)] == [(1, 1), (1, 0)]


def test_a_journal_counts_for_rows_that_are_made_and_reach_the_step():
    marks = marked()
    marks.read("first", {0: OUT, 1: DROPPED, 5: OUT}, made(range(3)))
    marks.read("second", {0: OUT, 1: OUT, 5: OUT}, made(range(3)))
    assert [step.ranges for step in marks.view(3)] == [((0, 1),), ((0, 0),)]
