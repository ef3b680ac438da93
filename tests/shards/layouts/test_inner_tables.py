"""Tables in archives are read with a bound: of one, of all together, and of what is unpacked."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid
from hugflow.requests.sources import TableForm
from hugflow.shards.layouts import archive_plans, inner_tables
from hugflow.shards.layouts.inner_tables import peek_inner_tables, read_inner_tables
from hugflow.shards.layouts.published_archives import PublishedArchive
from hugflow.shards.layouts.tables import TableUnreadable
from tests.shards.layouts.tars import make_tar

PATTERN = [r"(?:.*/)?metadata\.csv"]
SMALL = b"path,text\na.wav,hello\n"
LARGE = b"path,text\n" + b"a.wav,hello\n" * 9_000


class At:
    """A repository of one archive, which counts what is asked for."""

    repo, commit = "a/b", "0" * 40

    def __init__(self, data: bytes, *, is_local: bool = False) -> None:
        self.data, self.is_local, self.hub = data, is_local, self

    def open_file(self, *_: Any) -> io.BytesIO:
        return io.BytesIO(self.data)

    def peek(self, name: str) -> list[str]:
        file = PublishedFile(name, len(self.data), None, "0" * 40)
        at: Any = self
        archive = PublishedArchive(name, (file,))
        return peek_inner_tables(at, archive, PATTERN, TableForm()).names


def zipped(*tables: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for at, table in enumerate(tables):
            archive.writestr(f"{at}/metadata.csv", table)
    return out.getvalue()


def packed(*tables: bytes) -> dict[str, bytes]:
    """The same tables in each kind of archive."""
    tar = make_tar([(f"{at}/metadata.csv", table) for at, table in enumerate(tables)])
    return {"a.tar": tar, "a.tar.gz": gzip.compress(tar, mtime=0), "a.zip": zipped(*tables)}


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inner_tables, "_LOOKED_AT_BYTES", 50_000)


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_a_table_too_large_to_be_planned_is_refused_with_its_size(name: str):
    with pytest.raises(RequestInvalid, match="is not found") as refused:
        At(packed(LARGE)[name]).peek(name)
    assert f"{len(LARGE):,} bytes" in refused.value.why
    assert "columns" in refused.value.mend


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_tables_are_read_while_all_together_have_room(name: str, monkeypatch: pytest.MonkeyPatch):
    joined: list[int] = []
    join = inner_tables._join

    def count(found: Any, form: TableForm) -> Any:
        joined.append(sum(map(len, found.values())))
        return join(found, form)

    monkeypatch.setattr(inner_tables, "_join", count)
    third = b"path,text\n" + b"a.wav,hello\n" * 1_500
    assert At(packed(*[third] * 4)[name]).peek(name) == ["path", "text"]
    assert len(third) * 2 <= joined[0] <= 50_000


def test_an_archive_that_is_here_has_room_for_tables_as_large_as_itself():
    tar = make_tar([("metadata.csv", LARGE), ("a.wav", bytes(200_000))])
    assert At(tar, is_local=True).peek("a.tar") == ["path", "text"]


def test_a_packed_archive_is_not_unpacked_beyond_its_growth(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hugflow.shards.layouts.archives._FREE_BYTES", 100_000)
    members = [("a.wav", bytes(400_000)), ("metadata.csv", SMALL)]
    data = gzip.compress(make_tar(members))
    for is_local in (False, True):
        with pytest.raises(RequestInvalid, match="is not found"):
            At(data, is_local=is_local).peek("a.tar.gz")
    assert At(gzip.compress(make_tar(members[::-1]))).peek("a.tar.gz") == ["path", "text"]


def test_a_zip_entry_is_unpacked_no_further_than_its_directory_says():
    data = bytearray(zipped(LARGE))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = len(SMALL).to_bytes(4, "little")
    with pytest.raises(RequestInvalid, match="is not found"):
        At(bytes(data)).peek("a.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_table_whose_method_unpacks_without_bound_is_not_read(method: int):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("metadata.csv", SMALL)
    with pytest.raises(RequestInvalid, match="a method other than deflate"):
        At(file.getvalue()).peek("a.zip")


def test_the_tables_of_a_fetched_archive_have_a_bound_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(inner_tables, "MOST_MEMBER_BYTES", 3 * len(SMALL))
    detail = {"inside": {"table": PATTERN}}
    path = tmp_path / "a.tar"
    tables = [(f"{at}/metadata.csv", SMALL) for at in range(4)]
    path.write_bytes(make_tar(tables))
    with pytest.raises(TableUnreadable, match="its tables have more than"):
        read_inner_tables([path], "a.tar", detail)
    path.write_bytes(make_tar(tables[:3]))
    assert len(read_inner_tables([path], "a.tar", detail)) == 3


def test_a_link_with_the_name_of_a_table_is_none():
    info = tarfile.TarInfo("metadata.csv")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/hostname"
    with pytest.raises(RequestInvalid, match="is not found"):
        At(make_tar([(info, b"")])).peek("a.tar")


def test_members_of_a_packed_archive_are_looked_at_within_its_growth(
    monkeypatch: pytest.MonkeyPatch,
):
    data = gzip.compress(make_tar([("a.wav", b"1"), ("b.wav", bytes(600_000)), ("c.wav", b"3")]))
    at: Any = At(data)
    file = PublishedArchive("a.tar.gz", (PublishedFile("a.tar.gz", len(data), None, "0" * 40),))
    assert archive_plans._peek(at, file) == ["a.wav", "b.wav", "c.wav"]
    monkeypatch.setattr("hugflow.shards.layouts.archives._FREE_BYTES", 0)
    monkeypatch.setattr(archive_plans, "_PEEKED_BYTES", 5_000)
    assert archive_plans._peek(at, file) == ["a.wav"]
