"""Which files of a work tree are requests."""

import os

import pytest

from hugflow.requests.collect import collect_requests
from hugflow.requests.folder import is_request_path, read_folder
from hugflow.requests.problems import RequestFileInvalid
from hugflow.requests.read import MAX_REQUEST_BYTES

SMALL_ADD = b"hf_id: org/data\ndescription: Speech\n"


@pytest.mark.parametrize(
    ("path", "is_request"),
    [
        ("requests/add/x.yaml", True),
        ("requests/add/x.yml", True),
        ("requests/add/X.YAML", True),
        ("requests/remove/2026/x.yaml", True),
        ("requests/x.yaml", True),
        ("requests/add/.x.yaml", False),
        ("requests/.git/x.yaml", False),
        ("requests/add/x.yaml.swp", False),
        ("requests/add/README.md", False),
        ("requests/add/yaml", False),
        ("requests/../x.yaml", False),
        ("other/requests/x.yaml", False),
        ("/requests/x.yaml", False),
        ("requests.yaml", False),
        ("", False),
    ],
)
def test_a_request_is_a_yaml_file_below_requests(path, is_request):
    assert is_request_path(path) is is_request


def test_a_work_tree_without_the_folder_has_no_requests(tmp_path):
    assert read_folder(tmp_path) == {}


def test_all_requests_of_a_work_tree_are_read(tmp_path):
    for name in ("requests/add/b.yaml", "requests/remove/2026/a.yml", "requests/.x/a.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(SMALL_ADD)
    assert list(read_folder(tmp_path)) == ["requests/add/b.yaml", "requests/remove/2026/a.yml"]


def test_hostile_files_in_the_folder_neither_stop_nor_lead_astray(tmp_path):
    folder = tmp_path / "requests" / "add"
    folder.mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.yaml").write_bytes(SMALL_ADD)
    (folder / "good.yaml").write_bytes(SMALL_ADD)
    (folder / "link.yaml").symlink_to(tmp_path / "outside" / "secret.yaml")
    (folder / "linked").symlink_to(tmp_path / "outside")
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe.yaml")
    with (folder / "large.yaml").open("wb") as file:
        file.truncate(2**40)
    files = read_folder(tmp_path)
    assert list(files) == [f"requests/add/{name}.yaml" for name in ("good", "large", "link")]
    assert len(files["requests/add/large.yaml"]) == MAX_REQUEST_BYTES + 1
    found = collect_requests(files)
    assert [file.path for file in found.adds] == ["requests/add/good.yaml"]
    assert len(found.problems) == 2


def test_a_folder_that_cannot_be_seen_is_not_an_empty_one(tmp_path):
    (tmp_path / "requests").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RequestFileInvalid, match="cannot be listed"):
        read_folder(tmp_path)
