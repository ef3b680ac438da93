"""What a running build tells of itself: when it begins, now and then, and how it ended."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from hugflow.errors import DiskFull, HugflowError, Locked
from hugflow.ledger.journal import Outcome, RowFailed, RowMade
from hugflow.notify.notices import Notice, read_notice
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.sync import sync_dataset
from hugflow.stages.telling.announcer import LEAST_ROWS
from hugflow.stages.telling.tracker import Tracker
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from tests.builds import OpenFor

OpenText = Callable[..., Build]


@pytest.fixture
def open_text(hub: LoopbackHub, open_for: OpenFor) -> OpenText:
    """Open a planned dataset of so many rows, of which is told at each so many."""

    def open_text(rows: int, every: int = 10_000) -> Build:
        publish_text(hub, f"announcing/text-{rows}", rows=rows, shards=2)
        options = replace(Options(), workers=2, progress_interval=every)
        return open_for(f"announcing/text-{rows}", options=options)

    return open_text


def made(rows: range) -> Sequence[Outcome]:
    return [RowMade(row, str(row), None, 5, None) for row in rows]


def told_at(notices: Sequence[Notice]) -> list[tuple[str, int]]:
    return [(notice.state, notice.rows) for notice in notices]


def test_a_whole_job_is_told_from_its_start_to_its_place(open_text: OpenText):
    build, told = open_text(10), []
    sync_dataset(build, Tracker(build, told.append))
    first, last = told
    assert first.is_start
    assert (first.rows, first.total_rows, first.commit) == (0, 10, build.plan.commit)
    assert (last.state, last.rows, last.failed_rows) == ("completed", 10, 0)
    assert last.location == str(build.places.dataset(build.name).root)
    assert last.link == str(build.places.link(build.name))
    assert last.request == build.request.digest
    assert last.rows_per_second is not None
    assert read_notice(build.places, build.name) == last


def test_rows_that_could_not_be_made_are_told(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "announcing/speech", rows=4, shards=2, broken_rows={1: b""})
    build, told = open_for("announcing/speech", max_bad_rows=1), []
    sync_dataset(build, Tracker(build, told.append))
    assert (told[-1].state, told[-1].rows, told[-1].failed_rows) == ("completed", 3, 1)
    assert Tracker(build).failed_rows == 1


def test_what_is_there_already_is_told_as_complete_and_not_as_begun(open_text: OpenText):
    build, told = open_text(10), []
    sync_dataset(build)
    sync_dataset(build, Tracker(build, told.append))
    assert told_at(told) == [("completed", 10)]


def test_progress_is_told_once_an_interval_of_the_datasets_rows(open_text: OpenText):
    build, told = open_text(LEAST_ROWS, every=100), []
    tracker = Tracker(build, told.append)
    tracker.add(made(range(150)))
    for first in range(150, 500, 30):
        tracker.add(made(range(first, first + 30)))
        # The same rows again are no rows more.
        tracker.add(made(range(first, first + 30)))
    assert told_at(told) == [("downloading", rows) for rows in (150, 210, 300, 420, 510)]


def test_of_small_datasets_no_progress_is_told(open_text: OpenText):
    build, told = open_text(LEAST_ROWS - 1, every=10), []
    tracker = Tracker(build, told.append)
    with tracker.watch() as ended:
        for first in range(0, LEAST_ROWS - 1, 100):
            tracker.add(made(range(first, min(first + 100, LEAST_ROWS - 1))))
        ended("completed")
    assert told_at(told) == [("downloading", 0), ("completed", LEAST_ROWS - 1)]


def test_a_row_that_is_made_after_all_has_not_failed(open_text: OpenText):
    tracker = Tracker(open_text(10))
    tracker.add([RowFailed(3, "a", "b"), *made(range(3))])
    assert (tracker.rows, tracker.failed_rows) == (3, 1)
    tracker.add(made(range(3, 4)))
    assert (tracker.rows, tracker.failed_rows) == (4, 0)


@pytest.mark.parametrize(
    ("error", "state", "what"),
    [
        (DiskFull("no room", why="y", mend="z"), "failed", "no room; 0 of 10 rows are safe"),
        (ValueError("x"), "failed", "unexpected ValueError"),
        (KeyboardInterrupt(), "interrupted", None),
    ],
)
def test_how_it_ended_is_told(
    open_text: OpenText, error: BaseException, state: str, what: str | None
):
    build, told = open_text(10), []
    with pytest.raises(type(error)), Tracker(build, told.append).watch():
        raise error
    assert told[-1].state == state
    assert (told[-1].failure.what if told[-1].failure else None) == what
    assert told[-1].location is None


def test_one_who_is_locked_out_leaves_the_word_to_who_is_at_work(open_text: OpenText):
    build, told = open_text(10), []
    with pytest.raises(Locked), Tracker(build, told.append).watch():
        raise Locked("x", why="y", mend="z")
    assert told_at(told) == [("downloading", 0)]


def test_work_goes_on_where_nobody_can_be_told(
    open_text: OpenText, caplog: pytest.LogCaptureFixture
):
    build = open_text(10)
    notices = build.places.notice(build.name).parent
    notices.parent.mkdir(exist_ok=True)
    notices.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert sync_dataset(build).new_rows == 10
    [line] = [line for line in caplog.messages if "cannot be announced" in line]
    assert build.name in line


def test_work_goes_on_where_whoever_carries_the_word_fails(open_text: OpenText):
    def fail(notice: Notice) -> None:
        raise HugflowError("carried off", why="", mend="")

    build = open_text(10)
    assert sync_dataset(build, Tracker(build, fail)).new_rows == 10
