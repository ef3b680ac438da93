"""Runs of one dataset that overlap: of one plan, and of a plan and the one that replaces it."""

from dataclasses import replace
from pathlib import Path

import pytest

from hugflow.errors import CannotWrite, PlanOutOfDate
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.making.make_rows import AHEAD_BYTES, rows_ahead
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.publishing.publish import publish
from hugflow.stages.sample import open_sample
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.trees import read_rows_json, read_tree

pytestmark = pytest.mark.slow


def is_whole(build: Build) -> bool:
    return not list(verify_dataset(build.places, build.name, deep=True))


def test_a_tree_is_put_in_its_place_once_however_many_publish_it(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "runs/twice", rows=6, shards=2, seconds=0.2)
    sync_dataset(open_for("runs/twice"))
    first = open_for("runs/twice", text_column="speaker")
    second = open_for("runs/twice", text_column="speaker")
    published = sync_dataset(first).published
    before = read_tree(published.build.folder.root)
    again = publish(second)
    assert again is not None
    assert not again.is_new
    assert read_tree(published.build.folder.root) == before
    assert is_whole(published.build)


def test_a_run_that_began_before_the_exchange_goes_on_in_the_tree_at_its_place(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "runs/goes-on", rows=6, shards=2, seconds=0.2)
    sync_dataset(open_for("runs/goes-on"))
    first = open_for("runs/goes-on", text_column="speaker")
    second = open_for("runs/goes-on", text_column="speaker")
    sync_dataset(first)
    synced = sync_dataset(second)
    assert synced.new_rows == 0
    assert not places.next_trees(first.name).exists()
    assert is_whole(synced.published.build)


def test_an_outdated_run_writes_nothing_into_the_tree_that_took_its_place(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "runs/late", rows=6, shards=3, seconds=0.2)
    old = open_for("runs/late")
    events = make_shards(old, old.shards)
    next(events)
    hub.publish("runs/late", {"NOTES.md": b"later"})
    events.close()
    new = open_build(old.request, old.places, old.hub, old.options, update=True)
    published = sync_dataset(new).published
    before = read_tree(published.build.folder.root)
    with pytest.raises(PlanOutOfDate):
        list(make_shards(old, old.shards))
    assert read_tree(published.build.folder.root) == before


def test_a_plan_that_replaces_one_at_work_on_its_first_row_makes_a_tree_of_its_own(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "runs/first-row", rows=6, shards=2, seconds=0.2)
    old = open_for("runs/first-row")
    # As while its first shard is downloaded: the lock is held, and there is no row yet.
    with old.hold_shard(old.plan.shards[0]):
        hub.publish("runs/first-row", {"NOTES.md": b"later"})
        new = open_build(old.request, places, old.hub, old.options, update=True)
        assert new.folder == places.next_tree(new.name, new.plan.id)
    published = sync_dataset(new).published
    assert sorted(read_rows_json(published.build.folder)) == list(range(6))
    assert is_whole(published.build)


def test_a_tree_whose_index_was_taken_away_is_not_published(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "runs/hollow", rows=4, shards=2, seconds=0.2)
    build = open_for("runs/hollow")
    list(make_shards(build, build.shards))
    next(iter(build.folder.index.iterdir())).unlink()
    assert publish(build) is None
    assert sync_dataset(build).published.is_new


@pytest.mark.parametrize("depth", [1, 2])
def test_nothing_is_written_or_deleted_through_a_link_beside_the_trees(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path, depth: int
):
    publish_speech(hub, f"runs/link-{depth}", rows=2, shards=1, seconds=0.2)
    build = open_for(f"runs/link-{depth}")
    sync_dataset(build)
    victim = tmp_path / "victim"
    (victim / build.name / "precious").mkdir(parents=True)
    beside = places.next_trees(build.name)
    if depth == 1:
        beside.parent.symlink_to(victim)
    else:
        beside.parent.mkdir()
        beside.symlink_to(victim / build.name)
    with pytest.raises(CannotWrite, match="is a link"):
        publish(build)
    with pytest.raises(CannotWrite, match="is a link"):
        open_for(f"runs/link-{depth}", text_column="speaker")
    assert (victim / build.name / "precious").is_dir()


def test_taking_a_line_out_of_a_request_goes_back_to_the_setting(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "runs/line", rows=2, shards=1, seconds=0.2, container="mp3")
    sync_dataset(open_for("runs/line", mp3_source="reencode"))
    back = sync_dataset(open_for("runs/line"))
    assert back.published.manifest.audio.copied == 2
    later = open_for("runs/line", replace(Options(), mp3_source="reencode"))
    assert sync_dataset(later).was_complete


def test_statistics_of_another_number_of_rows_are_measured_anew(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "runs/figures", rows=4, shards=2, seconds=0.2)
    build = open_for("runs/figures")
    sync_dataset(build)
    path = build.folder.manifest
    path.write_text(
        path.read_text().replace('"statistics": {\n    "rows": 4', '"statistics": {\n    "rows": 0')
    )
    statistics = sync_dataset(build).published.manifest.statistics
    assert statistics is not None
    assert statistics.rows == 4


def test_rows_in_flight_are_fewer_where_they_are_large():
    assert rows_ahead(2, 1_000) == 8
    assert rows_ahead(2, AHEAD_BYTES) == 1
    assert rows_ahead(4, 10 * AHEAD_BYTES) == 3


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_no_sample_is_written_or_deleted_through_a_link(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path, depth: int
):
    publish_speech(hub, f"runs/sample-{depth}", rows=2, shards=1, seconds=0.2)
    build = open_for(f"runs/sample-{depth}")
    path = places.sample(build.name, 2).root
    for _ in range(3 - depth):
        path = path.parent
    inside = places.sample(build.name, 2).root.relative_to(path)
    precious = tmp_path / "victim" / inside / "precious"
    precious.mkdir(parents=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(tmp_path / "victim")
    with pytest.raises(CannotWrite, match="is a link"):
        open_sample(build.request, places, build.hub, build.options, rows=2)
    assert precious.is_dir()
