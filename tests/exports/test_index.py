"""The index: the made rows of a shard, always in the same bytes."""

import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.audio.mp3 import AudioInfo
from hugflow.errors import ShardCorrupt
from hugflow.exports import index_table
from hugflow.exports.index_table import write_index
from hugflow.ledger.journal import RowMade
from hugflow.shards.features import AUDIO_TYPE
from hugflow.shards.layouts import parquet_file
from hugflow.shards.plan import Plan
from hugflow.store.atomic import temporary_path
from hugflow.store.digest import file_sha256
from hugflow.testing.column_types import typed_columns, types_table
from tests.shards.plans import plan_for, shard_of, write_table

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
    one = write_index(tmp_path / "one", plan, plan.shards[0], [raw], made(0, 1, 3))
    two = write_index(tmp_path / "two", plan, plan.shards[0], [raw], made(0, 1, 3))
    assert one == two == file_sha256(tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_it_holds_the_made_rows_in_order_without_the_bytes_of_their_audio(
    speech: tuple[Plan, Path], tmp_path: Path
):
    plan, raw = speech
    write_index(tmp_path / "i", plan, plan.shards[0], [raw], made(3, 0))
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
    write_index(tmp_path / "i", plan, plan.shards[0], [raw], made(0))
    assert write_index(tmp_path / "i", plan, plan.shards[0], [raw], {}) is None
    assert not (tmp_path / "i").exists()


def test_an_equal_index_is_left_untouched(speech: tuple[Plan, Path], tmp_path: Path):
    plan, raw = speech
    write_index(tmp_path / "i", plan, plan.shards[0], [raw], made(0))
    before = (tmp_path / "i").stat()
    write_index(tmp_path / "i", plan, plan.shards[0], [raw], made(0))
    assert (tmp_path / "i").stat().st_mtime_ns == before.st_mtime_ns
    assert not temporary_path(tmp_path / "i").exists()


def test_row_groups_are_cut_by_rows_and_not_by_how_the_source_was_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(index_table, "ROWS_PER_GROUP", 10)
    table = pa.table({"text": [str(n) for n in range(35)]})
    plan = plan_for(table)
    digests = set()
    for group in (1, 7, 35):
        raw = write_table(tmp_path / f"raw-{group}", table, group)
        rows = made(*range(35), has_audio=False)
        digests.add(write_index(tmp_path / "i", plan, plan.shards[0], [raw], rows))
    assert len(digests) == 1
    assert rows_per_group(tmp_path / "i") == [10, 10, 10, 5]


def test_row_groups_are_bounded_by_what_their_rows_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(index_table, "BYTES_PER_GROUP", 100_000)
    image = {"bytes": b"x" * 30_000, "path": "a.png"}
    huge = {"bytes": b"x" * 500_000, "path": "b.png"}
    images = pa.array([image, image, image, image, huge, image, None], AUDIO_TYPE)
    plan = plan_for(pa.table({"image": images}))
    raw = write_table(tmp_path / "raw", pa.table({"image": images}))
    write_index(tmp_path / "i", plan, plan.shards[0], [raw], made(*range(7), has_audio=False))
    assert rows_per_group(tmp_path / "i") == [3, 1, 1, 2]
    assert pq.read_table(tmp_path / "i").column("image").to_pylist() == images.to_pylist()


def rows_per_group(path: Path) -> list[int]:
    metadata = pq.read_metadata(path)
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


@pytest.mark.parametrize("name", ["words", "labels", "media", "nested"])
def test_the_same_rows_give_the_same_bytes_whatever_batches_they_came_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(index_table, "BYTES_PER_GROUP", 3_000_000)
    numbers = range(3_000)
    columns = {
        "words": pa.array([f"{number} " * (number % 900) for number in numbers]),
        "labels": pa.array([str(number % 7) for number in numbers]).dictionary_encode(),
        "media": pa.array([{"bytes": bytes(number), "path": str(number)} for number in numbers]),
        "nested": pa.array(
            [[{"n": n, "t": ["x"] * (n % 5)} for n in range(k % 9)] for k in numbers]
        ),
    }
    table = pa.table({name: columns[name]})
    plan = plan_for(table)
    rows = made(*(row for row in numbers if row % 10), has_audio=False)
    digests = set()
    for group, batch_rows in ((3_000, 1_024), (3_000, 7), (100, 1_024), (1_111, 64)):
        monkeypatch.setattr(parquet_file, "BATCH_ROWS", batch_rows)
        raw = write_table(tmp_path / "raw", table, group)
        digests.add(write_index(tmp_path / "i", plan, plan.shards[0], [raw], rows))
    assert len(digests) == 1


def test_every_shard_has_the_same_types_whatever_its_file_has(tmp_path: Path):
    narrow = pa.table({"n": pa.array([1], pa.int8()), "s": pa.array([{"a": "x"}])})
    wide = pa.table(
        {
            "n": pa.array([2.5], pa.float32()),
            "s": pa.array([{"b": 5, "a": "y"}], pa.struct([("b", pa.int8()), ("a", pa.string())])),
        }
    )
    schema = pa.unify_schemas([narrow.schema, wide.schema], promote_options="permissive")
    plan = plan_for(schema.empty_table().select(["n", "s"]))
    tables = []
    for number, table in enumerate((narrow, wide)):
        raw = write_table(tmp_path / "raw", table)
        write_index(tmp_path / f"{number}", plan, shard_of(1), [raw], made(0, has_audio=False))
        tables.append(pq.read_table(tmp_path / f"{number}"))
    assert tables[0].schema == tables[1].schema
    assert tables[0].to_pylist() == [{"row": 0, "n": 1.0, "s": {"a": "x", "b": None}}]
    assert tables[1].to_pylist() == [{"row": 0, "n": 2.5, "s": {"a": "y", "b": 5}}]


def test_values_that_fit_no_common_type_are_an_error_that_names_the_column(tmp_path: Path):
    plan = plan_for(pa.table({"n": pa.array([], pa.timestamp("ns"))}))
    raw = write_table(tmp_path / "raw", pa.table({"n": pa.array([2**40], pa.timestamp("ms"))}))
    table = pa.table({"n": pa.array([2**60], pa.timestamp("ms"))})
    write_index(tmp_path / "i", plan, shard_of(1), [raw], made(0, has_audio=False))
    raw = write_table(tmp_path / "raw", table)
    with pytest.raises(ShardCorrupt, match="column 'n'"):
        write_index(tmp_path / "i", plan, shard_of(1), [raw], made(0, has_audio=False))


@pytest.mark.slow
def test_arrays_of_datasets_are_the_same_bytes_whether_datasets_is_there_or_not(tmp_path: Path):
    """Its extension types are known to Arrow only once it is imported."""
    program = """
import sys
from pathlib import Path
import pyarrow as pa
from hugflow.exports.index_table import write_index
from hugflow.ledger.journal import RowMade
from tests.shards.plans import plan_of, shard_of
if sys.argv[1] == "with":
    import datasets
feature = {"shape": [1, 2], "dtype": "float32", "_type": "Array2D"}
plan = plan_of(audio_column=None, text_column=None, columns=("x",), features={"x": feature})
made = {0: RowMade(0, "0", None, 1, None)}
print(write_index(Path(sys.argv[3]), plan, shard_of(1), [Path(sys.argv[2])], made))
assert ("datasets" in sys.modules) == (sys.argv[1] == "with")
"""
    raw = write_table(tmp_path / "raw", types_table({"x": typed_columns("features")["array2d"]}))
    raw = write_table(tmp_path / "raw", pq.read_table(raw).select(["x"]).slice(0, 1))
    digests = set()
    for name in ("with", "without"):
        child = subprocess.run(
            [sys.executable, "-c", program, name, str(raw), str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )
        assert child.returncode == 0, child.stderr
        digests.add(child.stdout)
    assert len(digests) == 1


def test_a_dataset_of_nothing_but_audio_has_an_index(tmp_path: Path):
    table = pa.table({"audio": pa.array([{"bytes": b"x", "path": "p"}] * 3, AUDIO_TYPE)})
    plan = plan_for(table, "audio")
    raw = write_table(tmp_path / "raw", table)
    write_index(tmp_path / "i", plan, plan.shards[0], [raw], made(0, 2))
    assert pq.read_table(tmp_path / "i").column("row").to_pylist() == [0, 2]


def test_colleagues_may_read_it(speech: tuple[Plan, Path], tmp_path: Path):
    plan, raw = speech
    write_index(tmp_path / "i", plan, plan.shards[0], [raw], made(0))
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "i").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
