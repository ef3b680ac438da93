"""A request that comes to ask for other rows, and a plan that moves on to a later commit."""

import os
import shutil
import time
from pathlib import Path

import pytest

from hugflow.clients.hub import Hub
from hugflow.errors import Locked, PlanOutOfDate
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.planning.open_build import changed_fields, open_build
from hugflow.stages.publishing.publish import find_published
from hugflow.stages.sync import sync_dataset
from hugflow.stages.tree.manifest import read_manifest
from hugflow.stages.tree.versions import take_place
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow.testing.shapes import publish_shape
from hugflow.testing.speech import encode, speech_like
from tests.builds import OpenFor
from tests.trees import read_rows_json, read_tree

pytestmark = pytest.mark.slow


def update(build: Build) -> Build:
    """Move a build on to where its branch points now, as `hugflow plan --update` does."""
    return open_build(build.request, build.places, build.hub, build.options, update=True)


def stem_inodes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


def downloads(hub: LoopbackHub) -> int:
    """How many times a whole file was fetched."""
    return sum(ask.port == "storage" and ask.range is None for ask in hub.requests)


def test_other_rows_are_made_beside_the_old_tree_and_then_take_its_place(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "trees/fields", rows=4, shards=2, seconds=0.2)
    old = open_for("trees/fields")
    sync_dataset(old)
    before = read_tree(old.folder.root)
    build = open_for("trees/fields", text_column="speaker")
    assert build.folder.root != old.folder.root
    assert read_tree(old.folder.root) == before
    assert find_published(old) is not None
    published = sync_dataset(build).published
    assert published.build.folder == old.folder
    assert find_published(build) is not None
    rows = read_rows_json(old.folder)
    assert all(row["text"] == row["speaker"]["name"] for row in rows.values())
    assert not places.next_trees(build.name).exists()
    assert places.link(build.name).readlink() == old.folder.root


def test_a_tree_made_beside_another_is_byte_for_byte_the_one_made_alone(
    hub: LoopbackHub, open_for: OpenFor, tmp_path: Path
):
    publish_speech(hub, "trees/same", rows=4, shards=2, seconds=0.2)
    sync_dataset(open_for("trees/same"))
    changed = sync_dataset(open_for("trees/same", text_column="speaker")).published.build
    alone = Places(tmp_path / "b" / "datasets", tmp_path / "b" / "links", tmp_path / "b" / "state")
    fresh = open_build(changed.request, alone, Hub(), Options())
    sync_dataset(fresh)
    assert read_tree(changed.folder.root) == read_tree(fresh.folder.root)


def test_other_text_encodes_no_clip_again(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "trees/clips", rows=4, shards=2, seconds=0.2)
    old = open_for("trees/clips")
    sync_dataset(old)
    clips = stem_inodes(old.folder.audio)
    sync_dataset(open_for("trees/clips", text_column="speaker"))
    assert stem_inodes(old.folder.audio) == clips


def test_another_treatment_of_mp3s_makes_every_clip_anew(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "trees/anew", rows=3, shards=1, seconds=0.2, container="mp3")
    old = open_for("trees/anew")
    sync_dataset(old)
    clips = stem_inodes(old.folder.audio)
    synced = sync_dataset(open_for("trees/anew", mp3_source="reencode"))
    assert not set(stem_inodes(old.folder.audio).values()) & set(clips.values())
    assert synced.published.manifest.audio.encoded == 3


def test_fields_that_alter_no_row_keep_plan_and_tree(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "trees/words", rows=2, shards=1, seconds=0.2)
    old = open_for("trees/words")
    sync_dataset(old)
    again = open_for("trees/words", description="other words", owner="a@example.org")
    assert again.plan == old.plan
    assert sync_dataset(again).new_rows == 0


def test_putting_the_old_value_back_goes_back_to_the_tree_that_stands(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "trees/back", rows=2, shards=1, seconds=0.2)
    old = open_for("trees/back")
    sync_dataset(old)
    open_for("trees/back", text_column="speaker")
    again = open_for("trees/back")
    assert again.folder == old.folder
    assert sync_dataset(again).was_complete
    assert not places.next_trees(old.name).exists()


