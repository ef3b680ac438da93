"""Releases: refused while anything may move, and done ancestor first by the printed plan."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hugflow.hierarchy import ConfigError, compose, lock_project
from hugflow.hierarchy.access import Access
from hugflow.hierarchy.load import load_project
from hugflow.hierarchy.pulling.pull import pull
from hugflow.hierarchy.release import release_project
from tests.hierarchy.worlds import commit_all, git, names
from tests.projects import HUGFLOW


def make(folder: Path, parents: dict[str, str], **meta: str) -> Path:
    """A pulled repository with one source of JSON, which has all its parents' files."""
    name = folder.name
    config: dict[str, Any] = {
        "meta": meta,
        "parents": {each: {"location": location} for each, location in parents.items()},
        "sources": {
            "s": {
                "format": "json",
                "parent_sources": [f"{each}.s" for each in parents],
                "files_list": [name],
                "basepath": "edits",
            }
        },
    }
    (folder / "edits").mkdir(parents=True)
    (folder / "edits" / name).write_text('{"a": 1}')
    (folder / "hugflow.json").write_text(json.dumps(config, indent=2) + "\n")
    pull(folder)
    return folder


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A project without parents, committed."""
    folder = make(tmp_path / "alone", {}, version="0.1.0")
    commit_all(folder)
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@example.org")
    return folder


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path / "cache")


def test_a_release_sets_the_version_commits_and_tags(alone: Path, access: Access):
    before = (alone / "hugflow.json").read_text()
    commit = release_project(alone, "1.1.0", access)
    assert (alone / "hugflow.json").read_text() == before.replace("0.1.0", "1.1.0")
    assert git(alone, "rev-parse", "1.1.0^{commit}") == git(alone, "rev-parse", "HEAD") == commit
    assert git(alone, "status", "--porcelain") == ""


def test_a_release_is_refused_while_anything_may_move(
    alone: Path, access: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(said: str) -> None:
        before = git(alone, "rev-parse", "HEAD"), (alone / "hugflow.json").read_bytes()
        with pytest.raises(ConfigError, match=said):
            release_project(alone, "1.1.0", access)
        assert (git(alone, "rev-parse", "HEAD"), (alone / "hugflow.json").read_bytes()) == before
        assert git(alone, "tag") == ""

    (alone / "new").touch()
    refused("uncommitted changes")
    (alone / "new").unlink()
    (alone / "input" / "s" / "alone.json").write_text("{}")
    commit_all(alone)
    refused("stored data is not current")
    pull(alone)
    other = make(tmp_path / "other", {})
    commit_all(other)
    for location in (f"git+file://{other}@main", "../other"):
        config = json.loads((alone / "hugflow.json").read_text())
        config["parents"] = {"other": {"location": location}}
        (alone / "hugflow.json").write_text(json.dumps(config))
        (alone / "hugflow.lock").unlink(missing_ok=True)
        pull(alone)
        commit_all(alone)
        refused(r"there is no hugflow\.lock")
        lock_project(alone)
        commit_all(alone)
        refused("the parent other is a (?:branch|folder)")
    git(other, "tag", "1.0.0")
    config["parents"]["other"]["location"] = f"git+file://{other}@refs/tags/1.0.0"
    (alone / "hugflow.json").write_text(json.dumps(config))
    lock_project(alone)
    commit_all(alone)
    monkeypatch.setenv("HUGFLOW_OVERRIDES", "other=../other")
    refused("other is overridden")
    monkeypatch.delenv("HUGFLOW_OVERRIDES")
    lock = json.loads((alone / "hugflow.lock").read_text())
    lock["nodes"]["other"]["location"] = "../elsewhere"
    (alone / "hugflow.lock").write_text(json.dumps(lock))
    commit_all(alone)
    refused("hugflow.lock is not current")
    lock_project(alone)
    commit_all(alone)
    release_project(alone, "1.1.0", access)
    with pytest.raises(ConfigError, match=r"a tag 1\.1\.0 already"):
        release_project(alone, "1.1.0", access)


@pytest.mark.parametrize("version", ["", "-d", "a b", "1..2", "1.lock", "../x", "v1/2"])
def test_a_version_is_a_plain_tag(alone: Path, access: Access, version: str):
    with pytest.raises(ConfigError, match="is no version"):
        release_project(alone, version, access)


def publish(folder: Path) -> str:
    """Push a repository's main and dev to a bare one beside it; the address."""
    remote = folder.with_suffix(".git")
    git(folder.parent, "init", "--quiet", "--bare", "-b", "main", str(remote))
    commit_all(folder)
    git(folder, "remote", "add", "origin", f"file://{remote}")
    git(folder, "checkout", "--quiet", "-b", "dev")
    git(folder, "push", "--quiet", "origin", "main", "dev")
    return f"file://{remote}"


