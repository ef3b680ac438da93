"""What a dry run tells is what the sync that follows does."""

from typing import Any

import pytest

from hugflow.stages.build.build import Build
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.planning.preview import Preview, preview_sync
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.builds import OpenFor
from tests.trees import read_tree

JUNK = b"this is no audio"


def preview(build: Build) -> Preview:
    """Look, and make sure that nothing was touched by it."""
    places = build.places
    before = [read_tree(root) for root in (places.storage_root, places.state_dir)]
    seen = preview_sync(build.request, places, build.hub, build.options)
    assert [read_tree(root) for root in (places.storage_root, places.state_dir)] == before
    return seen


def downloads(hub: LoopbackHub) -> int:
    """How many times a whole file was fetched."""
    return sum(ask.port == "storage" and ask.range is None for ask in hub.requests)


def publish_again(hub: LoopbackHub, hf_id: str, **fields: Any) -> None:
    """Publish the same first shard, with what follows it changed."""
    publish_speech(hub, hf_id, **{"rows": 6, "shards": 2, "seconds": 0.2, **fields})


def update(build: Build) -> Build:
    return open_build(build.request, build.places, build.hub, build.options, update=True)


def test_after_an_update_what_stayed_the_same_is_neither_fetched_nor_made(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_again(hub, "preview/moved")
    build = open_for("preview/moved")
    sync_dataset(build)
    publish_again(hub, "preview/moved", broken_rows={5: JUNK})
    moved = update(build)
    seen = preview(moved)
    assert (seen.plan, seen.is_new_plan) == (moved.plan, False)
    assert (seen.fetch_files, seen.missing_rows, seen.reused.rows) == (1, 3, 3)
    assert seen.fetch_bytes == moved.plan.shards[1].files[0].size_bytes
    hub.clear_requests()
    list(make_shards(moved, moved.shards))
    assert downloads(hub) == seen.fetch_files
    after = preview(moved)
    assert (after.fetch_files, after.missing_rows, after.reused.rows) == (0, 0, 0)


def test_where_only_text_changes_every_row_is_made_anew(hub: LoopbackHub, open_for: OpenFor):
    publish_again(hub, "preview/text")
    sync_dataset(open_for("preview/text"))
    seen = preview(open_for("preview/text", text_column="speaker"))
    assert (seen.fetch_files, seen.missing_rows, seen.reused.rows) == (2, 6, 0)


def test_rows_that_failed_are_tried_again_at_another_commit(hub: LoopbackHub, open_for: OpenFor):
    publish_again(hub, "preview/failed", broken_rows={1: JUNK})
    build = open_for("preview/failed", max_bad_rows=1)
    sync_dataset(build)
    hub.publish("preview/failed", {"NOTES.md": b"more words"})
    moved = update(build)
    seen = preview(moved)
    assert (seen.fetch_files, seen.missing_rows, seen.reused.rows) == (1, 1, 5)
    hub.clear_requests()
    list(make_shards(moved, moved.shards))
    assert downloads(hub) == 1


@pytest.mark.parametrize("done", [0, 1, 2])
def test_without_another_tree_nothing_is_taken_over(hub: LoopbackHub, open_for: OpenFor, done: int):
    publish_again(hub, "preview/alone")
    build = open_for("preview/alone")
    list(make_shards(build, build.shards[:done]))
    seen = preview(build)
    assert (seen.fetch_files, seen.missing_rows) == (2 - done, 6 - 3 * done)
    assert seen.reused.rows == 0