def test_an_update_moves_to_the_new_commit_and_fetches_only_what_changed(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "trees/moved", rows=6, shards=2, seconds=0.2)
    old = open_for("trees/moved")
    sync_dataset(old)
    kept = old.plan.shards[0]
    # The second file changes; the first stays as it is, byte for byte.
    commit = publish_speech(
        hub, "trees/moved", rows=6, shards=2, seconds=0.2, broken_rows={5: b"x"}
    )
    build = update(old)
    assert build.plan.commit == commit
    assert build.plan.shards[0].files[0] == kept.files[0]
    clips = stem_inodes(old.folder.audio)
    hub.clear_requests()
    synced = sync_dataset(build)
    assert synced.new_rows == 2
    assert downloads(hub) == 1
    after = stem_inodes(old.folder.audio)
    rows = read_rows_json(old.folder)
    first = {Path(str(rows[row]["audio"])).name for row in kept.row_range}
    assert {name: after[name] for name in first} == {name: clips[name] for name in first}


def test_an_update_where_nothing_changed_but_the_commit_fetches_nothing(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "trees/readme", rows=4, shards=2, seconds=0.2)
    old = open_for("trees/readme")
    sync_dataset(old)
    commit = hub.publish("trees/readme", {"NOTES.md": b"more words"})
    build = update(old)
    hub.clear_requests()
    synced = sync_dataset(build)
    assert downloads(hub) == 0
    assert synced.new_rows == 0
    assert synced.published.manifest.commit == commit
    assert read_manifest(old.folder.manifest) == synced.published.manifest


def test_an_update_without_a_later_commit_changes_nothing(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "trees/still", rows=2, shards=1, seconds=0.2)
    old = open_for("trees/still")
    sync_dataset(old)
    assert update(old).plan == old.plan
    assert sync_dataset(update(old)).was_complete


def test_an_unfinished_dataset_can_be_updated_and_keeps_what_it_has(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "trees/half", rows=6, shards=2, seconds=0.2)
    old = open_for("trees/half")
    list(make_shards(old, old.plan.shards[:1]))
    hub.publish("trees/half", {"NOTES.md": b"more words"})
    build = update(old)
    hub.clear_requests()
    synced = sync_dataset(build)
    assert downloads(hub) == 1
    assert synced.new_rows == 3
    assert find_published(build) is not None


def test_a_shard_whose_rows_are_numbered_otherwise_is_made_anew(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "trees/first", rows=4, shards=2, seconds=0.2, with_filenames=False)
    old = open_for("trees/first")
    sync_dataset(old)
    second = old.plan.shards[1]
    hub.publish("trees/first", {}, delete=[old.plan.shards[0].files[0].path])
    build = update(old)
    assert [shard.files[0].path for shard in build.plan.shards] == [second.files[0].path]
    assert build.predecessor is None
    sync_dataset(build)
    assert sorted(read_rows_json(old.folder)) == [0, 1]


def test_what_was_made_under_the_old_plan_is_not_published_under_the_new_one(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "trees/late", rows=2, shards=1, seconds=0.2)
    old = open_for("trees/late")
    open_for("trees/late", text_column="speaker")
    with pytest.raises(PlanOutOfDate, match="another plan is in force"):
        sync_dataset(old)
    assert sync_dataset(open_for("trees/late", text_column="speaker")).published.is_new


def test_a_kill_between_the_two_renames_loses_neither_tree(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "trees/killed", rows=3, shards=1, seconds=0.2)
    old = open_for("trees/killed")
    sync_dataset(old)
    before = read_tree(old.folder.root)
    new = open_for("trees/killed", text_column="speaker")
    # As the kill leaves it: the first is gone from its place, the second is not there yet.
    new.folder.root.mkdir(parents=True)
    old.folder.root.rename(places.replaced_tree(old.name))
    again = open_for("trees/killed", text_column="speaker")
    assert read_tree(old.folder.root) == before
    sync_dataset(again)
    assert find_published(again) is not None


