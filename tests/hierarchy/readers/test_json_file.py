"""JSON files that no JSON reader takes: one clear error, before anything is stored."""

import zipfile
from pathlib import Path

import pytest

from hugflow.hierarchy.pulling.places_read import open_files
from hugflow.hierarchy.readers.cells import WorkbookInvalid
from hugflow.hierarchy.readers.json_file import check_json, read_json_workbook


def test_a_number_of_thousands_of_digits_is_refused():
    with pytest.raises(WorkbookInvalid, match="digits"):
        check_json(b'{"a": ' + b"9" * 5_000 + b"}", "x.json")


def test_half_of_a_character_in_a_workbook_is_refused():
    with pytest.raises(WorkbookInvalid, match="half of a character"):
        read_json_workbook(b'{"sheets": {"people": [{"name": "\\ud800"}]}}', "x.json")


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_member_of_a_source_archive_whose_bytes_were_changed_is_refused(
    tmp_path: Path, compression: int
):
    archive = tmp_path / "source.zip"
    with zipfile.ZipFile(archive, "w", compression) as packed:
        packed.writestr("a.json", b'{"a": 1}' * 500)
    data = bytearray(archive.read_bytes())
    start = data.index(b"a.json") + len(b"a.json") + 10
    data[start : start + 20] = b"\xff" * 20
    archive.write_bytes(data)
    with pytest.raises(WorkbookInvalid), open_files(tmp_path, None, archive.name) as files:
        files.read("a.json")
