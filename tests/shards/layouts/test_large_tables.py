"""Tables are read line by line, and what is wrong is found wherever it is."""

import gzip
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.clients.repository import PublishedFile
from hugflow.requests.sources import TableForm
from hugflow.shards.layouts import tables
from hugflow.shards.layouts.table_file import TableFile
from hugflow.shards.layouts.tables import TableUnreadable, read_table
from hugflow.store.digest import file_sha256

ROWS = [{"path": f"c{n}.wav", "text": f"word {n}", "n": n} for n in range(7)]


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def published(path: Path) -> PublishedFile:
    """The file as the Hub lists it."""
    return PublishedFile(path.name, path.stat().st_size, file_sha256(path), "0" * 40)


TSV = "path\ttext\tn\n" + "".join("\t".join(map(str, row.values())) + "\n" for row in ROWS)
JSONL = "".join(f'{{"path": "{r["path"]}", "text": "{r["text"]}", "n": {r["n"]}}}\n' for r in ROWS)


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz", "a.jsonl", "a.jsonl.gz"])
def test_rows_of_several_parts_come_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(tables, "_ROWS_AT_ONCE", 3)
    text = TSV if ".tsv" in name else JSONL
    read = read_table(write(tmp_path, name, b"\xef\xbb\xbf" + text.encode()), name)
    assert [str(value) for value in read.column("n").to_pylist()] == [str(r["n"]) for r in ROWS]
    assert read.column_names == ["path", "text", "n"]


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("a.tsv", TSV.encode() + b"only one\n", "line 9 has 1 fields"),
        ("a.tsv", TSV.encode() + b"c\t\xff\t1\n", "line 9 is not UTF-8"),
        ("a.jsonl", JSONL.encode() + b"\xff\n", "line 8 is not UTF-8"),
        ("a.jsonl", JSONL.encode() + b"{]\n", "line 8 is not JSON"),
        ("a.jsonl", JSONL.encode() + b"\n7\n", "row 8 is no object"),
        ("a.jsonl", b"\n", "none of its rows"),
        ("a.tsv", b"", "it is empty"),
    ],
)
def test_a_fault_in_a_later_part_is_named_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, problem: str
):
    monkeypatch.setattr(tables, "_ROWS_AT_ONCE", 3)
    with pytest.raises(TableUnreadable, match=problem):
        read_table(write(tmp_path, name, data), name)


def test_a_column_that_comes_late_is_null_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tables, "_ROWS_AT_ONCE", 3)
    read = read_table(write(tmp_path, "a.jsonl", JSONL.encode() + b'{"late": 1.5}\n'), "a.jsonl")
    assert read.column("late").to_pylist() == [None] * 7 + [1.5]
    assert read.column("path").to_pylist()[-1] is None


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_a_table_that_is_larger_than_the_limit_is_refused_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    path = write(tmp_path, name, TSV.encode() * 100)
    monkeypatch.setattr(tables, "_MOST_TABLE_BYTES", 5_000)
    with pytest.raises(TableUnreadable, match="larger than 5,000 bytes"):
        read_table(path, name)


def test_reading_a_table_holds_few_of_its_lines_as_python_values(tmp_path: Path):
    lines = (f"clips/{n:012}.wav\ttext {n:012}\tspeaker {n:012}\n" for n in range(40_000))
    path = write(tmp_path, "a.tsv", ("path\ttext\tspeaker\n" + "".join(lines)).encode())
    read_table(path, "a.tsv")
    tracemalloc.start()
    try:
        assert len(read_table(path, "a.tsv")) == 40_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # All of them take 17 MB, 10,000 of them 8 MB.
    assert peak < 12_000_000


@pytest.mark.parametrize(("first", "count"), [(0, 7), (2, 3), (3, 3), (5, 2), (6, 4), (0, 0)])
def test_some_rows_of_parquet_are_those_of_the_whole_table(tmp_path: Path, first: int, count: int):
    path, whole = tmp_path / "a.parquet", pa.Table.from_pylist(ROWS)
    pq.write_table(whole, path, row_group_size=3)
    opened = TableFile.open(published(path), path)
    assert (opened.rows, opened.schema.names) == (7, whole.column_names)
    assert opened.slice(first, count).to_pylist() == whole.slice(first, count).to_pylist()
    assert opened.read(["n", "path"]).to_pylist() == whole.select(["n", "path"]).to_pylist()
    form = TableForm(columns=(("name", "path"), ("again", "path")))
    renamed = TableFile.open(published(path), path, form=form)
    assert renamed.slice(first, count).to_pylist() == [
        {"name": row["path"], "again": row["path"]} for row in ROWS[first : first + count]
    ]


def test_of_parquet_only_the_columns_that_are_asked_for_are_in_memory(tmp_path: Path):
    count = 20_000
    paths = pa.array([f"c{n}.wav" for n in range(count)])
    long = pa.array(["word " * 200] * count)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"path": paths, "text": long}), path, row_group_size=1_000)
    before = pa.total_allocated_bytes()
    read = TableFile.open(published(path), path).read(["path"])
    assert len(read) == count
    # The texts are 20 MB as Arrow, 1 MB in each row group.
    assert pa.total_allocated_bytes() - before < 2_000_000
    del read
    held = []
    for part in TableFile.open(published(path), path).parts(["text"]):
        held.append(pa.total_allocated_bytes() - before)
        del part
    assert len(held) == count // 1_000
    assert max(held) < 8_000_000
