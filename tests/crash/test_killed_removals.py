"""Killing `hugflow remove` and `hugflow undo` at the k-th call: the next call completes it."""

import shutil
from pathlib import Path

import pytest

from hugflow.store.trash import latest_entry
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.crash.disk import ALTERING, failing, read_calls
from tests.projects import Project, make_project
from tests.trees import read_tree

HF_ID = "crash/removed"
NAME = "crash__removed__split_train__rev_main"
REQUEST = "requests/add/request.yaml"
# More than any of the two makes.
CALLS = 90
Tree = dict[str, bytes]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def kept_stored() -> dict[str, Project]:
    """Projects that were made once: with a dataset that stands, and with one in the trash."""
    return {}


@pytest.fixture
def stored(
    hub: LoopbackHub,
    kept_stored: dict[str, Project],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Project:
    """A dataset beside things that are not its own, with links that lead to them."""
    if not kept_stored:
        publish_speech(hub, HF_ID, rows=6, shards=2, seconds=0.1)
        project = make_project(hub, tmp_path_factory.mktemp("stored") / "project")
        project.request(HF_ID)
        assert project.run("local-sync", REQUEST).returncode == 0
        kept_stored["made"] = project
    made = kept_stored["made"]
    project = Project(tmp_path / "project", made.environment)
    shutil.copytree(made.root, project.root, symlinks=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("of somebody else")
    folder = project.dataset(NAME)
    for name in ("audio/elsewhere", "json/elsewhere", "elsewhere"):
        (folder.root / name).symlink_to(outside)
    (folder.audio / "precious.mp3").symlink_to(outside / "precious")
    (project.places.storage_root / "neighbour").mkdir()
    (project.places.storage_root / "neighbour" / "theirs").write_text("x")
    link = project.places.link(NAME)
    link.unlink()
    link.symlink_to(folder.root)
    return project


def sampled() -> list[object]:
    """Every call in the soak, one in forty always."""
    return [
        pytest.param(at, marks=() if at % 40 == 20 else pytest.mark.soak)
        for at in range(1, CALLS + 1)
    ]


@pytest.mark.parametrize("at", sampled())
def test_a_removal_killed_at_any_call_is_completed_by_the_next_and_can_be_undone(
    stored: Project, shim: Path, at: int
):
    before, around = read_all(stored.dataset(NAME).root), read_around(stored)
    killed = stored.run("remove", REQUEST, "--yes", **failing(shim, stored.root, at=at))
    assert killed.returncode in {-9, 0}
    if killed.returncode == 0 and at < 20:
        raise AssertionError("there are fewer calls than it takes")
    again = stored.run("remove", REQUEST, "--yes")
    assert again.returncode == 0, again.stderr
    assert not stored.dataset(NAME).root.exists()
    assert not stored.places.link(NAME).is_symlink()
    assert read_around(stored) == around
    back = stored.run("undo", NAME)
    assert back.returncode == 0, back.stderr
    assert read_all(stored.dataset(NAME).root) == before
    assert stored.places.link(NAME).resolve() == stored.dataset(NAME).root
    assert read_around(stored) == around


@pytest.mark.parametrize("at", sampled())
def test_an_undo_killed_at_any_call_is_completed_by_the_next(stored: Project, shim: Path, at: int):
    before, around = read_all(stored.dataset(NAME).root), read_around(stored)
    assert stored.run("remove", REQUEST, "--yes").returncode == 0
    killed = stored.run("undo", NAME, **failing(shim, stored.root, at=at))
    assert killed.returncode in {-9, 0}
    again = stored.run("undo", NAME)
    # Where it had come to its end but for what is deleted after it, there is nothing to do.
    assert again.returncode == 0 or "nothing to restore" in again.stderr, again.stderr
    assert "warning" not in again.stderr
    assert read_all(stored.dataset(NAME).root) == before
    assert stored.places.link(NAME).resolve() == stored.dataset(NAME).root
    assert read_around(stored) == around
    assert latest_entry(stored.places, NAME) is None


def test_the_calls_of_both_are_fewer_than_those_that_are_killed_at(stored: Project, shim: Path):
    log = stored.root.with_name("calls")
    watched = failing(shim, stored.root, kinds=ALTERING, log=log)
    for command in (("remove", REQUEST, "--yes"), ("undo", NAME)):
        assert stored.run(*command, **watched).returncode == 0
        assert 20 < len(read_calls(log)) <= CALLS
        log.unlink()


def read_all(root: Path) -> dict[str, str]:
    """What a tree holds, links by where they lead."""
    return {
        path.relative_to(root).as_posix(): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes().hex()
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def read_around(project: Project) -> tuple[Tree, Tree]:
    """What lies outside, and beside the dataset."""
    neighbour = project.places.storage_root / "neighbour"
    return read_tree(project.root.with_name("outside")), read_tree(neighbour)
