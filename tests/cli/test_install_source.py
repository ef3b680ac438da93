"""Where the installed hugflow comes from, for a workflow that installs it again."""

from pathlib import Path

import pytest

from hugflow.cli.install_source import to_source
from tests.dagster.conftest import git

COMMIT = "ab" * 20
ORIGIN = "https://github.com/acme/hugflow.git"


@pytest.mark.parametrize(
    ("url", "source"),
    [
        (ORIGIN, f"git+https://github.com/acme/hugflow@{COMMIT}"),
        ("https://ada:secret@git.example/hugflow", f"git+https://git.example/hugflow@{COMMIT}"),
        ("ssh://git@github.com/acme/hugflow.git", f"git+https://github.com/acme/hugflow@{COMMIT}"),
        ("ssh://git@git.example/hugflow.git", None),
        ("file:///home/ada/hugflow", None),
    ],
)
def test_an_installation_from_git_is_pinned_to_its_commit(url: str, source: str | None):
    info = {"vcs": "git", "commit_id": COMMIT, "requested_revision": "main"}
    assert to_source({"url": url, "vcs_info": info}) == source


def test_a_wheel_of_this_machine_and_a_version_of_an_index_have_no_address():
    assert to_source({"url": "file:///tmp/hugflow.whl", "archive_info": {}}) is None
    assert to_source({"url": ORIGIN, "vcs_info": {"vcs": "git", "commit_id": "main"}}) is None


def test_a_clone_has_one_only_once_a_remote_has_its_commit(tmp_path: Path):
    clone = tmp_path / "clone"
    clone.mkdir()
    git(clone, "init", "--quiet", "--initial-branch=main")
    git(clone, "remote", "add", "origin", "git@github.com:acme/hugflow.git")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "One")
    installed = {"url": clone.as_uri(), "dir_info": {"editable": True}}
    assert to_source(installed) is None
    commit = git(clone, "rev-parse", "HEAD").strip()
    git(clone, "update-ref", "refs/remotes/origin/main", commit)
    assert to_source(installed) == f"git+https://github.com/acme/hugflow@{commit}"
    (clone / "inner").mkdir()
    assert to_source({"url": (clone / "inner").as_uri(), "dir_info": {}}) is None
