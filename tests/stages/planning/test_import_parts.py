"""Which archives of a person are parts of one, and how they become one file."""

import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from hugflow.clients.imported import archive_ending
from hugflow.errors import UsageWrong
from hugflow.stages.planning.import_parts import group_parts
from hugflow.stages.planning.imports import import_archive
from hugflow.store.layout import Places
from tests.shards.layouts.tars import clip


def grouped(*paths: str) -> list[tuple[str, list[str]]]:
    found = group_parts([Path(path) for path in paths])
    return [(str(each.whole), [str(part) for part in each.parts]) for each in found]


def test_archives_are_grouped_by_their_names_and_keep_their_order():
    assert grouped("z.zip", "x/b.tar.part2", "a.tar.gz", "x/b.tar.part1") == [
        ("z.zip", ["z.zip"]),
        ("x/b.tar", ["x/b.tar.part1", "x/b.tar.part2"]),
        ("a.tar.gz", ["a.tar.gz"]),
    ]
    assert grouped("a.zip", "a.z01") == [("a.zip", ["a.z01", "a.zip"])]
    assert grouped("a.tar.gz.1") == [("a.tar.gz.1", ["a.tar.gz.1"])], "a second download"


@pytest.mark.parametrize(
    "paths", [["a.zip.001", "a.zip.003"], ["a.z01"], ["a.7z.001"], ["t.tar.aa"]]
)
def test_parts_that_are_missing_or_of_another_kind_are_refused(paths: list[str]):
    with pytest.raises(UsageWrong, match=r"missing|is an archive in|one part"):
        grouped(*paths)


def test_a_zip_that_was_written_in_parts_becomes_one_zip(places: Places, tmp_path: Path):
    clips = {f"{row}.wav": clip(row, 3.0) for row in range(3)}
    for name, data in clips.items():
        (tmp_path / name).write_bytes(data)
    subprocess.run(["zip", "-q", "-s", "64k", "a.zip", *clips], cwd=tmp_path, check=True)
    [given] = group_parts(sorted(tmp_path.glob("a.z*"), reverse=True))
    assert len(given.parts) > 2
    imported = import_archive(places, given.whole, given.parts)
    stored = places.archives / imported.sha256
    assert archive_ending(stored) == ".zip"
    with zipfile.ZipFile(io.BytesIO(stored.read_bytes())) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == clips
    with pytest.raises(UsageWrong, match="are not one zip"):
        import_archive(places, given.whole, given.parts[1:])
