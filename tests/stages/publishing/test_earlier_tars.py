"""Which tars an index in a folder lists, and which of them go."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from hugflow.stages.publishing.earlier_tars import (
    EarlierTar,
    delete_earlier_tars,
    read_earlier_tars,
)


def shard(url: str, content: bytes = b"tar") -> dict[str, Any]:
    """An entry of the index."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return {"url": url, "filesize": len(content), "md5sum": md5}


def write_index(out: Path, *shards: Any) -> None:
    """An index in `out`."""
    (out / "tars").mkdir(exist_ok=True)
    (out / "tars" / "index.json").write_text(json.dumps({"shardlist": shards}))


def test_only_tars_of_the_dataset_in_the_folder_itself_are_listed(tmp_path: Path):
    others = ["b-000000.tar", "../a-000000.tar", "x/a-000000.tar", "a-1.tar", "a-000000.tar.idx"]
    write_index(tmp_path, *map(shard, others), shard("a-000001.tar"), "x", {"url": "a-000002.tar"})
    assert [tar.path for tar in read_earlier_tars(tmp_path, "a")] == [
        tmp_path / "tars" / "a-000001.tar"
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"shardlist": 3}', "\xff", "null"])
def test_an_index_of_something_else_lists_none(tmp_path: Path, text: str):
    (tmp_path / "tars").mkdir()
    (tmp_path / "tars" / "index.json").write_bytes(text.encode("latin-1"))
    assert read_earlier_tars(tmp_path, "a") == []


def test_none_are_listed_without_an_index_and_in_a_linked_folder(tmp_path: Path):
    assert read_earlier_tars(tmp_path / "nowhere", "a") == []
    write_index(tmp_path, shard("a-000000.tar"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tars").symlink_to(tmp_path / "tars")
    assert read_earlier_tars(tmp_path / "out", "a") == []


def test_only_an_unchanged_tar_that_was_not_written_again_goes_with_its_index(tmp_path: Path):
    contents = {"again": b"tar", "gone": b"tar", "longer": b"tarr", "other": b"rat"}
    for name, content in contents.items():
        (tmp_path / f"{name}.tar").write_bytes(content)
        (tmp_path / f"{name}.tar.idx").write_bytes(b"idx")
    (tmp_path / "link.tar").symlink_to(tmp_path / "again.tar")
    md5 = str(shard("")["md5sum"])
    names = [*contents, "link", "missing"]
    earlier = [EarlierTar(tmp_path / f"{name}.tar", 3, md5) for name in names]
    delete_earlier_tars(earlier, [tmp_path / "again.tar"])
    kept = [f"{name}.tar{end}" for name in ("again", "longer", "other") for end in ("", ".idx")]
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "link.tar"}
