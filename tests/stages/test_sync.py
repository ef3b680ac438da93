"""The whole job for one request, in this process."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from hugflow.errors import (
    CannotWrite,
    Locked,
    RequestInvalid,
    StateUnreadable,
    TooManyBadRows,
)
from hugflow.ledger.journal import Journal, Outcome, RowMade, read_journal
from hugflow.ledger.progress import read_progress
from hugflow.stages.build.options import Options
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.publishing.publish import publish
from hugflow.stages.standing.status import read_status
from hugflow.stages.sync import ShardsFailed, sync_dataset
from hugflow.stages.tree.manifest import ManifestRows
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import (
    publish_speech,
    publish_tables,
    publish_text,
    speech_table,
    to_audio_column,
)
from hugflow.testing.speech import encode, speech_like
from tests.builds import OpenFor
from tests.trees import read_failures, read_rows_json, read_tree

JUNK = b"this is no audio"


def raw_fetches(hub: LoopbackHub) -> int:
    """Whole files that were sent, footers and ranges aside."""
    return sum(
        1
        for request in hub.requests
        if request.port == "storage" and request.method == "GET" and request.range is None
    )


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


def test_the_link_points_to_the_tree_and_the_manifest_counts_it(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "sync/manifest", rows=6, shards=2, seconds=0.2)
    build = open_for("sync/manifest")
    sync_dataset(build)
    assert places.link(build.name).readlink() == build.folder.root
    manifest = json.loads(build.folder.manifest.read_text())
    assert manifest["rows"] == {"planned": 6, "made": 6, "failed": 0}
    assert manifest["commit"] == build.plan.commit
    assert manifest["audio"]["bytes"] == sum(f.stat().st_size for f in build.folder.audio.iterdir())
    assert sorted(manifest["index"]) == [
        "index/00000-of-00002.parquet",
        "index/00001-of-00002.parquet",
    ]
    assert read_status(places, build.name).state == "completed"


def test_the_index_holds_the_same_rows_without_audio_bytes(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "sync/index", rows=5, shards=1, seconds=0.2)
    build = open_for("sync/index")
    sync_dataset(build)
    table = pq.read_table(build.folder.index_file("00000-of-00001"))
    rows = read_rows_json(build.folder)
    assert table.column_names == ["row", *build.plan.columns, "audio_info"]
    for line in table.to_pylist():
        row = rows[line["row"]]
        assert line["audio"] == {"bytes": None, "path": row["audio_info"]["path"]}
        assert line["audio_info"] == row["audio_info"]
        assert line["text"] == row["text"]


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


def test_bad_rows_within_the_budget_are_named_and_the_rest_is_published(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(
        hub, "sync/bad", rows=8, shards=2, seconds=0.2, broken_rows={2: JUNK, 5: b"", 6: None}
    )
    build = open_for("sync/bad", max_bad_rows=3)
    sync_dataset(build)
    failures = read_failures(build.folder)
    assert [(line["row"], line["shard"], line["code"]) for line in failures] == [
        (2, "00000-of-00002", "audio_unsupported"),
        (5, "00001-of-00002", "audio_empty"),
        (6, "00001-of-00002", "audio_missing"),
    ]
    assert sorted(read_rows_json(build.folder)) == [0, 1, 3, 4, 7]
    assert len(list(build.folder.audio.iterdir())) == 5
    index = pq.read_table(build.folder.index)
    assert sorted(index.column("row").to_pylist()) == [0, 1, 3, 4, 7]


def test_more_bad_rows_than_allowed_leave_the_dataset_unpublished(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(
        hub, "sync/refused", rows=4, shards=1, seconds=0.2, broken_rows={1: JUNK, 2: JUNK}
    )
    build = open_for("sync/refused")
    with pytest.raises(TooManyBadRows) as refused:
        sync_dataset(build)
    assert refused.value.exit_code == 9
    assert [line["row"] for line in read_failures(build.folder)] == [1, 2]
    assert not build.folder.manifest.exists()
    assert not places.link(build.name).is_symlink()
    assert read_status(places, build.name).state == "failed"


@pytest.mark.parametrize(
    ("rows", "budget"), [(1, None), (1, 5), (3, "100%"), (4, 4)], ids=["default", "5", "all", "4"]
)
def test_a_dataset_of_which_no_row_was_made_is_not_published_whatever_the_budget(
    rows: int, budget: int | str | None, hub: LoopbackHub, open_for: OpenFor, places: Places
):
    hf_id = f"sync/none-{rows}-{str(budget).strip('%')}"
    broken = {row: (JUNK, b"", None, b"RIFF")[row] for row in range(rows)}
    publish_speech(hub, hf_id, rows=rows, shards=1, broken_rows=broken)
    build = open_for(hf_id, max_bad_rows=budget)
    with pytest.raises(TooManyBadRows, match="no audio files extracted") as refused:
        sync_dataset(build)
    assert refused.value.exit_code == 9
    assert not build.folder.manifest.exists()
    assert not places.link(build.name).is_symlink()
    assert read_status(places, build.name).state == "failed"


def test_a_text_dataset_without_a_row_that_is_text_is_not_published(
    hub: LoopbackHub, open_for: OpenFor
):
    text = pa.array([b"\xff", b"\xfe\xff"], pa.binary()).view(pa.string())
    publish_tables(hub, "sync/no-text", {"default": {"train": pa.table({"text": text})}})
    build = open_for("sync/no-text", max_bad_rows="100%")
    with pytest.raises(TooManyBadRows, match="not one row could be made"):
        sync_dataset(build)
    assert not build.folder.manifest.exists()


def test_a_higher_budget_publishes_what_was_refused_and_makes_no_row_twice(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/budget", rows=4, shards=1, seconds=0.2, broken_rows={1: JUNK})
    with pytest.raises(TooManyBadRows):
        sync_dataset(open_for("sync/budget", max_bad_rows=0))
    build = open_for("sync/budget", max_bad_rows=1)
    synced = sync_dataset(build)
    assert synced.new_rows == 0
    assert synced.published.manifest.rows == ManifestRows(4, 3, 1)


def test_a_published_dataset_does_not_try_its_bad_rows_again(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "sync/settled", rows=4, shards=1, seconds=0.2, broken_rows={1: JUNK})
    sync_dataset(open_for("sync/settled"))
    hub.clear_requests()
    assert sync_dataset(open_for("sync/settled")).was_complete
    assert hub.requests == ()


def test_a_dataset_without_audio_becomes_json_alone(hub: LoopbackHub, open_for: OpenFor):
    publish_text(hub, "sync/text", rows=7, shards=2)
    build = open_for("sync/text")
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert len(rows) == 7
    assert rows[3]["id"] == 3
    assert "audio_info" not in rows[3]
    assert not build.folder.audio.exists()


@pytest.mark.parametrize("container", ["wav", "flac", "mp3", "ogg", "opus"])
@pytest.mark.parametrize("as_struct", [True, False])
def test_every_container_is_made_from_structs_and_from_raw_bytes(
    hub: LoopbackHub, open_for: OpenFor, container: str, as_struct: bool
):
    hf_id = f"sync/{container}-{as_struct}".lower()
    publish_speech(
        hub,
        hf_id,
        rows=2,
        shards=1,
        seconds=0.3,
        container=container,
        as_struct=as_struct,
        sampling_rate=48_000,
        with_filenames=False,
    )
    build = open_for(hf_id)
    sync_dataset(build)
    info = read_rows_json(build.folder)[1]["audio_info"]
    assert info["source_format"] == container
    assert soundfile.info(build.folder.audio / "1.mp3").frames == info["num_samples"] == 10_800
    assert info["copied"] is (container == "mp3")


def test_a_sound_mono_mp3_passes_byte_for_byte(hub: LoopbackHub, open_for: OpenFor):
    clip = encode(speech_like(1.0, 16_000), 16_000, "mp3")
    table = pa.table({"audio": to_audio_column([clip], ["a.mp3"]), "text": ["hello"]})
    publish_tables(hub, "sync/copied", {"default": {"train": table}})
    copied = open_for("sync/copied")
    sync_dataset(copied)
    assert (copied.folder.audio / "0.mp3").read_bytes() == clip
    manifest = json.loads(copied.folder.manifest.read_text())
    assert (manifest["audio"]["copied"], manifest["audio"]["encoded"]) == (1, 0)


def test_mp3s_are_encoded_anew_when_that_is_asked_for(hub: LoopbackHub, open_for: OpenFor):
    clip = encode(speech_like(1.0, 16_000), 16_000, "mp3")
    table = pa.table({"audio": to_audio_column([clip], ["a.mp3"]), "text": ["hello"]})
    publish_tables(hub, "sync/reencoded", {"default": {"train": table}})
    build = open_for("sync/reencoded", mp3_source="reencode")
    sync_dataset(build)
    assert (build.folder.audio / "0.mp3").read_bytes() != clip
    assert (
        soundfile.info(build.folder.audio / "0.mp3").frames
        == soundfile.info(io.BytesIO(clip)).frames
    )


def test_repeated_names_get_their_row_number_and_none_is_lost(hub: LoopbackHub, open_for: OpenFor):
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    names = ["a/x.wav", "X.flac", "y.wav", "b/x.wav", None, "../../etc/passwd", "x-1"]
    table = pa.table(
        {
            "audio": to_audio_column([clip] * len(names), ["p"] * len(names)),
            "text": ["t"] * len(names),
            "audio_filename": names,
        }
    )
    publish_tables(hub, "sync/names", {"default": {"train": table}}, shards=3)
    build = open_for("sync/names")
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    stems = [Path(rows[row]["audio_info"]["path"]).stem for row in sorted(rows)]
    assert stems == ["x", "X-1-1", "y", "x-3", "4", "passwd", "x-1"]
    assert len(list(build.folder.audio.iterdir())) == len(names)


def test_a_dataset_stays_at_its_commit_when_the_branch_moves(hub: LoopbackHub, open_for: OpenFor):
    first = publish_speech(hub, "sync/moved", rows=4, shards=2, seconds=0.2, seed=1)
    build = open_for("sync/moved")
    publish_speech(hub, "sync/moved", rows=4, shards=2, seconds=0.2, seed=2)
    sync_dataset(build)
    assert build.plan.commit == first
    assert open_for("sync/moved").plan.commit == first


def test_a_second_writer_of_a_shard_is_turned_away_with_the_name_of_the_first(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/locked", rows=2, shards=1, seconds=0.2)
    build = open_for("sync/locked")
    with build.hold_shard(build.plan.shards[0]), pytest.raises(Locked, match="process") as locked:
        sync_dataset(open_for("sync/locked"))
    assert locked.value.exit_code == 8


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


def test_committed_batches_are_told_of_in_row_order(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "sync/told", rows=150, shards=1, seconds=0.05)
    told: list[int] = []

    def on_rows(outcomes: Sequence[Outcome]) -> None:
        told.extend(outcome.row for outcome in outcomes)

    sync_dataset(open_for("sync/told"), on_rows=on_rows)
    assert told == list(range(150))


def test_a_tree_whose_ledger_is_lost_is_taken_up_and_not_made_again(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path
):
    publish_speech(hub, "sync/adopt", rows=6, shards=2, seconds=0.2, broken_rows={4: JUNK})
    build = open_for("sync/adopt")
    sync_dataset(build)
    before = {path: path.stat().st_mtime_ns for path in build.folder.root.rglob("*")}
    places.state_dir.rename(tmp_path / "lost")
    publish_speech(hub, "sync/adopt", rows=6, shards=2, seconds=0.2, seed=9)
    again = open_for("sync/adopt")
    assert again.plan.commit == build.plan.commit, "the manifest's commit, not the moved branch's"
    hub.clear_requests()
    synced = sync_dataset(again)
    assert synced.new_rows == 0
    assert {path: path.stat().st_mtime_ns for path in build.folder.root.rglob("*")} == before


def test_keep_raw_keeps_the_fetched_bytes_and_the_default_does_not(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/raw", rows=2, shards=1, seconds=0.2)
    build = open_for("sync/raw", Options(keep_raw=True))
    sync_dataset(build)
    raw = build.state.raw_file("00000-of-00001")
    assert raw.stat().st_size == build.plan.source_bytes
    publish_speech(hub, "sync/no-raw", rows=2, shards=1, seconds=0.2)
    other = open_for("sync/no-raw")
    sync_dataset(other)
    assert list(other.state.raw.iterdir()) == []


def test_a_column_asked_for_and_absent_is_refused_with_the_columns_there_are(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/columns", rows=2, shards=1, seconds=0.2)
    with pytest.raises(RequestInvalid, match="'text'"):
        open_for("sync/columns", text_column="sentence")
    with pytest.raises(RequestInvalid, match="audio_column: 'audio'"):
        open_for("sync/columns", audio_column="clip")


def test_a_default_text_column_that_is_absent_is_a_warning_naming_the_nearest(
    hub: LoopbackHub, open_for: OpenFor
):
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    table = pa.table({"audio": to_audio_column([clip], ["a.wav"]), "sentence": ["hello"]})
    publish_tables(hub, "sync/sentence", {"default": {"train": table}})
    build = open_for("sync/sentence")
    assert "'sentence'" in build.plan.warnings[0]
    sync_dataset(build)
    row = read_rows_json(build.folder)[0]
    assert "text" not in row
    assert row["sentence"] == "hello"


def test_audio_under_another_name_is_never_dropped_in_silence(hub: LoopbackHub, open_for: OpenFor):
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    table = pa.table({"speech": to_audio_column([clip], ["a.wav"]), "text": ["hello"]})
    publish_tables(hub, "sync/speech", {"default": {"train": table}})
    with pytest.raises(RequestInvalid, match="audio_column: 'speech'"):
        open_for("sync/speech")
    build = open_for("sync/speech", audio_column="speech")
    sync_dataset(build)
    assert read_rows_json(build.folder)[0]["speech"].endswith("/audio/0.mp3")


def test_stereo_becomes_mono_of_the_same_length(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(
        hub, "sync/stereo", rows=1, shards=1, seconds=2.0, channels=2, with_filenames=False
    )
    build = open_for("sync/stereo")
    sync_dataset(build)
    samples, rate = soundfile.read(build.folder.audio / "0.mp3")
    assert samples.shape == (16_000,)
    assert rate == 16_000
    assert np.abs(samples).max() > 0.05
    assert read_rows_json(build.folder)[0]["audio_info"]["source_channels"] == 2


def test_rows_of_which_nothing_says_what_they_are_rows_of_are_never_taken_for_others(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path
):
    publish_speech(hub, "sync/unknown", rows=4, shards=1, broken_rows={1: JUNK}, seed=1)
    build = open_for("sync/unknown", max_bad_rows=0)
    with pytest.raises(TooManyBadRows):
        sync_dataset(build)
    places.state_dir.rename(tmp_path / "lost")
    publish_speech(hub, "sync/unknown", rows=4, shards=1, seed=2)
    before = read_tree(build.folder.root)
    with pytest.raises(StateUnreadable, match="move the folder away"):
        open_for("sync/unknown", max_bad_rows=0)
    assert read_tree(build.folder.root) == before
    build.folder.root.rename(tmp_path / "moved away")
    assert sync_dataset(open_for("sync/unknown")).new_rows == 4


def test_publishing_sweeps_what_killed_runs_left_but_not_what_somebody_writes(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/swept", rows=4, shards=2, seconds=0.2)
    build = open_for("sync/swept")
    sync_dataset(build)
    left = build.folder.json / ".3.json.tmp"
    left.touch()
    with build.hold_shard(build.plan.shards[1]):
        publish(build)
        assert left.exists()
    publish(build)
    assert not left.exists()


def test_a_journal_that_names_another_rows_file_is_not_believed(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/mixed", rows=3, shards=1, seconds=0.2, with_filenames=False)
    build = open_for("sync/mixed")
    sync_dataset(build)
    tree = read_tree(build.folder.root)
    path = build.state.journal("00000-of-00001")
    second, third = (read_journal(path)[row] for row in (1, 2))
    assert isinstance(second, RowMade)
    assert isinstance(third, RowMade)
    with Journal(path) as journal:
        journal.append([replace(second, stem=third.stem, mp3_bytes=third.mp3_bytes)])
    (build.folder.json / "1.json").unlink()
    sync_dataset(open_for("sync/mixed"))
    assert read_tree(build.folder.root) == tree


def test_a_storage_root_that_is_a_file_is_an_error_to_mend_and_no_traceback(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "sync/file", rows=1, shards=1, seconds=0.2)
    places.storage_root.write_text("not a folder")
    with pytest.raises(CannotWrite, match="whom the folder belongs to"):
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


def test_a_path_that_is_no_text_costs_nobody_a_row(hub: LoopbackHub, open_for: OpenFor):
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    raw = pa.array([b"ok.wav", b"\xff\xfe.wav"], pa.binary())
    path = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    audio = pa.StructArray.from_arrays(
        [pa.array([clip, clip], pa.binary()), path], ["bytes", "path"]
    )
    file = io.BytesIO()
    pq.write_table(pa.table({"audio": audio, "text": ["a", "b"]}), file)
    hub.publish("sync/bad-path", {"data/train-00000-of-00001.parquet": file.getvalue()})
    build = open_for("sync/bad-path")
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert [rows[row]["audio_info"]["source_path"] for row in (0, 1)] == ["ok.wav", None]


def publish_with_bad_text(hub: LoopbackHub, hf_id: str) -> None:
    """Four rows, of which row 1 has a text that is not UTF-8."""
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    raw = pa.array([b"a", b"\xff\xfe", b"c", b"d"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 4, raw.buffers())
    file = io.BytesIO()
    pq.write_table(pa.table({"audio": to_audio_column([clip] * 4, ["p"] * 4), "text": text}), file)
    hub.publish(hf_id, {"data/train-00000-of-00001.parquet": file.getvalue()})


def test_stage_by_stage_gives_the_tree_that_all_at_once_gives(
    hub: LoopbackHub, open_for: OpenFor, tmp_path: Path
):
    publish_with_bad_text(hub, "sync/stages")
    build = open_for("sync/stages")
    sync_dataset(build)
    at_once = read_tree(build.folder.root)
    build.folder.root.rename(tmp_path / "tree")
    build.places.state_dir.rename(tmp_path / "state at once")
    staged = open_for("sync/stages")
    for stage in ("raw", "audio", "metadata"):
        list(make_shards(staged, staged.plan.shards, [stage]))
    publish(staged)
    assert read_tree(staged.folder.root) == at_once
    assert read_failures(staged.folder)[0]["code"] == "text_not_utf8"


def test_a_json_made_alone_brings_back_the_mp3_it_names(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "sync/alone", rows=3, shards=1, seconds=0.2, with_filenames=False)
    build = open_for("sync/alone")
    sync_dataset(build)
    tree = read_tree(build.folder.root)
    (build.folder.audio / "1.mp3").unlink()
    (build.folder.json / "1.json").unlink()
    list(make_shards(build, build.plan.shards, ["metadata"]))
    assert read_tree(build.folder.root) == tree


def test_a_lost_ledger_alone_costs_no_download_either(
    hub: LoopbackHub, open_for: OpenFor, tmp_path: Path
):
    publish_speech(hub, "sync/ledger", rows=6, shards=2, seconds=0.2)
    build = open_for("sync/ledger")
    sync_dataset(build)
    build.state.ledger.rename(tmp_path / "lost")
    hub.clear_requests()
    assert sync_dataset(open_for("sync/ledger")).was_complete
    assert hub.requests == ()


def test_what_was_published_within_its_budget_stays_so_when_the_budget_shrinks(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/shrunk", rows=4, shards=1, seconds=0.2, broken_rows={1: JUNK})
    sync_dataset(open_for("sync/shrunk", max_bad_rows=1))
    assert sync_dataset(open_for("sync/shrunk", max_bad_rows=0)).was_complete


def test_repairing_one_stage_alone_leaves_no_fetched_file_behind(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/left", rows=2, shards=1, seconds=0.2, with_filenames=False)
    build = open_for("sync/left")
    sync_dataset(build)
    (build.folder.audio / "1.mp3").unlink()
    list(make_shards(build, build.plan.shards, ["audio"]))
    assert list(build.state.raw.iterdir()) == []


def test_a_place_for_links_that_cannot_be_had_is_known_before_the_work(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "sync/no-link", rows=2, shards=1, seconds=0.2)
    places.processed_root.write_text("a file")
    with pytest.raises(CannotWrite, match="PROCESSED_ROOT"):
        sync_dataset(open_for("sync/no-link"))
    assert raw_fetches(hub) == 0


def test_fetched_bytes_that_changed_on_disk_are_fetched_anew(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "sync/rotten", rows=3, shards=1, seconds=0.2)
    build = open_for("sync/rotten")
    list(make_shards(build, build.plan.shards, ["raw"]))
    raw = build.state.raw_file("00000-of-00001")
    data = bytearray(raw.read_bytes())
    data[len(data) // 2] ^= 1
    raw.write_bytes(data)
    hub.clear_requests()
    sync_dataset(build)
    assert raw_fetches(hub) == 1
    assert len(read_rows_json(build.folder)) == 3


def test_a_damaged_failures_file_costs_no_row_that_stands(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path
):
    publish_speech(hub, "sync/damaged", rows=6, shards=2, seconds=0.2, broken_rows={4: JUNK})
    build = open_for("sync/damaged")
    sync_dataset(build)
    places.state_dir.rename(tmp_path / "lost")
    text = build.folder.failures.read_bytes()
    build.folder.failures.write_bytes(text.replace(b'"row": 4', b'"row": 3') + b"\xff\xfe\n")
    sync_dataset(open_for("sync/damaged"))
    assert sorted(read_rows_json(build.folder)) == [0, 1, 2, 3, 5]
    assert [line["row"] for line in read_failures(build.folder)] == [4]


def test_a_manifest_that_says_nothing_of_its_rows_is_written_anew(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/hollow", rows=2, shards=1, seconds=0.2)
    build = open_for("sync/hollow")
    sync_dataset(build)
    tree = read_tree(build.folder.root)
    manifest = json.loads(build.folder.manifest.read_text())
    build.folder.manifest.write_text(json.dumps({k: manifest[k] for k in ("version", "plan")}))
    sync_dataset(open_for("sync/hollow"))
    assert read_tree(build.folder.root) == tree
