"""Requests of a commit: what git may hold, and what is never written from it."""

import subprocess
from pathlib import Path

import pytest

from hugflow.hierarchy import UnsafeArchiveError
from hugflow.hierarchy.main_requests import compose_main_requests

CONFIG = b"sources:\n  corpora:\n    format: requests\n    files_dict: {a: a.yaml}\n"


def run(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    command = ["git", "-C", str(folder), *arguments]
    return (
        subprocess.run(command, input=stdin, capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )


def write_tree(folder: Path, mode: str, name: str, oid: str) -> str:
    entry = f"{mode} {name}".encode() + b"\0" + bytes.fromhex(oid)
    return run(folder, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=entry)


def test_a_tree_that_leads_out_of_the_commit_is_refused(tmp_path: Path):
    mirror = tmp_path / "state" / "mirror.git"
    mirror.mkdir(parents=True)
    run(mirror, "init", "-q", "--bare", ".")
    oid = run(mirror, "hash-object", "-w", "--stdin", stdin=b"outside")
    mode = "100644"
    for name in ("evil.yaml", "..", "..", "..", "corpora", "input"):
        oid, mode = write_tree(mirror, mode, name, oid), "40000"
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    commit = run(mirror, *author, "commit-tree", "-m", "x", oid)
    with pytest.raises(UnsafeArchiveError, match="no plain path"):
        compose_main_requests(mirror, commit, CONFIG, "hugflow.yaml", {})
    assert not list(tmp_path.rglob("evil.yaml"))
