"""Arrow files of `save_to_disk`: each is a shard, counted by the headers of its messages."""

import io

import datasets
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.errors import ShardUnreadable
from hugflow.shards.layouts.arrow_file import count_by_headers
from hugflow.stages.making.make_shards import ShardDone, ShardFailed, make_shards
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import to_audio_column
from hugflow.testing.tables import audio_feature, with_features
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.projects import Project
from tests.shards.layouts.published import CLIPS, COUNT, TEXTS, Files
from tests.trees import read_rows_json


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The clips, saved by `datasets` itself in two files."""
    folder = tmp_path_factory.mktemp("saved") / "train"
    audio = to_audio_column(list(CLIPS.values()), list(CLIPS))
    table = with_features(
        pa.table({"audio": audio, "text": list(TEXTS)}), {"audio": audio_feature()}
    )
    dataset = datasets.Dataset(datasets.table.InMemoryTable(table))
    dataset.save_to_disk(folder, num_shards=2)
    return {f"train/{path.name}": path.read_bytes() for path in folder.iterdir()}


def to_stream(*sizes: int) -> bytes:
    """A stream with batches of so many rows."""
    out = io.BytesIO()
    schema = pa.schema([("n", pa.int64()), ("text", pa.string())])
    with pa.ipc.new_stream(out, schema) as writer:
        for size in sizes:
            columns = [pa.array(range(size), pa.int64()), pa.array(["ä"] * size, pa.string())]
            writer.write_batch(pa.record_batch(columns, schema=schema))
    return out.getvalue()


def test_files_of_save_to_disk_are_counted_before_they_are_fetched_and_made(
    hub: LoopbackHub, open_for: OpenFor, saved: Files
):
    hub.publish("arrow/saved", saved)
    build = open_for("arrow/saved")
    assert [shard.rows for shard in build.plan.shards] == [3, 2]
    assert (build.plan.audio_column, build.plan.numbering) == ("audio", "through")
    assert sync_dataset(build).new_rows == COUNT
    found = read_rows_json(build.folder)
    assert [found[row]["text"] for row in sorted(found)] == list(TEXTS)
    assert list(verify_dataset(build.places, build.name, deep=True)) == []


def test_what_map_left_in_the_folder_makes_no_rows(
    hub: LoopbackHub, open_for: OpenFor, saved: Files
):
    data = next(content for path, content in saved.items() if path.endswith(".arrow"))
    names = (f"train/cache-{'0a' * 8}.arrow", f"train/cache-{'0b' * 8}_00000_of_00002.arrow")
    hub.publish("arrow/cache", {**saved, **dict.fromkeys(names, data)})
    build = open_for("arrow/cache")
    assert [shard.rows for shard in build.plan.shards] == [3, 2]
    assert "left out: 2 files of the cache of `datasets`" in build.plan.warnings


def test_a_file_cut_short_fails_alone(hub: LoopbackHub, open_for: OpenFor, saved: Files):
    first = next(path for path in sorted(saved) if path.endswith(".arrow"))
    hub.publish("arrow/cut", {**saved, first: saved[first][:-9_000]})
    build = open_for("arrow/cut")
    failed, done = make_shards(build, build.shards)
    assert isinstance(failed, ShardFailed)
    assert isinstance(failed.error, ShardUnreadable)
    assert first in failed.error.what
    assert isinstance(done, ShardDone)


def test_what_is_no_arrow_is_one_clear_error(hub: LoopbackHub, open_for: OpenFor):
    hub.publish("arrow/none", {"train/data-00000-of-00001.arrow": b"x" * 1_000})
    with pytest.raises(ShardUnreadable, match="cannot be read as Arrow"):
        open_for("arrow/none")


@given(st.lists(st.integers(0, 50), max_size=5))
def test_headers_count_what_arrow_counts(sizes: list[int]):
    stream = to_stream(*sizes)
    assert count_by_headers(io.BytesIO(stream), len(stream)) == sum(sizes)


@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), min_size=1, max_size=40))
def test_damaged_headers_are_counted_or_unknown_and_never_raise(changes: list[tuple[int, int]]):
    stream = bytearray(to_stream(3, 4))
    for place, byte in changes:
        stream[place % len(stream)] = byte
    found = count_by_headers(io.BytesIO(bytes(stream)), len(stream))
    assert found is None or found >= 0


@pytest.mark.slow
def test_commands_read_arrow_files(project: Project, hub: LoopbackHub, saved: Files):
    hub.publish("arrow/cli", saved)
    request = project.request("arrow/cli")
    assert "the layout is arrow" in project.run("plan", request).stdout
    assert "5 rows, 5 of them new" in project.run("local-sync", request).stdout
    name = "arrow__cli__split_train__rev_main"
    assert project.run("verify", name, "--deep").returncode == 0
