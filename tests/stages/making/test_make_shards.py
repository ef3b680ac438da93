"""Making shards: stage by stage, one writer each, resumed."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.errors import (
    Locked,
)
from hugflow.ledger.journal import Journal, Outcome, RowMade, read_journal
from hugflow.stages.build.options import Options
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.publishing.publish import publish
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import (
    publish_speech,
    to_audio_column,
)
from hugflow.testing.speech import encode, speech_like
from tests.builds import OpenFor, raw_fetches
from tests.trees import read_failures, read_rows_json, read_tree

pytestmark = pytest.mark.slow


def publish_with_bad_text(hub: LoopbackHub, hf_id: str) -> None:
    """Four rows, of which row 1 has a text that is not UTF-8."""
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    raw = pa.array([b"a", b"\xff\xfe", b"c", b"d"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 4, raw.buffers())
    file = io.BytesIO()
    pq.write_table(pa.table({"audio": to_audio_column([clip] * 4, ["p"] * 4), "text": text}), file)
    hub.publish(hf_id, {"data/train-00000-of-00001.parquet": file.getvalue()})


def test_a_second_writer_of_a_shard_is_turned_away_with_the_name_of_the_first(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/locked", rows=2, shards=1, seconds=0.2)
    build = open_for("sync/locked")
    with build.hold_shard(build.plan.shards[0]), pytest.raises(Locked, match="process") as locked:
        sync_dataset(open_for("sync/locked"))
    assert locked.value.exit_code == 8


def test_committed_batches_are_told_of_in_row_order(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "sync/told", rows=150, shards=1, seconds=0.05)
    told: list[int] = []

    def on_rows(outcomes: Sequence[Outcome]) -> None:
        told.extend(outcome.row for outcome in outcomes)

    sync_dataset(open_for("sync/told"), on_rows=on_rows)
    assert told == list(range(150))


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


def test_repairing_one_stage_alone_leaves_no_fetched_file_behind(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/left", rows=2, shards=1, seconds=0.2, with_filenames=False)
    build = open_for("sync/left")
    sync_dataset(build)
    (build.folder.audio / "1.mp3").unlink()
    list(make_shards(build, build.plan.shards, ["audio"]))
    assert list(build.state.raw.iterdir()) == []


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
