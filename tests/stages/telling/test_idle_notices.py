"""What is told of a dataset that nobody is at work on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hugflow.notify.notices import Notice, read_notice, write_notice
from hugflow.stages.build.build import Build
from hugflow.stages.planning.estimate import estimate
from hugflow.stages.standing.status import read_status
from hugflow.stages.sync import sync_dataset
from hugflow.stages.telling.idle_notices import QUIET, correct_notice, plan_facts, status_notice
from hugflow.stages.telling.tracker import Tracker
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.builds import OpenFor


@pytest.fixture
def build(hub: LoopbackHub, open_for: OpenFor) -> Build:
    """A planned dataset of ten rows in two shards."""
    publish_text(hub, "noticed/text", rows=10, shards=2)
    return open_for("noticed/text")


def later() -> datetime:
    return datetime.now(UTC) + QUIET + timedelta(seconds=1)


def test_a_plan_is_told_with_its_figures(build: Build):
    estimated = replace(estimate(build), hours=1.5, basis="sampled", mp3_bytes=7)
    facts = plan_facts(build.plan, digest="0" * 16, estimated=estimated)
    assert facts.digest == "0" * 16
    assert (facts.commit, facts.rows, facts.files) == (build.plan.commit, 10, 2)
    assert facts.source_bytes == build.plan.source_bytes
    assert (facts.hours, facts.is_sampled, facts.mp3_bytes) == (1.5, True, 7)
    assert facts.disk_bytes is not None
    assert facts.disk_bytes > facts.source_bytes


def test_what_is_complete_already_says_where_it_is(build: Build, places: Places):
    sync_dataset(build)
    notice = status_notice(read_status(places, build.name), build.request, later())
    assert (notice.state, notice.rows, notice.total_rows) == ("completed", 10, 10)
    assert notice.location == str(places.dataset(build.name).root)
    assert notice.link == str(places.link(build.name))
    assert notice.request == build.request.digest


def test_a_run_that_was_killed_is_found_interrupted(build: Build, places: Places):
    told: list[Notice] = []
    with Tracker(build, told.append).watch():
        pass
    # As they stand when the end was never written.
    write_notice(places, told[0])
    Tracker(build).write("downloading")
    assert correct_notice(places, build.name, datetime.now(UTC)) == "downloading"
    assert correct_notice(places, build.name, later()) == "interrupted"
    notice = read_notice(places, build.name)
    assert notice is not None
    assert (notice.state, notice.total_rows) == ("interrupted", 10)
    assert notice.request == build.request.digest


def test_a_run_that_is_at_work_is_left_alone(build: Build, places: Places):
    with Tracker(build).watch(), build.hold_shard(build.plan.shards[0]):
        assert correct_notice(places, build.name, later()) == "downloading"


def test_a_run_that_was_killed_behind_its_end_is_found_complete(build: Build, places: Places):
    told: list[Notice] = []
    sync_dataset(build, Tracker(build, told.append))
    write_notice(places, told[0])
    assert correct_notice(places, build.name, later()) == "completed"


def test_what_ended_by_itself_and_what_was_never_told_of_stay(build: Build, places: Places):
    assert correct_notice(places, build.name, later()) is None
    sync_dataset(build)
    before = read_notice(places, build.name)
    assert correct_notice(places, build.name, later()) == "completed"
    assert read_notice(places, build.name) == before
