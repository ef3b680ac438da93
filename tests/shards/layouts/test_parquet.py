"""Parquet files: what is read of them by ranges, and all rows of one that is fetched."""

import io
import os
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugflow.clients.hub import TAIL_BYTES, Hub
from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.errors import ShardCorrupt, ShardUnreadable
from hugflow.shards.layouts import parquet_file
from hugflow.shards.layouts.batch_size import BATCH_ROWS
from hugflow.shards.layouts.layout import RepositoryAt
from hugflow.shards.layouts.parquet import look, read_names, read_rows
from hugflow.testing.faults import Flip, Match
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from tests.shards.plans import lying_parquet, shard_of, write_table


@settings(max_examples=30)
@given(rows=st.integers(0, 60), group=st.integers(1, 25), first=st.integers(0, 1000))
def test_rows_are_numbered_through_whatever_the_row_groups(
    tmp_path_factory: pytest.TempPathFactory, rows: int, group: int, first: int
):
    path = tmp_path_factory.getbasetemp() / "rows.parquet"
    write_table(path, pa.table({"n": pa.array(range(rows), pa.int64())}), group)
    read = [
        (row, value)
        for numbers, batch in read_rows([path], shard_of(rows, first))
        for row, value in zip(numbers, batch.column("n").to_pylist(), strict=True)
    ]
    assert read == [(first + n, n) for n in range(rows)]


def test_a_batch_has_a_bounded_number_of_rows(tmp_path: Path):
    path = write_table(tmp_path / "a", pa.table({"n": range(3000)}))
    sizes = [batch.num_rows for _, batch in read_rows([path], shard_of(3000))]
    assert max(sizes) <= BATCH_ROWS
    assert sum(sizes) == 3000


def test_a_batch_of_large_rows_has_few_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parquet_file, "BATCH_BYTES", 10_000)
    clips = pa.table({"audio": [bytes([row]) * 4000 for row in range(20)]})
    path = tmp_path / "a"
    pq.write_table(clips, path, compression="none", use_dictionary=False)
    assert max(batch.num_rows for _, batch in read_rows([path], shard_of(20))) <= 3


def test_row_groups_that_nobody_wants_are_not_read(tmp_path: Path):
    path = write_table(tmp_path / "a", pa.table({"n": range(100)}), 10)
    asked: list[range] = []

    def is_wanted(rows: range) -> bool:
        asked.append(rows)
        return 1042 in rows

    found = [numbers for numbers, _ in read_rows([path], shard_of(100, 1000), is_wanted=is_wanted)]
    assert found == [range(1040, 1050)]
    assert asked == [range(first, first + 10) for first in range(1000, 1100, 10)]


def test_damage_in_a_row_group_that_nobody_wants_is_never_met(tmp_path: Path):
    path = write_table(tmp_path / "a", pa.table({"n": range(100)}), 50)
    data = bytearray(path.read_bytes())
    start = pq.read_metadata(path).row_group(1).column(0).dictionary_page_offset
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)
    first_half = list(read_rows([path], shard_of(100), is_wanted=lambda rows: 0 in rows))
    assert sum(batch.num_rows for _, batch in first_half) == 50
    with pytest.raises(ShardCorrupt):
        list(read_rows([path], shard_of(100)))


def test_only_the_columns_asked_for_are_read_and_none_still_counts_the_rows(tmp_path: Path):
    path = write_table(tmp_path / "a", pa.table({"a": range(5), "b": range(5)}))
    [(_, batch)] = read_rows([path], shard_of(5), columns=["b"])
    assert batch.schema.names == ["b"]
    [(rows, batch)] = read_rows([path], shard_of(5), columns=[])
    assert (rows, batch.num_rows) == (range(5), 5)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet file at all", b"PAR1" * 100])
def test_what_is_no_parquet_file_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ShardCorrupt, match=r"data/a\.parquet"):
        list(read_rows([tmp_path / "a"], shard_of(3)))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(ShardCorrupt):
        list(read_rows([tmp_path / "none"], shard_of(3)))


@pytest.mark.parametrize("planned", [2, 4])
def test_another_number_of_rows_than_planned_is_refused_before_one_is_given(
    tmp_path: Path, planned: int
):
    path = write_table(tmp_path / "a", pa.table({"n": range(3)}))
    with pytest.raises(ShardCorrupt, match="3 rows"):
        next(read_rows([path], shard_of(planned)))


def test_a_file_whose_row_groups_hold_other_rows_than_it_says_is_refused(tmp_path: Path):
    content = lying_parquet(
        7, lambda metadata: metadata.num_rows == 6 and metadata.row_group(0).num_rows == 7
    )
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ShardCorrupt, match="6 rows, 7 in its row groups"):
        list(read_rows([tmp_path / "a"], shard_of(6)))


