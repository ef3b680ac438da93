"""Parents that are hosted: on the Hub and on GitHub, each a stand-in on this machine."""

from pathlib import Path

import pytest

from hugflow.hierarchy import ConfigError, compose, lock_project
from hugflow.testing.hub import LoopbackHub
from tests.hierarchy.worlds import (
    CHILD,
    GRANDPARENT,
    PARENT,
    Server,
    assert_is_the_seeds,
    at,
    commit_all,
    git,
    write_repository,
)


def files_of(folder: Path, below: str = "") -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {below + path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.slow
def test_as_dataset_repositories_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with LoopbackHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        grandparent = write_repository(tmp_path / "grandparent", GRANDPARENT)
        hub.publish("acme/data", files_of(grandparent, "deep/grandparent/"))
        hub.tag("acme/data", "1.0.0")
        location = "hf://datasets/acme/data@1.0.0/deep/grandparent"
        parent = write_repository(tmp_path / "parent", at(PARENT, grandparent1=location))
        commit = hub.publish("acme/parent", files_of(parent))
        child = write_repository(tmp_path / "child", at(CHILD, parent1="hf://datasets/acme/parent"))
        nodes = lock_project(child)["nodes"]
        assert (nodes["parent1"]["rev"], nodes["parent1"]["live"]) == (commit, True)
        assert (nodes["grandparent1"]["kind"], nodes["grandparent1"]["live"]) == ("hub", False)
        hub.publish("acme/parent", {"input/flow_definitions/base_content.json": b"moved"})
        before = (child / "hugflow.lock").read_bytes()
        lock_project(child)
        assert (child / "hugflow.lock").read_bytes() == before
        missing = write_repository(tmp_path / "other", at(CHILD, parent1="hf://datasets/acme/no"))
        with pytest.raises(ConfigError, match="parent1: hf://datasets/acme/no"):
            lock_project(missing)
    assert_is_the_seeds(compose(child, locked=True))


@pytest.mark.parametrize("ref", ["@1.0.0", "@refs/heads/main", ""])
def test_as_repositories_of_github(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, ref: str
):
    monkeypatch.setenv("GITHUB_SERVER_URL", server.url)
    made = {
        "grandparent": GRANDPARENT,
        "parent": at(PARENT, grandparent1=f"github:org/grandparent{ref}"),
    }
    for name, config in made.items():
        folder = write_repository(tmp_path / name, config)
        commit_all(folder)
        git(folder, "tag", "1.0.0")
        bare = tmp_path / "www" / "org" / f"{name}.git"
        git(tmp_path, "clone", "--quiet", "--bare", str(folder), str(bare))
        git(bare, "update-server-info")
    child = write_repository(tmp_path / "child", at(CHILD, parent1=f"github:org/parent{ref}"))
    node = lock_project(child)["nodes"]["parent1"]
    assert (node["kind"], node["live"]) == ("git", ref != "@1.0.0")
    assert node["rev"] == git(tmp_path / "parent", "rev-parse", "HEAD")
    assert_is_the_seeds(compose(child, locked=True))
