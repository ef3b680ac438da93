"""The lock: what it pins, when it moves, and that it is the same for everybody."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hugflow.hierarchy import ConfigError, LockError, compose, lock_project
from hugflow.hierarchy.lock import update_lock
from hugflow.hierarchy.overrides import read_overrides
from hugflow.hierarchy.snapshots import tree_sha256
from tests.hierarchy.worlds import (
    CHILD,
    GRANDPARENT,
    PARENT,
    Server,
    at,
    commit_all,
    git,
    names,
    write_repository,
    zip_folder,
)


@pytest.fixture
def grandparent(tmp_path: Path) -> Path:
    folder = write_repository(tmp_path / "grandparent", GRANDPARENT)
    commit_all(folder)
    return folder


@pytest.fixture
def parent(tmp_path: Path, grandparent: Path) -> Path:
    location = f"git+file://{grandparent}@main"
    folder = write_repository(tmp_path / "parent", at(PARENT, grandparent1=location))
    commit_all(folder)
    return folder


@pytest.fixture
def child(tmp_path: Path, parent: Path) -> Path:
    return write_repository(tmp_path / "child", at(CHILD, parent1=f"git+file://{parent}@main"))


def change(repository: Path) -> str:
    """A new commit that changes the repository's data."""
    stored = next((repository / "input").rglob("*.json"))
    stored.write_text(stored.read_text() + "\n")
    return commit_all(repository)


def rev(lock: dict[str, dict[str, dict[str, str]]], node: str) -> str:
    return lock["nodes"][node]["rev"]


def test_a_second_lock_changes_no_byte(child: Path, grandparent: Path):
    lock_project(child)
    before = (child / "hugflow.lock").read_bytes()
    written = (child / "hugflow.lock").stat().st_mtime_ns
    change(grandparent)
    lock_project(child)
    assert (child / "hugflow.lock").read_bytes() == before
    assert (child / "hugflow.lock").stat().st_mtime_ns == written
    assert before.endswith(b"}\n")
    assert json.dumps(json.loads(before), indent=2, sort_keys=True) + "\n" == before.decode()


def test_a_moved_branch_changes_nothing_until_it_is_upgraded(
    child: Path, parent: Path, grandparent: Path
):
    first = lock_project(child)
    before = {file.sha256 for file in compose(child)["flow_definitions"].files()}
    commits = {"grandparent1": change(grandparent), "parent1": change(parent)}
    assert {file.sha256 for file in compose(child)["flow_definitions"].files()} == before
    one = update_lock(child, upgrade=["parent1/grandparent1"]).lock.to_json()
    assert rev(one, "grandparent1") == commits["grandparent1"]
    assert rev(one, "parent1") == rev(first, "parent1")
    every = update_lock(child, upgrade=[]).lock.to_json()
    assert {name: rev(every, name) for name in commits} == commits


def test_check_writes_nothing(child: Path, grandparent: Path):
    assert update_lock(child, writes=False).is_changed
    assert not (child / "hugflow.lock").exists()
    lock_project(child)
    assert not update_lock(child, writes=False).is_changed
    change(grandparent)
    assert update_lock(child, upgrade=[], writes=False).is_changed
    with pytest.raises(ConfigError, match="there is no parent parent1/x"):
        update_lock(child, upgrade=["parent1/x"])


def test_composing_works_offline_from_lock_and_cache(
    child: Path, parent: Path, grandparent: Path, cache: Path
):
    lock_project(child)
    shutil.rmtree(parent)
    shutil.rmtree(grandparent)
    shutil.rmtree(cache / "git")
    assert len(compose(child, locked=True)["flow_definitions"].files()) == 7
    shutil.rmtree(cache)
    with pytest.raises(ConfigError, match="parent1: git"):
        compose(child)


def test_a_snapshot_is_read_only_and_a_damaged_one_is_replaced(child: Path, cache: Path):
    lock_project(child)
    file = compose(child)["flow_definitions"].files_list[0].path
    assert file.stat().st_mode & 0o222 == 0
    file.chmod(0o644)
    file.write_text("damaged")
    assert compose(child)["flow_definitions"].files_list[0].path.read_text() != "damaged"


def test_what_a_killed_process_left_in_the_cache_is_deleted_after_a_day(child: Path, cache: Path):
    for name, age_s in ((".new-old", 100_000), (".new-now", 0)):
        left = cache / "snapshots" / name / "input"
        left.mkdir(parents=True)
        left.chmod(0o555)
        os.utime(left.parent, (time.time() - age_s,) * 2)
    lock_project(child)
    left = [path.name for path in (cache / "snapshots").glob(".new-*")]
    assert left == [".new-now"]


