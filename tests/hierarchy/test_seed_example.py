"""The seed's grandparent, parent and child: the same lists and dicts, however they are reached."""

from pathlib import Path

import pytest

from hugflow.hierarchy import compose, lock_project
from tests.hierarchy.worlds import (
    CHILD,
    GRANDPARENT,
    PARENT,
    Server,
    assert_is_the_seeds,
    at,
    commit_all,
    git,
    tar_folder,
    write_repository,
    zip_folder,
)


@pytest.mark.parametrize("name", ["hugflow.yaml", "hugflow.json", "config.json"])
def test_as_local_folders(tmp_path: Path, name: str):
    write_repository(tmp_path / "grandparent", GRANDPARENT, name=name)
    write_repository(tmp_path / "parent", at(PARENT, grandparent1="../grandparent"), name=name)
    child = write_repository(tmp_path / "child", at(CHILD, parent1="../parent"), name=name)
    before = sorted(child.rglob("*"))
    assert_is_the_seeds(compose(child))
    lock_project(child)
    assert_is_the_seeds(compose(child, locked=True))
    assert sorted(child.rglob("*")) == sorted([*before, child / "hugflow.lock"])


def test_as_archives_over_http(tmp_path: Path, server: Server):
    grandparent = write_repository(tmp_path / "grandparent", GRANDPARENT, name="config.json")
    www = tmp_path / "www"
    zip_folder(grandparent, www / "grandparent.zip", top="grandparent-main")
    parent = write_repository(
        tmp_path / "parent", at(PARENT, grandparent1=f"{server.url}/grandparent.zip")
    )
    tar_folder(parent, www / "parent.tar.gz", top="parent-1.0.0")
    policy = {"policy": {"parent_hosts": [server.host]}}
    child = write_repository(
        tmp_path / "child", {**at(CHILD, parent1=f"{server.url}/parent.tar.gz"), **policy}
    )
    assert_is_the_seeds(compose(child))
    lock_project(child)
    asked = len(server.asked)
    assert_is_the_seeds(compose(child))
    assert len(server.asked) == asked
    assert [path.name for path in child.rglob("*.json") if "grandparent" in path.name] == []


def test_as_local_archives_beside_each_other(tmp_path: Path):
    grandparent = write_repository(tmp_path / "grandparent", GRANDPARENT)
    zip_folder(grandparent, tmp_path / "zips" / "grandparent.zip")
    parent = write_repository(tmp_path / "parent", at(PARENT, grandparent1="./grandparent.zip"))
    zip_folder(parent, tmp_path / "zips" / "parent.zip", top="parent-main")
    child = write_repository(tmp_path / "child", at(CHILD, parent1="../zips/parent.zip"))
    lock_project(child)
    assert_is_the_seeds(compose(child, locked=True))


@pytest.mark.parametrize("ref", ["main", "refs/heads/main", "refs/tags/1.0.0", "1.0.0", None])
def test_as_git_repositories(tmp_path: Path, ref: str | None):
    suffix = f"@{ref}" if ref else ""
    grandparent = write_repository(tmp_path / "grandparent", GRANDPARENT)
    commit_all(grandparent)
    git(grandparent, "tag", "-a", "1.0.0", "-m", "first")
    location = f"git+file://{grandparent}{suffix}"
    parent = write_repository(tmp_path / "parent", at(PARENT, grandparent1=location))
    commit_all(parent)
    git(parent, "tag", "1.0.0")
    child = write_repository(tmp_path / "child", at(CHILD, parent1=f"git+file://{parent}{suffix}"))
    lock = lock_project(child)
    assert lock["nodes"]["root"] == {"parents": {"parent1": "parent1"}}
    assert lock["nodes"]["grandparent1"]["rev"] == git(grandparent, "rev-parse", "HEAD")
    assert lock["nodes"]["parent1"]["live"] is (ref in ("main", "refs/heads/main", None))
    assert_is_the_seeds(compose(child, locked=True))