def run_plan(child: Path, home: Path) -> None:
    """Print the plan for version 3.0.0 in a child, and run what it prints."""
    (home / "gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    environment = os.environ | {
        "PATH": f"{HUGFLOW.parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
    }
    run = ["hugflow", "release", "3.0.0", "--plan"]
    plan = subprocess.check_output(run, cwd=child, env=environment, text=True)
    assert git(child, "status", "--porcelain") == ""
    order = [line[2:] for line in plan.splitlines() if line.startswith("# ")][2:]
    assert order == ["grandparent1", "parent1", "this repository"]
    done = subprocess.run(
        ["sh"], input=plan, cwd=child, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, plan + done.stdout + done.stderr


@pytest.mark.slow
def test_the_printed_plan_releases_three_repositories_ancestor_first(tmp_path: Path):
    grandparent = publish(make(tmp_path / "grandparent", {}, version="1.0.9"))
    parent = publish(
        make(tmp_path / "parent", {"grandparent1": f"git+{grandparent}@dev"}, version="0.2.0")
    )
    child = make(tmp_path / "child", {"parent1": f"git+{parent}@dev"})
    publish(child)
    stored = tmp_path / "grandparent" / "edits" / "grandparent"
    stored.write_text('{"a": "changed on dev"}')
    pull(tmp_path / "grandparent")
    commit_all(tmp_path / "grandparent")
    git(tmp_path / "grandparent", "push", "--quiet", "origin", "dev")

    run_plan(child, tmp_path)

    assert git(tmp_path / "grandparent.git", "tag") == "1.0.10"
    assert git(tmp_path / "parent.git", "tag") == "0.2.1"
    assert git(tmp_path / "child.git", "tag") == "3.0.0"
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--branch", "3.0.0", str(tmp_path / "child.git"), "clone")
    assert load_project(clone).config.meta["version"] == "3.0.0"
    nodes = json.loads((clone / "hugflow.lock").read_text())["nodes"]
    assert nodes["parent1"]["location"] == f"git+{parent}@refs/tags/0.2.1"
    assert nodes["grandparent1"]["location"] == f"git+{grandparent}@refs/tags/1.0.10"
    assert not any(node.get("live") for node in nodes.values())
    composed = compose(clone, locked=True)["s"]
    assert names(composed) == [
        ("grandparent", "parent1/grandparent1"),
        ("parent", "parent1"),
        ("child", ""),
    ]
    assert json.loads(composed.files_list[0].path.read_text()) == {"a": "changed on dev"}


@pytest.mark.slow
def test_the_printed_plan_releases_work_trees_of_this_machine(tmp_path: Path):
    grandparent = make(tmp_path / "grandparent", {}, version="1.0.0")
    parent = make(tmp_path / "parent", {"grandparent1": f"git+file://{grandparent}@dev"})
    child = make(tmp_path / "child", {"parent1": "../parent"})
    for folder in (grandparent, parent, child):
        commit_all(folder)
        git(folder, "checkout", "--quiet", "-b", "dev")
    (grandparent / "edits" / "grandparent").write_text('{"a": "changed on dev"}')
    pull(grandparent)
    commit_all(grandparent)
    run_plan(child, tmp_path)
    assert git(grandparent, "tag") == "1.0.1"
    nodes = json.loads((child / "hugflow.lock").read_text())["nodes"]
    assert nodes["parent1"]["location"] == f"git+file://{parent}@refs/tags/0.1.0"
    assert nodes["grandparent1"]["location"] == f"git+file://{grandparent}@refs/tags/1.0.1"
    assert git(child, "rev-parse", "3.0.0^{commit}") == git(child, "rev-parse", "main")
    composed = compose(child, locked=True)["s"]
    assert json.loads(composed.files_list[0].path.read_text()) == {"a": "changed on dev"}