def test_a_parents_own_lock_is_honoured_when_it_is_first_locked(
    child: Path, parent: Path, grandparent: Path
):
    locked = rev(lock_project(parent), "grandparent1")
    commit_all(parent)
    change(grandparent)
    assert rev(lock_project(child), "grandparent1") == locked
    (child / "hugflow.lock").unlink()
    shutil.rmtree(parent / ".git")
    (parent / "hugflow.lock").unlink()
    commit_all(parent)
    assert rev(lock_project(child), "grandparent1") == git(grandparent, "rev-parse", "HEAD")


@pytest.mark.parametrize("locked", [None, True])
def test_a_lock_that_disagrees_with_the_configuration_is_an_error(
    child: Path, parent: Path, tmp_path: Path, locked: bool | None
):
    lock_project(child)
    write_repository(child, at(CHILD, parent1=f"git+file://{parent}@refs/heads/main"))
    with pytest.raises(LockError, match=r"parent1: .* is not the location that is locked"):
        compose(child, locked=locked)
    write_repository(child, at({"sources": {}}, other="../x"))
    with pytest.raises(LockError, match="has the parent other, which is not locked"):
        compose(child, locked=locked)
    write_repository(child, at({"sources": {}}))
    with pytest.raises(LockError, match="the lock has the parent parent1"):
        compose(child, locked=locked)


def test_content_that_is_not_the_locked_one_is_an_error(tmp_path: Path, cache: Path):
    grandparent = write_repository(tmp_path / "g", GRANDPARENT)
    zip_folder(grandparent, tmp_path / "g.zip")
    own = {"sources": {}, "parents": {"g": {"location": "../g.zip"}}}
    child = write_repository(tmp_path / "c", own)
    lock_project(child)
    write_repository(grandparent, GRANDPARENT, note="changed")
    zip_folder(grandparent, tmp_path / "g.zip")
    compose(child)
    shutil.rmtree(cache)
    with pytest.raises(LockError, match=r"g: \.\./g\.zip no longer has the content"):
        compose(child)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "<<<<<<< ours\n", '{"version": 2}', '{"version": 1, "nodes": {}}', "[" * 9999],
)
def test_a_damaged_lock_is_an_error_and_stays(child: Path, text: str):
    (child / "hugflow.lock").write_text(text)
    for act in (compose, lock_project):
        with pytest.raises(LockError, match=r"hugflow\.lock cannot be read"):
            act(child)
    assert (child / "hugflow.lock").read_text() == text


