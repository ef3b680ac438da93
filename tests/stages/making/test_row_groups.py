"""A few lost rows of a finished shard come from their row groups, not from the whole file."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.errors import HubUnavailable, HugflowError
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.making import make_shards, prepare_shard
from hugflow.stages.making.group_hashes import GROUP_HASHES
from hugflow.stages.sync import sync_dataset
from hugflow.testing.faults import Flip, Match
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow.testing.speech import Container
from tests.builds import OpenFor, raw_fetches
from tests.trees import read_tree

pytestmark = pytest.mark.slow

OF_A_ROW = Match(port="storage", method="GET", has_range=True)


def make_whole(
    hub: LoopbackHub,
    open_for: OpenFor,
    hf_id: str,
    options: Options,
    container: Container = "flac",
) -> Build:
    """A complete dataset of one shard, whose three rows are a row group each."""
    shape = {"seconds": 3.5, "row_group_rows": 1, "container": container}
    publish_speech(hub, hf_id, rows=3, shards=1, **shape)  # type: ignore[arg-type]
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


def refuse(*_: object) -> tuple[Path, ...]:
    raise HubUnavailable("the file cannot be fetched", why="it answered 503", mend="try later")


def read_left(build: Build) -> list[Path]:
    return list(build.state.raw.iterdir())


def test_a_lost_row_is_made_from_its_row_group(hub: LoopbackHub, open_for: OpenFor):
    build = make_whole(hub, open_for, "groups/one", Options())
    whole = lose(build, 0)
    synced = sync_dataset(open_for("groups/one"))
    assert (synced.new_rows, raw_fetches(hub)) == (1, 0)
    assert read_tree(build.folder.root) == whole
    assert not read_left(build)


@pytest.mark.parametrize("container", ["flac", "wav"])
def test_a_row_group_that_is_damaged_on_its_way_is_replaced_by_the_verified_file(
    hub: LoopbackHub, open_for: OpenFor, container: Container
):
    # A flipped bit in a WAV changes the sound, and neither its length nor the size of the MP3.
    build = make_whole(hub, open_for, f"groups/damaged-{container}", Options(), container)
    whole = lose(build, 0)
    with hub.faults(Flip(20_000), when=OF_A_ROW) as fault:
        synced = sync_dataset(open_for(build.request.hf_id))
    assert fault.struck == 1
    assert (synced.new_rows, raw_fetches(hub)) == (1, 1)
    assert read_tree(build.folder.root) == whole
    assert not read_left(build)


def test_a_text_that_changes_on_its_way_is_replaced_by_that_of_the_verified_file(
    hub: LoopbackHub, open_for: OpenFor
):
    # Neither compressed nor in a dictionary: the letter changes, and the page can be read.
    texts = pa.table({"text": [f"row {row} says hello" for row in range(3)]})
    sink = io.BytesIO()
    pq.write_table(texts, sink, row_group_size=1, compression="none", use_dictionary=False)
    data = sink.getvalue()
    hub.publish("groups/text", {"data/train-00000-of-00001.parquet": data})
    build = open_for("groups/text")
    sync_dataset(build)
    hub.clear_requests()
    whole = read_tree(build.folder.root)
    (build.folder.json / "1.json").unlink()
    start = pq.ParquetFile(sink).metadata.row_group(1).column(0).data_page_offset
    # So short a file comes as a whole, by its end.
    with hub.faults(Flip(data.index(b"hello", start)), when=OF_A_ROW) as fault:
        sync_dataset(open_for("groups/text"))
    assert (fault.struck, raw_fetches(hub)) == (1, 1)
    assert read_tree(build.folder.root) == whole


def test_nothing_of_a_damaged_row_group_stays_where_the_whole_file_cannot_be_fetched(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    build = make_whole(hub, open_for, "groups/unavailable", Options(), "wav")
    whole = lose(build, 0)
    left = read_tree(build.folder.root)
    journal = build.state.journal(build.plan.shards[0].name)
    before = journal.read_bytes()
    wrong = Flip(20_000)
    with monkeypatch.context() as patch, hub.faults(wrong, when=OF_A_ROW) as fault:
        patch.setattr(prepare_shard, "fetch_raw", refuse)
        with pytest.raises(HugflowError):
            sync_dataset(open_for("groups/unavailable"))
    assert fault.struck == 1
    assert read_tree(build.folder.root) == left
    assert journal.read_bytes() == before
    assert sync_dataset(open_for("groups/unavailable")).new_rows == 1
    assert read_tree(build.folder.root) == whole


@pytest.mark.parametrize("text", [None, b"{}"])
def test_without_recorded_hashes_the_whole_file_is_fetched(
    hub: LoopbackHub, open_for: OpenFor, text: bytes | None
):
    build = make_whole(hub, open_for, "groups/unknown", Options())
    whole = lose(build, 0)
    (record,) = build.state.ledger.glob("*.groups.json")
    record.unlink() if text is None else record.write_bytes(text)
    synced = sync_dataset(open_for("groups/unknown"))
    assert (synced.new_rows, raw_fetches(hub)) == (1, 1)
    assert read_tree(build.folder.root) == whole
    assert GROUP_HASHES.require(record).groups[2].rows == 1


def test_an_index_that_may_not_agree_with_its_rows_does_not_count_as_done_after_an_error(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    build = make_whole(hub, open_for, "groups/otherwise", Options())
    whole = lose(build, 0)
    with monkeypatch.context() as patch:
        # As if another encoder had made another clip.
        patch.setattr(make_shards, "find_differing", lambda plan, known, outcomes: [*known])
        patch.setattr(make_shards, "fetch_raw", refuse)
        with pytest.raises(HugflowError):
            sync_dataset(open_for("groups/otherwise"))
    assert not build.state.marker(build.plan.shards[0].name, "metadata").exists()
    sync_dataset(open_for("groups/otherwise"))
    assert raw_fetches(hub) == 1
    assert read_tree(build.folder.root) == whole
    assert build.state.marker(build.plan.shards[0].name, "metadata").exists()


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
