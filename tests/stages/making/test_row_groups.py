"""A few lost rows of a finished shard come from their row groups, not from the whole file."""

from pathlib import Path

import pytest

from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.sync import sync_dataset
from hugflow.testing.faults import Flip, Match
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.builds import OpenFor, raw_fetches
from tests.trees import read_tree

OF_A_ROW = Match(port="storage", method="GET", has_range=True)


def make_whole(hub: LoopbackHub, open_for: OpenFor, hf_id: str, options: Options) -> Build:
    """A complete dataset of one shard, whose three rows are a row group each."""
    publish_speech(hub, hf_id, rows=3, shards=1, seconds=3.5, row_group_rows=1)
    build = open_for(hf_id, options)
    sync_dataset(build)
    hub.clear_requests()
    return build


def lose(build: Build, *rows: int) -> dict[str, bytes]:
    """The MP3s of some rows are gone; returns the whole tree."""
    whole = read_tree(build.folder.root)
    clips = sorted(build.folder.audio.iterdir())
    for row in rows:
        clips[row].unlink()
    return whole


def read_left(build: Build) -> list[Path]:
    return list(build.state.raw.iterdir())


def test_a_lost_row_is_made_from_its_row_group(hub: LoopbackHub, open_for: OpenFor):
    build = make_whole(hub, open_for, "groups/one", Options())
    whole = lose(build, 0)
    synced = sync_dataset(open_for("groups/one"))
    assert (synced.new_rows, raw_fetches(hub)) == (1, 0)
    assert read_tree(build.folder.root) == whole
    assert not read_left(build)


def test_a_row_group_that_is_damaged_on_its_way_is_replaced_by_the_verified_file(
    hub: LoopbackHub, open_for: OpenFor
):
    build = make_whole(hub, open_for, "groups/damaged", Options())
    whole = lose(build, 0)
    # After the footer. FLAC has a checksum, so the row fails.
    with hub.faults(Flip(20_000), when=OF_A_ROW, after=1) as fault:
        synced = sync_dataset(open_for("groups/damaged"))
    assert fault.struck == 1
    assert (synced.new_rows, raw_fetches(hub)) == (1, 1)
    assert read_tree(build.folder.root) == whole
    assert not read_left(build)


@pytest.mark.parametrize(
    ("rows", "options"), [((0, 1, 2), Options()), ((1,), Options(keep_raw=True))]
)
def test_the_whole_file_is_fetched_where_all_of_it_is_needed(
    hub: LoopbackHub, open_for: OpenFor, rows: tuple[int, ...], options: Options
):
    build = make_whole(hub, open_for, "groups/whole", options)
    whole = lose(build, *rows)
    for raw in read_left(build):
        raw.unlink()
    synced = sync_dataset(open_for("groups/whole", options))
    assert (synced.new_rows, raw_fetches(hub)) == (len(rows), 1)
    assert read_tree(build.folder.root) == whole
