"""The whole job for one request, in this process."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from hugflow.errors import (
    CannotWrite,
)
from hugflow.ledger.progress import read_progress
from hugflow.stages.sync import ShardsFailed, sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import (
    publish_speech,
    publish_text,
    speech_table,
    to_audio_column,
)
from hugflow.testing.speech import encode, speech_like
from tests.builds import OpenFor, raw_fetches
from tests.trees import read_rows_json, read_tree

pytestmark = pytest.mark.slow

JUNK = b"this is no audio"


def test_every_row_becomes_an_mp3_of_exact_length_and_a_json(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "sync/whole", rows=10, shards=3, seconds=0.7)
    build = open_for("sync/whole")
    synced = sync_dataset(build)
    rows = read_rows_json(build.folder)
    published = speech_table(10, seconds=0.7).to_pylist()
    assert sorted(rows) == list(range(10))
    for number, row in rows.items():
        info = row["audio_info"]
        mp3 = build.folder.root / info["path"]
        source = soundfile.info(io.BytesIO(published[number]["audio"]["bytes"]))
        assert soundfile.info(mp3).frames == info["num_samples"] == source.frames
        assert soundfile.info(mp3).channels == 1
        assert row["audio"] == f"datasets/{build.name}/{info['path']}"
        assert row["text"] == published[number]["text"]
    assert synced.new_rows == 10
    assert not synced.was_complete


def test_doing_it_again_does_nothing_and_asks_the_hub_for_nothing(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/again", rows=6, shards=2, seconds=0.2)
    build = open_for("sync/again")
    sync_dataset(build)
    before = {path: path.stat().st_mtime_ns for path in build.folder.root.rglob("*")}
    hub.clear_requests()
    again = sync_dataset(open_for("sync/again"))
    assert again.was_complete
    assert again.new_rows == 0
    assert hub.requests == ()
    assert {path: path.stat().st_mtime_ns for path in build.folder.root.rglob("*")} == before


def test_files_that_were_deleted_come_back_with_the_same_bytes_and_no_others_are_touched(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/deleted", rows=9, shards=3, seconds=0.2, with_filenames=False)
    build = open_for("sync/deleted")
    sync_dataset(build)
    tree = read_tree(build.folder.root)
    gone = [build.folder.audio / f"{row}.mp3" for row in (0, 1, 5)] + [build.folder.json / "2.json"]
    for path in gone:
        path.unlink()
    before = {path: path.stat().st_mtime_ns for path in build.folder.root.rglob("*.*")}
    hub.clear_requests()
    again = sync_dataset(open_for("sync/deleted"))
    assert read_tree(build.folder.root) == tree
    assert again.new_rows == 4
    assert raw_fetches(hub) == 2, "the shard that lacks nothing is not fetched"
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before


def test_a_file_cut_short_is_made_again(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "sync/cut", rows=4, shards=1, seconds=0.2, with_filenames=False)
    build = open_for("sync/cut")
    sync_dataset(build)
    tree = read_tree(build.folder.root)
    mp3 = build.folder.audio / "2.mp3"
    mp3.write_bytes(mp3.read_bytes()[:100])
    sync_dataset(open_for("sync/cut"))
    assert read_tree(build.folder.root) == tree


def test_a_dataset_without_audio_becomes_json_alone(hub: LoopbackHub, open_for: OpenFor):
    publish_text(hub, "sync/text", rows=7, shards=2)
    build = open_for("sync/text")
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert len(rows) == 7
    assert rows[3]["id"] == 3
    assert "audio_info" not in rows[3]
    assert not build.folder.audio.exists()


def test_progress_tells_of_every_row_and_its_loss_loses_nothing(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "sync/progress", rows=6, shards=2, seconds=0.2, broken_rows={4: JUNK})
    build = open_for("sync/progress")
    sync_dataset(build)
    progress = read_progress(places.progress(build.name))
    assert progress is not None
    assert progress.ranges == ((0, 3), (5, 5))
    assert progress.status == "completed"
    places.progress(build.name).write_text("garbage")
    again = sync_dataset(open_for("sync/progress"))
    assert again.was_complete
    assert read_progress(places.progress(build.name)).ranges == ((0, 3), (5, 5))


def test_a_storage_root_that_is_a_file_is_an_error_to_mend_and_no_traceback(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "sync/file", rows=1, shards=1, seconds=0.2)
    places.storage_root.write_text("not a folder")
    with pytest.raises(CannotWrite, match="who owns the folder"):
        sync_dataset(open_for("sync/file"))


def test_files_that_write_a_column_in_different_types_become_one_table(
    hub: LoopbackHub, open_for: OpenFor
):
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    audio = to_audio_column([clip], ["a.wav"])
    first = pa.table({"audio": audio, "text": pa.nulls(1), "age": pa.array([1], pa.int32())})
    second = pa.table({"audio": audio, "text": ["hello"], "age": pa.array([2**40])})
    files = {}
    for number, table in enumerate((first, second)):
        file = io.BytesIO()
        pq.write_table(table, file)
        files[f"data/train-0000{number}-of-00002.parquet"] = file.getvalue()
    hub.publish("sync/types", files)
    build = open_for("sync/types")
    assert build.plan.features["text"]["dtype"] == "string"
    assert build.plan.features["age"]["dtype"] == "int64"
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert [(rows[row]["text"], rows[row]["age"]) for row in (0, 1)] == [
        (None, 1),
        ("hello", 2**40),
    ]


def _to_file(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def _drift(table: pa.Table, kind: str) -> pa.Table:
    """The table as the file of a publisher who had another idea."""
    match kind:
        case "renamed":
            return table.rename_columns({"audio": "sound"})
        case "missing":
            return table.drop_columns(["audio"])
        case _:
            at = table.column_names.index("text")
            return table.set_column(at, "text", pa.array([[1]] * table.num_rows))


@pytest.mark.parametrize("kind", ["renamed", "missing", "retyped"])
def test_a_file_that_does_not_agree_with_the_others_costs_its_own_rows_and_no_others(
    kind: str, hub: LoopbackHub, open_for: OpenFor
):
    hf_id = f"sync/drift-{kind}"
    tables = [speech_table(3, seconds=0.2, seed=3 * number) for number in range(3)]
    tables[1] = _drift(tables[1], kind)
    hub.publish(
        hf_id,
        {f"data/train-0000{n}-of-00003.parquet": _to_file(each) for n, each in enumerate(tables)},
    )
    build = open_for(hf_id)
    assert [shard.odd is not None for shard in build.plan.shards] == [False, True, False]
    assert "train-00001-of-00003.parquet cannot be made" in build.plan.warnings[-1]
    hub.clear_requests()
    with pytest.raises(ShardsFailed, match="does not agree with the other files") as raised:
        sync_dataset(build)
    assert raised.value.exit_code == 1
    assert f"{hf_id}@{build.plan.commit}:data/train-00001-of-00003.parquet" in str(raised.value)
    assert sorted(read_rows_json(build.folder)) == [0, 1, 2, 6, 7, 8]
    assert not build.places.link(build.name).is_symlink()
    assert not any("00001-of-00003" in request.path for request in hub.requests)
    assert open_for(hf_id).plan == build.plan


def test_a_file_without_rows_may_have_any_columns(hub: LoopbackHub, open_for: OpenFor):
    empty = pa.table({"x": pa.array([], pa.int8())})
    files = {"data/train-00000-of-00002.parquet": _to_file(speech_table(2, seconds=0.2))}
    hub.publish("sync/no-rows", {**files, "data/train-00001-of-00002.parquet": _to_file(empty)})
    build = open_for("sync/no-rows")
    sync_dataset(build)
    assert sorted(read_rows_json(build.folder)) == [0, 1]
    assert build.places.link(build.name).is_symlink()
