"""Repositories are named as git names them, and keep every commit."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.testing.repository import (
    AUTHOR,
    FIRST_COMMIT_AT,
    HubFile,
    Repository,
    git_oid,
    list_tree,
    read_file,
    tree_entry,
)


def small(**contents: bytes) -> dict[str, HubFile]:
    return {path: read_file(content, is_large=False) for path, content in contents.items()}


def test_a_commit_has_the_id_that_git_gives_it(tmp_path: Path):
    contents = {"a/b.txt": b"b", "a/c/d.txt": b"d", "a-b": b"-", "a0": b"0"}
    repository = Repository("acme/x")
    files = small(**contents)
    repository.add_commit(files, branch="main", message="First")
    commit = repository.add_commit(small(e=b"e"), branch="main", message="Second\n\nbody")

    def git(*arguments: str, minute: int = 0) -> str:
        moment = f"{int(FIRST_COMMIT_AT.timestamp()) + 60 * minute} +0000"
        person = {"NAME": AUTHOR, "EMAIL": f"{AUTHOR}@localhost", "DATE": moment}
        environment = {
            f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in person.items()
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    for path, content in contents.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    git("add", ".")
    git("commit", "--quiet", "--message", "First")
    (tmp_path / "e").write_bytes(b"e")
    git("add", ".")
    git("commit", "--quiet", "--message", "Second\n\nbody", minute=1)

    assert commit.sha == git("rev-parse", "HEAD")
    assert tree_entry(commit.files, "a/c") == git("rev-parse", "HEAD:a/c")


def test_a_large_file_is_known_to_git_by_its_pointer():
    file = read_file(b"hello", is_large=True)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.sha256}\nsize 5\n"
    assert file.oid == git_oid("blob", pointer.encode())
    assert file.pointer_size_bytes == len(pointer)
    assert file.etag == file.sha256


def test_a_file_on_disk_and_one_in_memory_are_the_same_file(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"content")
    on_disk, in_memory = (read_file(x, is_large=True) for x in (tmp_path / "x", b"content"))
    assert (on_disk.oid, on_disk.etag) == (in_memory.oid, in_memory.etag)
    assert b"".join(on_disk.read(2, 5)) == b"".join(in_memory.read(2, 5)) == b"nte"


def test_a_file_that_changed_on_disk_is_hashed_again(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"one")
    before = read_file(tmp_path / "x", is_large=False)
    (tmp_path / "x").write_bytes(b"three")
    assert read_file(tmp_path / "x", is_large=False).oid != before.oid


def test_a_branch_moves_and_its_old_commit_stays():
    repository = Repository("acme/x")
    first = repository.add_commit(small(a=b"1"), branch="main", message="1")
    second = repository.add_commit(small(a=b"2"), branch="main", message="2")
    assert repository.find_commit("main") is second
    assert repository.find_commit(first.sha) is first
    assert repository.find_commit(first.sha[:8]) is first


def test_a_new_branch_grows_from_main_and_a_converted_one_from_nothing():
    repository = Repository("acme/x")
    main = repository.add_commit(small(a=b"1"), branch="main", message="1")
    dev = repository.add_commit(small(b=b"2"), branch="dev", message="2")
    converted = repository.add_commit(small(c=b"3"), branch="refs/convert/parquet", message="3")
    assert dev.parent is main
    assert set(dev.files) == {"a", "b"}
    assert converted.parent is None
    assert set(converted.files) == {"c"}


def test_a_commit_is_younger_than_all_before_it_on_whichever_branch_or_of_a_date_of_its_own():
    repository = Repository("acme/x")
    branches = ("main", "refs/convert/parquet", "main", "refs/convert/parquet")
    commits = [
        repository.add_commit(small(a=bytes([n])), branch=branch, message=str(n))
        for n, branch in enumerate(branches)
    ]
    minutes = [commit.created_at - FIRST_COMMIT_AT for commit in commits]
    assert minutes == [timedelta(minutes=n) for n in range(4)]
    long_ago = FIRST_COMMIT_AT - timedelta(days=1)
    dated = repository.add_commit(small(a=b"x"), branch="main", message="x", at=long_ago)
    assert dated.created_at == long_ago


def test_files_can_be_deleted_and_a_tree_begun_anew():
    repository = Repository("acme/x")
    repository.add_commit(small(a=b"1", b=b"2"), branch="main", message="1")
    assert set(repository.add_commit({}, branch="main", message="2", delete=["a"]).files) == {"b"}
    fresh = repository.add_commit(small(c=b"3"), branch="main", message="3", from_empty=True)
    assert set(fresh.files) == {"c"}


def test_the_last_change_of_a_folder_is_the_commit_that_changed_a_file_in_it():
    repository = Repository("acme/x")
    repository.add_commit(small(**{"d/a": b"1", "d/b": b"1"}), branch="main", message="1")
    second = repository.add_commit(small(**{"d/b": b"2"}), branch="main", message="2")
    third = repository.add_commit(small(other=b"3"), branch="main", message="3")
    assert third.last_change("d") is second
    assert third.last_change("d/a").message == "1"
    assert third.last_change("other") is third


@pytest.mark.parametrize("revision", ["", "abc", "no-such-branch", "0" * 40])
def test_a_revision_that_is_not_there_is_not_found(revision: str):
    repository = Repository("acme/x")
    repository.add_commit({}, branch="main", message="1")
    assert repository.find_commit(revision) is None


NAMES = st.text("abc", min_size=1, max_size=2)
PATHS = st.sets(st.lists(NAMES, min_size=1, max_size=4).map(lambda parts: "/".join(parts) + ".x"))


@given(PATHS)
def test_walking_the_tree_folder_by_folder_finds_what_one_recursive_listing_finds(paths: set[str]):
    files = {path: read_file(path.encode(), is_large=False) for path in paths}
    walked, ahead = [], [""]
    while ahead:
        for path in list_tree(files, ahead.pop(), recursive=False):
            walked.append(path)
            ahead += [] if path in files else [path]
    assert sorted(walked) == list_tree(files, "", recursive=True)
    assert paths <= set(walked)
