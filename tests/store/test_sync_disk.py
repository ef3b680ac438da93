"""Many files are brought to the disk by one call."""

import platform
from pathlib import Path

import pytest

from hugflow.store.sync_disk import sync_disk


def test_a_folders_file_system_is_synced_or_it_says_that_it_cannot(tmp_path: Path):
    (tmp_path / "a").write_text("a")
    assert sync_disk(tmp_path) is (platform.system() == "Linux")


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        sync_disk(tmp_path / "missing")
