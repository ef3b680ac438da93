"""The index: the made rows of a shard, always in the same bytes."""

import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.audio.mp3 import AudioInfo
from hugflow.exports import index
from hugflow.exports.index import file_sha256, write_index
from hugflow.ledger.journal import RowMade
from hugflow.shards.features import AUDIO_TYPE
from hugflow.shards.plan import Plan
from hugflow.store.atomic import temporary_path
from tests.shards.plans import plan_for, write_table

INFO = AudioInfo(16_000, 8_000, "flac", 16_000, 1, 160, False, "clip.flac")


def made(*rows: int, has_audio: bool = True) -> dict[int, RowMade]:
    return {
        row: RowMade(row, f"s{row}", 9, 9, INFO)
        if has_audio
        else RowMade(row, f"{row}", None, 9, None)
        for row in rows
    }


@pytest.fixture
def speech(tmp_path: Path) -> tuple[Plan, Path]:
    """Four rows with audio, in a fetched file of two row groups."""
    clips = [{"bytes": b"x" * 50, "path": "p"}] * 4
    table = pa.table(
        {"audio": pa.array(clips, AUDIO_TYPE), "text": list("abcd"), "row": [7, 8, 9, 10]}
    )
    return plan_for(table, "audio"), write_table(tmp_path / "raw", table, 2)


def test_the_same_rows_give_the_same_bytes(speech: tuple[Plan, Path], tmp_path: Path):
    plan, raw = speech
    one = write_index(tmp_path / "one", plan, plan.shards[0], raw, made(0, 1, 3))
    two = write_index(tmp_path / "two", plan, plan.shards[0], raw, made(0, 1, 3))
    assert one == two == file_sha256(tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_it_holds_the_made_rows_in_order_without_the_bytes_of_their_audio(
    speech: tuple[Plan, Path], tmp_path: Path
):
    plan, raw = speech
    write_index(tmp_path / "i", plan, plan.shards[0], raw, made(3, 0))
    table = pq.read_table(tmp_path / "i")
    assert table.column_names == ["row", "audio", "text", "row_source", "audio_info"]
    assert table.column("row").to_pylist() == [0, 3]
    assert table.column("text").to_pylist() == ["a", "d"]
    assert table.column("row_source").to_pylist() == [7, 10]
    assert table.column("audio").to_pylist() == [
        {"bytes": None, "path": "audio/s0.mp3"},
        {"bytes": None, "path": "audio/s3.mp3"},
    ]
    assert table.column("audio_info").to_pylist()[0]["duration"] == 0.5


def test_without_a_made_row_there_is_no_index_and_an_old_one_goes(
    speech: tuple[Plan, Path], tmp_path: Path
):
    plan, raw = speech
    write_index(tmp_path / "i", plan, plan.shards[0], raw, made(0))
    assert write_index(tmp_path / "i", plan, plan.shards[0], raw, {}) is None
    assert not (tmp_path / "i").exists()


def test_an_equal_index_is_left_untouched(speech: tuple[Plan, Path], tmp_path: Path):
    plan, raw = speech
    write_index(tmp_path / "i", plan, plan.shards[0], raw, made(0))
    before = (tmp_path / "i").stat()
    write_index(tmp_path / "i", plan, plan.shards[0], raw, made(0))
    assert (tmp_path / "i").stat().st_mtime_ns == before.st_mtime_ns
    assert not temporary_path(tmp_path / "i").exists()


def test_row_groups_are_cut_by_rows_and_not_by_how_the_source_was_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(index, "ROWS_PER_GROUP", 10)
    table = pa.table({"text": [str(n) for n in range(35)]})
    plan = plan_for(table)
    digests = set()
    for group in (1, 7, 35):
        raw = write_table(tmp_path / f"raw-{group}", table, group)
        rows = made(*range(35), has_audio=False)
        digests.add(write_index(tmp_path / "i", plan, plan.shards[0], raw, rows))
    assert len(digests) == 1
    metadata = pq.read_metadata(tmp_path / "i")
    groups = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    assert groups == [10, 10, 10, 5]


def test_a_dataset_of_nothing_but_audio_has_an_index(tmp_path: Path):
    table = pa.table({"audio": pa.array([{"bytes": b"x", "path": "p"}] * 3, AUDIO_TYPE)})
    plan = plan_for(table, "audio")
    raw = write_table(tmp_path / "raw", table)
    write_index(tmp_path / "i", plan, plan.shards[0], raw, made(0, 2))
    assert pq.read_table(tmp_path / "i").column("row").to_pylist() == [0, 2]


def test_colleagues_may_read_it(speech: tuple[Plan, Path], tmp_path: Path):
    plan, raw = speech
    write_index(tmp_path / "i", plan, plan.shards[0], raw, made(0))
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "i").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
