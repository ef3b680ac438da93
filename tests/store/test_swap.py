"""Two names are exchanged in one step."""

from pathlib import Path

import pytest

from hugflow.store.swap import swap


def test_two_folders_exchange_their_names(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert swap(tmp_path / "a", tmp_path / "b")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["a"]


def test_a_folder_and_a_link_exchange_their_names_and_the_link_is_not_followed(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("/nowhere")
    assert swap(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").is_symlink()
    assert not (tmp_path / "b").is_symlink()


def test_a_name_that_is_missing_is_an_error_and_nothing_moves(tmp_path: Path):
    (tmp_path / "a").mkdir()
    with pytest.raises(FileNotFoundError):
        swap(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").is_dir()