def test_the_exchange_waits_for_whoever_is_at_work(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "trees/busy", rows=2, shards=1, seconds=0.2)
    old = open_for("trees/busy")
    sync_dataset(old)
    new = open_for("trees/busy", text_column="speaker")
    with old.hold_shard(old.plan.shards[0]), pytest.raises(Locked):
        take_place(places, new.plan, wait_s=0)
    assert find_published(old) is not None
    sync_dataset(new)
    assert find_published(new) is not None


def test_links_refused_by_the_disk_only_cost_the_work(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    publish_speech(hub, "trees/links", rows=4, shards=2, seconds=0.2)
    old = open_for("trees/links")
    sync_dataset(old)
    hub.publish("trees/links", {"NOTES.md": b"more words"})

    def refuse(source: object, target: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    # What a file system without hard links answers.
    monkeypatch.setattr(os, "link", refuse)
    synced = sync_dataset(update(old))
    assert synced.new_rows == 4


def test_a_tree_whose_state_was_lost_is_rebuilt_when_the_request_changed(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "trees/lost", rows=2, shards=1, seconds=0.2)
    old = open_for("trees/lost")
    sync_dataset(old)
    shutil.rmtree(places.state_dir)
    build = open_for("trees/lost", text_column="speaker")
    assert build.plan.commit == old.plan.commit
    sync_dataset(build)
    row = read_rows_json(old.folder)[0]
    assert row["text"] == row["speaker"]["name"]


def test_a_clip_that_changed_beside_its_parquet_file_is_made_anew_by_an_update(
    hub: LoopbackHub, open_for: OpenFor, tmp_path: Path
):
    publish_shape(hub, "paths", "trees/clip", rows=4)
    old = open_for("trees/clip")
    sync_dataset(old)
    before = read_tree(old.folder.root)
    other = encode(speech_like(0.3, 16_000, seed=99), 16_000, "wav")
    hub.publish("trees/clip", {"clips/0002.wav": other})
    synced = sync_dataset(update(old))
    assert synced.new_rows == 1
    after = read_tree(old.folder.root)
    changed = {name for name in before if name.startswith("audio/") and after[name] != before[name]}
    assert changed == {"audio/2.mp3"}
    alone = Places(tmp_path / "b" / "datasets", tmp_path / "b" / "links", tmp_path / "b" / "state")
    fresh = open_build(old.request, alone, Hub(), Options())
    sync_dataset(fresh)
    assert after == read_tree(fresh.folder.root)


def test_nothing_of_a_plan_that_was_replaced_is_left_in_the_state(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "trees/state", rows=4, shards=2, seconds=0.2)
    old = open_for("trees/state", Options(keep_raw=True))
    sync_dataset(old)
    new = open_for("trees/state", text_column="speaker")
    sync_dataset(new)
    left = {
        path.name
        for part in ("ledger", "raw")
        for path in (places.state_dir / part / old.name).glob("*")
    }
    assert left <= {new.plan.id}


def test_the_sensor_does_not_wait_for_a_dataset_that_is_being_planned(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "trees/waits", rows=2, shards=1, seconds=0.2)
    build = open_for("trees/waits")
    began = time.monotonic()
    with build.hold_dataset(), pytest.raises(Locked):
        open_for("trees/waits", Options(short_wait_s=0.0))
    assert time.monotonic() - began < 5


def test_a_request_names_what_changed_by_its_fields(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "trees/named", rows=2, shards=1, seconds=0.2)
    planned = open_for("trees/named").plan.request
    same = AddRequest(hf_id="trees/named", description="A test")
    assert changed_fields(same, planned, Options()) == []
    other = AddRequest(hf_id="trees/named", description="A test", mp3_source="reencode")
    assert changed_fields(other, planned, Options()) == ["mp3_source"]
