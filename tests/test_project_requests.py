"""The request files of a project."""

from pathlib import Path

import pytest

from hugflow.project_requests import read_requests
from hugflow.requests.problems import RequestFileInvalid


def test_outside_of_a_project_there_are_no_requests():
    assert read_requests(None) == {}


def test_the_requests_of_a_project_are_the_files_below_its_folder(tmp_path: Path):
    (tmp_path / "requests" / "add").mkdir(parents=True)
    (tmp_path / "requests" / "add" / "speech.yaml").write_bytes(b"hf_id: acme/speech\n")
    (tmp_path / "speech.yaml").write_bytes(b"hf_id: acme/other\n")
    assert read_requests(tmp_path) == {"requests/add/speech.yaml": b"hf_id: acme/speech\n"}


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path):
    (tmp_path / "requests").write_bytes(b"")
    with pytest.raises(RequestFileInvalid, match="cannot be listed"):
        read_requests(tmp_path)