def test_overrides_never_touch_the_lock(
    child: Path, grandparent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lock_project(child)
    before = (child / "hugflow.lock").read_bytes()
    other = write_repository(tmp_path / "other", GRANDPARENT, note="mine")
    way = {"parent1/grandparent1": "../other"}

    def origin(**options: object) -> tuple[bool, Path]:
        source = compose(child, **options)["flow_definitions"]  # type: ignore[arg-type]
        return source.overridden, source.files_list[0].path.parents[2]

    assert origin(overrides=way) == (True, other)
    assert not origin()[0]
    assert not compose(child, overrides=way)["expiration_times"].overridden
    monkeypatch.setenv("HUGFLOW_OVERRIDES", "parent1/grandparent1=../other")
    assert origin() == (True, other)
    monkeypatch.delenv("HUGFLOW_OVERRIDES")
    (child / "hugflow.local.yaml").write_text("overrides:\n  parent1/grandparent1: ../other\n")
    assert origin(locked=True) == (True, other)
    lock_project(child)
    assert (child / "hugflow.lock").read_bytes() == before
    with pytest.raises(ConfigError, match="there is no parent parent2 to override"):
        compose(child, overrides={"parent2": "../other"})


@pytest.mark.parametrize("separator", [",", ";", ":", "\n", ", "])
def test_the_environment_may_override_several_parents(tmp_path: Path, separator: str):
    entries = ["parent1=../p:1", "parent1/grandparent1=/g"]
    found = read_overrides(tmp_path, {"HUGFLOW_OVERRIDES": separator.join(entries)})
    assert found == {
        ("parent1",): tmp_path / "../p:1",
        ("parent1", "grandparent1"): Path("/g"),
    }


def test_an_overridden_parent_may_have_parents_that_are_not_locked(child: Path, tmp_path: Path):
    lock_project(child)
    write_repository(tmp_path / "new", GRANDPARENT)
    write_repository(tmp_path / "mine", at(PARENT, grandparent1="../new"))
    composed = compose(child, overrides={"parent1": "../mine"})["flow_definitions"]
    assert names(composed)[0] == ("grandparent_templates", "parent1/grandparent1")
    assert composed.files_list[0].path.is_relative_to(tmp_path / "new")


def blob_sha256(repository: Path, path: str) -> str:
    shown = ["git", "cat-file", "blob", f"HEAD:{path}"]
    return hashlib.sha256(subprocess.check_output(shown, cwd=repository)).hexdigest()


HASH = "from hugflow.hierarchy import lock_project; import sys, json; json.dump(lock_project(sys.argv[1]), sys.stdout)"


@pytest.mark.slow
def test_one_commit_has_one_hash_for_every_colleague(tmp_path: Path, grandparent: Path):
    stored = grandparent / "input" / "flow_definitions" / "some_other_id_without_a_name.json"
    stored.write_bytes(b'{"a": 1}\r\n{"b": "$Format:%H$"}\n')
    (grandparent / ".gitattributes").write_text("*.json export-subst text\n*.txt export-ignore\n")
    commit = commit_all(grandparent)
    child = tmp_path / "child"
    location = f"git+file://{grandparent}@{commit}"
    write_repository(child, at({"sources": {}}, grandparent1=location))
    attributes = tmp_path / "attributes"
    attributes.write_text("* export-ignore\n*.json eol=crlf\n")
    configs = {
        "plain": "",
        "crlf": f"[core]\nautocrlf = true\nattributesFile = {attributes}\n"
        "[safe]\nbareRepository = explicit\n",
    }
    locks = set()
    for number, (name, text) in enumerate(configs.items()):
        (tmp_path / name).write_text(text)
        if number:
            git(grandparent, "tag", "-a", "later", "-m", "later")
        environment = os.environ | {
            "GIT_CONFIG_GLOBAL": str(tmp_path / name),
            "TZ": ["UTC", "Asia/Kathmandu"][number],
            "HUGFLOW_CACHE_DIR": str(tmp_path / f"cache-{name}"),
        }
        (child / "hugflow.lock").unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", HASH, str(child)],
            env=environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        locks.add(done.stdout)
    [lock] = locks
    node = json.loads(lock)["nodes"]["grandparent1"]
    assert (node["rev"], node["live"]) == (commit, False)
    paths = [path for path in git(grandparent, "ls-files").splitlines() if "json" in path]
    assert node["sha256"] == tree_sha256({path: blob_sha256(grandparent, path) for path in paths})


def test_a_repository_whose_objects_are_sha256_is_locked_too(tmp_path: Path):
    folder = write_repository(tmp_path / "g", GRANDPARENT)
    git(folder, "init", "--quiet", "-b", "main", "--object-format=sha256")
    commit = commit_all(folder)
    child = write_repository(tmp_path / "child", at({"sources": {}}, g=f"git+file://{folder}@main"))
    assert len(commit) == 64
    assert rev(lock_project(child), "g") == commit


def test_a_branch_and_a_tag_of_one_name_are_not_confused(tmp_path: Path, grandparent: Path):
    tagged = git(grandparent, "rev-parse", "HEAD")
    git(grandparent, "tag", "same")
    git(grandparent, "checkout", "--quiet", "-b", "same")
    commit = change(grandparent)
    child = tmp_path / "child"

    def lock(ref: str) -> str:
        write_repository(child, at({"sources": {}}, g=f"git+file://{grandparent}@{ref}"))
        return rev(lock_project(child), "g")

    with pytest.raises(ConfigError, match="'same' is a branch and a tag"):
        lock("same")
    assert (lock("refs/tags/same"), lock("refs/heads/same")) == (tagged, commit)
    with pytest.raises(ConfigError, match="no branch or tag 'nowhere'"):
        lock("nowhere")


def test_a_github_archive_of_a_branch_is_fetched_again_by_its_commit(
    tmp_path: Path, server: Server, grandparent: Path, cache: Path
):
    git(grandparent, "archive", "--format=zip", "--prefix=r-main/", "-o", "../main.zip", "HEAD")
    commit = git(grandparent, "rev-parse", "HEAD")
    archive = tmp_path / "www" / "org" / "r" / "archive"
    (archive / "refs" / "heads").mkdir(parents=True)
    shutil.copy(tmp_path / "main.zip", archive / "refs" / "heads" / "main.zip")
    own = at({"sources": {}}, g=f"{server.url}/org/r/archive/refs/heads/main.zip")
    child = write_repository(tmp_path / "c", {**own, "policy": {"parent_hosts": [server.host]}})
    node = lock_project(child)["nodes"]["g"]
    assert (node["rev"], node["live"]) == (commit, True)
    shutil.copy(tmp_path / "main.zip", archive / f"{commit}.zip")
    (archive / "refs" / "heads" / "main.zip").write_bytes(b"another state")
    shutil.rmtree(cache)
    compose(child)
