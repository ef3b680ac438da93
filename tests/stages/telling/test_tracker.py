"""The progress file of a running build: right when it is read, and in nobody's way."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hugflow.errors import DiskFull, HugflowError, Locked
from hugflow.ledger.journal import RowFailed, RowMade
from hugflow.ledger.progress import Progress, read_progress
from hugflow.stages.build.build import Build
from hugflow.stages.standing.status import read_status
from hugflow.stages.sync import sync_dataset
from hugflow.stages.telling import tracker as tracking
from hugflow.stages.telling.tracker import LONGEST_PAUSE_S, WRITE_EVERY_S, Tracker, find_pause_s
from hugflow.store.layout import Places
from hugflow.store.locks import hold
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.builds import OpenFor
from tests.own_time import give_own_time


@pytest.fixture
def build(hub: LoopbackHub, open_for: OpenFor) -> Build:
    """A planned dataset of ten rows in two shards."""
    publish_text(hub, "tracking/text", rows=10, shards=2)
    return open_for("tracking/text")


@pytest.fixture
def shown(build: Build) -> Callable[[], Progress]:
    """The progress file as it is now."""

    def shown() -> Progress:
        progress = read_progress(build.places.progress(build.name))
        assert progress is not None
        return progress

    return shown


def made(row: int, json_bytes: int | None = 5) -> RowMade:
    return RowMade(row, str(row), None, json_bytes, None)


def test_rows_count_once_they_are_complete(build: Build, shown: Callable[[], Progress]):
    tracker = Tracker(build)
    tracker.add([made(0), made(1), made(4), made(5, json_bytes=None), RowFailed(6, "a", "b")])
    tracker.write("downloading")
    assert shown() == Progress(build.name, "downloading", ((0, 1), (4, 4)), 10)


def test_what_was_done_before_is_what_it_resumed_from(build: Build, shown: Callable[[], Progress]):
    sync_dataset(build)
    tracker = Tracker(build)
    assert tracker.resumed_from == 10
    tracker.write("completed")
    assert shown().ranges == ((0, 9),)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DiskFull("x", why="y", mend="z"), "failed"),
        (ValueError("x"), "failed"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(), "interrupted"),
        (GeneratorExit(), "interrupted"),
        (Locked("x", why="y", mend="z"), "downloading"),
    ],
)
def test_how_the_work_ended_is_told(
    build: Build, shown: Callable[[], Progress], error: BaseException, status: str
):
    with pytest.raises(type(error)), Tracker(build).watch():
        raise error
    assert shown().status == status


def test_work_that_ends_without_a_word_is_incomplete(build: Build, shown: Callable[[], Progress]):
    with Tracker(build).watch():
        assert shown().status == "downloading"
    assert shown().status == "incomplete"
    with Tracker(build).watch() as ended:
        ended("completed")
    assert shown().status == "completed"


def test_one_who_finds_the_shard_locked_does_not_call_the_others_work_failed(
    build: Build, places: Places
):
    with build.hold_shard(build.plan.shards[0]):
        with pytest.raises(Locked):
            sync_dataset(build)
        assert read_status(places, build.name).state == "downloading"


def test_a_file_that_says_downloading_while_nobody_is_at_work_was_interrupted(
    build: Build, places: Places
):
    assert read_status(places, build.name).state == "planned"
    Tracker(build).write("downloading")
    assert read_status(places, build.name).state == "interrupted"


def test_a_run_is_at_work_between_two_of_its_stages_too(build: Build, places: Places):
    build = replace(build, options=replace(build.options, run_id="run-1"))
    Tracker(build).write("downloading")
    with hold(places.run_lock("run-1"), "the run"):
        assert read_status(places, build.name).state == "downloading"
    assert read_status(places, build.name).state == "interrupted"


@pytest.mark.parametrize("damage", ["tree", "link", "manifest"])
def test_a_dataset_that_lost_something_is_no_longer_complete(
    build: Build, places: Places, damage: str
):
    sync_dataset(build)
    assert read_status(places, build.name).state == "completed"
    {
        "tree": lambda: build.folder.root.rename(build.folder.root.with_name("moved")),
        "link": lambda: places.link(build.name).unlink(),
        "manifest": lambda: build.folder.manifest.write_text("{"),
    }[damage]()
    status = read_status(places, build.name)
    assert status.state == "incomplete"
    assert status.link is None


def test_a_damaged_plan_is_shown_and_not_raised(build: Build, places: Places):
    (places.plans(build.name) / "current").write_bytes(b"\xff")
    assert read_status(places, build.name).state == "pending"


def test_an_error_in_the_work_is_the_one_that_is_raised(build: Build):
    with pytest.raises(HugflowError, match="the work's own"), Tracker(build).watch():
        raise HugflowError("the work's own", why="", mend="")


def test_a_file_that_takes_long_to_write_is_written_less_often(
    build: Build, shown: Callable[[], Progress], monkeypatch: pytest.MonkeyPatch
):
    now = 100.0
    give_own_time(monkeypatch, tracking, monotonic=lambda: now)
    write = tracking.write_progress

    def write_slowly(path: Path, progress: Progress) -> None:
        nonlocal now
        write(path, progress)
        now += 0.5

    monkeypatch.setattr(tracking, "write_progress", write_slowly)
    tracker = Tracker(build)
    tracker.write("downloading")
    for row, passed_s in enumerate((WRITE_EVERY_S, 7.0, 1.0)):
        now += passed_s
        tracker.add([made(row)])
        assert shown().rows == (0 if row < 2 else 3)
    assert (find_pause_s(0.001), find_pause_s(60.0)) == (WRITE_EVERY_S, LONGEST_PAUSE_S)
