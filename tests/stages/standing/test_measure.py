"""How much is stored: what the quota, the doctor, status and a removal all say."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from hugflow.errors import DiskFull
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.making.quota import Quota, open_quota
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.sample import make_sample, open_sample
from hugflow.stages.standing.measure import Measured, measure_dataset, measure_plan, measure_storage
from hugflow.stages.standing.status import read_status
from hugflow.stages.sync import sync_dataset
from hugflow.stages.tree.manifest import read_manifest
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from tests.builds import OpenFor


def measure(places: Places, name: str) -> Measured:
    return measure_dataset(places, name, read_manifest(places.dataset(name).manifest))


def disk_bytes(folder: Path) -> int:
    """What all files below a folder take; one with two names is there once."""
    found = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum({status.st_ino: status.st_size for status in found}.values())


def disk_files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def begin(build: Build, shards: int) -> None:
    """Make the first shards of a build."""
    list(make_shards(build, build.plan.shards[:shards]))


def test_a_complete_dataset_is_measured_to_the_byte_and_the_file(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "measure/whole", rows=6, shards=2, seconds=0.2)
    build = open_for("measure/whole")
    manifest = sync_dataset(build).published.manifest
    measured = measure(places, build.name)
    assert (measured.rows, measured.failed_rows, measured.shards_done) == (6, 0, 2)
    assert measured.all_bytes == disk_bytes(build.folder.root) == measure_storage(places)
    assert measured.files == disk_files(build.folder.root)
    assert measured.seconds == manifest.audio.seconds > 0.9


@pytest.mark.parametrize("publish", [publish_speech, publish_text])
def test_an_unfinished_dataset_is_measured_to_the_byte_and_the_file(
    hub: LoopbackHub, open_for: OpenFor, places: Places, publish
):
    publish(hub, f"measure/begun-{publish.__name__}", rows=6, shards=3)
    build = open_for(f"measure/begun-{publish.__name__}")
    begin(build, 2)
    # A shard that was killed: its journal stands, its markers do not.
    for stage in ("audio", "metadata"):
        build.state.marker(build.plan.shards[1].name, stage).unlink()
    measured = measure(places, build.name)
    assert (measured.rows, measured.shards_done) == (4, 1)
    assert measured.all_bytes == disk_bytes(build.folder.root)
    assert measured.files == disk_files(build.folder.root)


def test_status_says_of_the_rows_what_the_measure_says(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "measure/status", rows=4, shards=2, seconds=0.2)
    build = open_for("measure/status")
    begin(build, 1)
    for _ in range(2):
        status, measured = read_status(places, build.name), measure(places, build.name)
        assert (status.rows, status.bytes) == (measured.rows, measured.all_bytes)
        assert (status.shards_done, status.shards) == (measured.shards_done, 2)
        sync_dataset(build)


def test_a_tree_beside_the_one_that_stands_is_counted_without_what_they_share(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "measure/beside", rows=4, shards=2, seconds=0.2)
    old = open_for("measure/beside")
    sync_dataset(old)
    before = measure_storage(places)
    # The clips are taken over, and every JSON is made again.
    new = open_for("measure/beside", text_column="speaker")
    begin(new, 2)
    assert any(path.stat().st_nlink == 2 for path in new.folder.audio.iterdir())
    assert measure_storage(places) == disk_bytes(places.storage_root) > before
    assert measure(places, new.name).rows == 4


@pytest.mark.slow
def test_a_tree_whose_plan_was_replaced_before_it_was_complete_is_counted(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "measure/replaced", rows=4, shards=2, seconds=0.2)
    old = open_for("measure/replaced")
    begin(old, 1)
    new = open_for("measure/replaced", mp3_source="reencode")
    assert new.folder != old.folder
    begin(new, 1)
    assert measure_storage(places) == disk_bytes(places.storage_root)


def test_samples_are_counted_also_of_what_is_not_begun(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "measure/sample", rows=4, shards=2, seconds=0.2)
    build = open_for("measure/sample")
    make_sample(open_sample(build.request, places, build.hub, build.options, rows=3))
    measured = measure(places, build.name)
    assert (measured.rows, measured.bytes) == (0, 0)
    assert measured.all_bytes == disk_bytes(places.storage_root) == measure_storage(places) > 0


def test_what_others_put_into_storage_is_not_ours(places: Places):
    stranger = places.storage_root / "stranger"
    stranger.mkdir(parents=True)
    (stranger / "notes.txt").write_text("mine")
    (places.storage_root / "file").write_text("mine")
    (places.storage_trash / "x").mkdir(parents=True)
    (places.storage_trash / "x" / "y").write_text("removed")
    assert measure_storage(places) == 0
    assert measure(places, "stranger") == Measured()


def test_nothing_is_stored_where_there_is_no_storage(places: Places):
    assert measure_storage(places) == 0


def test_a_complete_dataset_is_measured_without_a_look_at_its_rows(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "measure/rows", rows=3, shards=1, seconds=0.2)
    build = open_for("measure/rows")
    sync_dataset(build)
    before = measure(places, build.name)
    for path in build.folder.json.iterdir():
        os.truncate(path, 0)
    assert measure(places, build.name) == before


def test_the_quota_begins_with_all_that_is_stored(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "measure/quota", rows=3, shards=1, seconds=0.2)
    build = open_for("measure/quota")
    make_sample(open_sample(build.request, places, build.hub, build.options, rows=2))
    sync_dataset(build)
    used = disk_bytes(places.storage_root)
    assert open_quota(places, used) == Quota(used, used)
    with pytest.raises(DiskFull, match="STORAGE_QUOTA_GB"):
        open_quota(places, used).take(1)
    open_quota(places, used + 1).take(1)
    assert open_quota(places, None).used_bytes == 0


def test_a_quota_that_is_full_of_samples_lets_no_row_be_made(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "measure/full", rows=4, shards=2, seconds=0.2)
    build = open_for("measure/full")
    make_sample(open_sample(build.request, places, build.hub, build.options, rows=4))
    limit = replace(Options(), storage_quota_bytes=disk_bytes(places.storage_root))
    with pytest.raises(DiskFull):
        sync_dataset(open_build(build.request, places, build.hub, limit))
    assert read_manifest(places.dataset(build.name).manifest) is None


def test_a_plan_of_which_nothing_stands_is_nothing(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "measure/none", rows=4, shards=2, seconds=0.2)
    build = open_for("measure/none")
    assert measure_plan(places, build.plan) == measure(places, build.name) == Measured()