def test_a_cut_file_is_refused(tmp_path: Path):
    whole = io.BytesIO()
    pq.write_table(pa.table({"n": range(1000)}), whole)
    (tmp_path / "a").write_bytes(whole.getvalue()[:-50])
    with pytest.raises(ShardCorrupt):
        list(read_rows([tmp_path / "a"], shard_of(1000)))


def test_a_column_chunk_broken_in_its_middle_is_refused(tmp_path: Path):
    path = tmp_path / "a"
    clips = pa.table({"audio": [bytes([row]) * 4000 for row in range(50)], "n": range(50)})
    pq.write_table(clips, path, use_dictionary=False, compression="snappy", data_page_size=1000)
    chunk = pq.read_metadata(path).row_group(0).column(0)
    data = bytearray(path.read_bytes())
    middle = chunk.data_page_offset + chunk.total_compressed_size // 2
    data[middle : middle + 40] = b"\xff" * 40
    path.write_bytes(data)
    with pytest.raises(ShardUnreadable):
        list(read_rows([path], shard_of(50)))
    assert len(list(read_rows([path], shard_of(50), columns=["n"]))) == 1


def test_a_file_whose_bytes_are_the_hubs_and_cannot_be_read_is_nothing_to_wait_for(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"PAR1")
    with pytest.raises(ShardUnreadable, match="gives the same") as unreadable:
        list(read_rows([tmp_path / "a"], shard_of(3)))
    assert unreadable.value.exit_code == 1
    assert isinstance(unreadable.value, ShardCorrupt)


def test_a_codec_that_is_not_there_is_a_bad_shard_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object, **__: object) -> None:
        raise pa.ArrowNotImplementedError("Support for codec 'lzo' not built")

    path = write_table(tmp_path / "a", pa.table({"n": range(3)}))
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", refuse)
    with pytest.raises(ShardCorrupt, match="lzo"):
        list(read_rows([path], shard_of(3)))


TABLE = pa.table({"audio": [b"x" * 200_000], "audio_filename": ["a"], "text": ["t"]})


def publish(
    hub: LoopbackHub, hf_id: str, content: bytes
) -> tuple[RepositoryAt, tuple[PublishedFile, ...]]:
    """A shard of one file, as `look` and `read_names` take it."""
    repo, commit = RepoId.dataset(hf_id), hub.publish(hf_id, {"a.parquet": content})
    [file] = Hub().fetch_files(repo, commit, ["a.parquet"])
    hub.clear_requests()
    return RepositoryAt(Hub(), repo, commit), (file,)


def test_a_footer_takes_one_request_whatever_the_size_of_the_file(hub: LoopbackHub):
    content = write_parquet(TABLE)
    shard = publish(hub, "footers/one", content)
    footer = look(*shard)
    assert (footer.rows, footer.schema.names) == (1, TABLE.column_names)
    sent = [request.body_bytes for request in hub.requests if request.port == "storage"]
    assert sent == [min(TAIL_BYTES, len(content))]


def test_names_are_read_without_the_audio_beside_them(hub: LoopbackHub):
    clips = [random.Random(row).randbytes(50_000) for row in range(9)]  # noqa: S311  # no secret
    wide = pa.table({"audio": clips, "audio_filename": ["a"] * 9})
    content = write_parquet(wide, row_group_rows=3)
    shard = publish(hub, "footers/names", content)
    names = read_names(*shard)
    assert names.to_pylist() == ["a"] * 9
    sent = sum(request.body_bytes for request in hub.requests if request.port == "storage")
    assert sent < 2 * TAIL_BYTES < len(content)


@pytest.mark.parametrize("at", [-1, -5, -30])
def test_a_footer_damaged_on_its_way_is_read_once_more(hub: LoopbackHub, at: int):
    shard = publish(hub, f"footers/flipped{at}", write_parquet(TABLE))
    hub.inject(Flip(at), when=Match(port="storage"))
    assert look(*shard).rows == 1


def test_a_file_that_is_published_broken_is_told_apart_from_one_that_arrives_so(hub: LoopbackHub):
    shard = publish(hub, "footers/broken", b"PAR1" + b"\xff" * 100 + b"PAR1")
    with pytest.raises(
        ShardUnreadable, match=rf"footers/broken@{shard[0].commit}:a\.parquet"
    ) as broken:
        look(*shard)
    assert broken.value.exit_code == 1
    assert ShardCorrupt.exit_code == 7
    assert len([request for request in hub.requests if request.port == "storage"]) == 2


def test_a_recording_of_hours_is_in_memory_once_while_it_is_worked_on(tmp_path: Path):
    recording, path = os.urandom(12 << 20), tmp_path / "night.parquet"
    pq.write_table(pa.table({"audio": [recording], "text": ["a night"]}), path)
    before = pa.total_allocated_bytes()
    [held] = [pa.total_allocated_bytes() - before for _ in read_rows([path], shard_of(1))]
    assert held < 1.2 * len(recording)
