"""Damaged archives and tables: a clear error of their own, whatever the library raises."""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hugflow.clients.repository import PublishedFile
from hugflow.errors import ShardUnreadable
from hugflow.shards.layouts.archives import walk
from hugflow.shards.layouts.left_out import LeftOut
from hugflow.shards.layouts.loose import fetch_table, fetch_text
from hugflow.shards.layouts.tables import TableUnreadable, read_table
from hugflow.shards.layouts.tar_members import ArchiveDamaged
from hugflow.shards.value_types import parse_json


def write_zip(folder: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    path = folder / "clips.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a.wav", b"sound" * 1_000)
    return path


def read_all(path: Path) -> list[bytes]:
    return [read() for _, read in walk([path], path.name, LeftOut())]


def test_a_zip_whose_bytes_were_changed_is_damage(tmp_path: Path):
    path = write_zip(tmp_path, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    start = data.index(b"a.wav") + len(b"a.wav") + 12
    data[start : start + 18] = b"\xff" * 18
    path.write_bytes(data)
    with pytest.raises(ArchiveDamaged, match=r"a\.wav"):
        read_all(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_member_whose_method_unpacks_without_bound_is_left_out_and_counted(
    tmp_path: Path, compression: int
):
    path, left_out = write_zip(tmp_path, compression), LeftOut()
    assert list(walk([path], path.name, left_out)) == []
    assert "a method other than deflate" in " ".join(left_out.words())


def test_a_zip_of_a_version_that_nobody_knows_is_damage(tmp_path: Path):
    path = write_zip(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 6] = 99
    path.write_bytes(data)
    with pytest.raises(ArchiveDamaged, match="version"):
        read_all(path)


def test_a_packed_table_whose_bytes_were_changed_cannot_be_unpacked(tmp_path: Path):
    data = bytearray(gzip.compress(b"path,text\n" + bytes(range(97, 120)) * 5_000))
    data[30:60] = b"\xff" * 30
    path = tmp_path / "train.csv.gz"
    path.write_bytes(data)
    with pytest.raises(TableUnreadable, match="unpacked"):
        read_table(path, path.name)


def test_half_of_a_character_in_json_is_replaced_and_the_rows_are_read(tmp_path: Path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"text": "a\\ud800b", "whole": "\\ud83d\\ude00"}\n')
    assert read_table(path, path.name).to_pylist() == [{"text": "a\ufffdb", "whole": "😀"}]
    assert parse_json('{"\\udc00": ["\\udc00", 1]}') == {"\ufffd": ["\ufffd", 1]}


@pytest.mark.parametrize(
    ("fetch", "name", "size_bytes", "what"),
    [
        (fetch_text, "a.srt", (1 << 20) + 1, "1,048,576"),
        (fetch_table, "train.csv", (1 << 30) + 1, "1,073,741,824"),
        (fetch_table, "train.jsonl.gz", (1 << 30) + 1, "1,073,741,824"),
    ],
)
def test_a_text_that_is_listed_as_too_large_is_not_fetched(
    fetch: Callable[[Any, PublishedFile], object], name: str, size_bytes: int, what: str
):
    at = SimpleNamespace(hub=None, repo="a/b", commit="0" * 40)
    with pytest.raises(ShardUnreadable) as refused:
        fetch(at, PublishedFile(name, size_bytes, None, "0" * 40))
    assert refused.value.why == f"it is larger than {what} bytes"
