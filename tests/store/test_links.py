"""The link that publishes a dataset."""

import errno
import os
from pathlib import Path

import pytest

from hugflow.errors import DiskFull, HugflowError
from hugflow.store.links import is_linked, link


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A dataset's tree."""
    folder = tmp_path / "datasets" / "name"
    folder.mkdir(parents=True)
    return folder


def test_a_link_is_made_with_its_folder_and_only_once(tmp_path: Path, target: Path):
    path = tmp_path / "processed" / "name"
    assert link(path, target)
    assert path.readlink() == target
    assert is_linked(path, target)
    assert not link(path, target)


def test_an_older_link_is_replaced_in_one_step(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
):
    path, old = tmp_path / "name", tmp_path / "old"
    old.mkdir()
    link(path, old)
    rename = Path.rename

    def check_and_rename(self: Path, to: Path) -> Path:
        assert path.readlink() == old, "until the very last step the old link stands"
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", check_and_rename)
    assert link(path, target)
    assert path.readlink() == target
    assert old.is_dir()


def test_a_link_that_points_nowhere_is_replaced_and_is_not_a_published_dataset(
    tmp_path: Path, target: Path
):
    path = tmp_path / "name"
    path.symlink_to(tmp_path / "gone")
    assert not is_linked(path, tmp_path / "gone")
    assert link(path, target)


@pytest.mark.parametrize("kind", ["file", "folder", "empty folder"])
def test_something_that_is_no_link_is_never_replaced(tmp_path: Path, target: Path, kind: str):
    path = tmp_path / "name"
    if kind == "file":
        path.write_text("mine")
    else:
        path.mkdir()
    if kind == "folder":
        (path / "mine").write_text("mine")
    with pytest.raises(HugflowError, match="not a link"):
        link(path, target)
    assert not path.is_symlink()
    assert path.exists()


def test_what_a_killed_run_left_behind_does_not_stand_in_the_way(tmp_path: Path, target: Path):
    (tmp_path / ".name.tmp").symlink_to(tmp_path / "elsewhere")
    assert link(tmp_path / "name", target)
    assert not (tmp_path / ".name.tmp").is_symlink()


def test_a_folder_for_links_that_cannot_be_made_is_named_with_its_setting(
    tmp_path: Path, target: Path
):
    (tmp_path / "processed").write_text("a file where the folder should be")
    with pytest.raises(HugflowError, match="PROCESSED_ROOT"):
        link(tmp_path / "processed" / "name", target)


def test_a_full_disk_is_told_as_one(tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "symlink_to", fail)
    with pytest.raises(DiskFull):
        link(tmp_path / "name", target)
