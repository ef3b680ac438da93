"""The pull request that a workflow was started for."""

import json
from pathlib import Path
from typing import Any

import pytest

from hugflow.ci.event import read_event
from hugflow.errors import UsageWrong
from hugflow.testing.github import LoopbackGitHub
from tests.testing.githubs import REPO, fill


@pytest.fixture
def event(github: LoopbackGitHub) -> dict[str, Any]:
    """GitHub's event of pull request 1."""
    fill(github)
    return github.event(REPO, 1)


def write(tmp_path: Path, value: object) -> Path:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(value))
    return path


def test_the_event_tells_of_the_pull_request(
    github: LoopbackGitHub, event: dict[str, Any], tmp_path: Path
):
    found = read_event(write(tmp_path, event))
    assert (found.name, found.base_ref, found.is_fork) == (f"{REPO}#1", "main", False)
    assert found.head_sha == github.pull(REPO, 1).head_sha
    assert found.author == "bob"


@pytest.mark.parametrize("head_repo", [None, {"full_name": "mallory/requests"}])
def test_a_branch_of_another_repository_is_a_fork_also_when_that_is_gone(
    event: dict[str, Any], tmp_path: Path, head_repo: object
):
    event["pull_request"]["head"]["repo"] = head_repo
    assert read_event(write(tmp_path, event)).is_fork


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("pull_request",), None),
        (("pull_request", "number"), "12; rm -rf /"),
        (("pull_request", "number"), True),
        (("pull_request", "head", "sha"), "--upload-pack=evil"),
        (("pull_request", "base", "sha"), "main"),
        (("pull_request", "base", "repo", "full_name"), "../../etc"),
        (("pull_request", "base", "repo", "full_name"), "acme/requests/../../user"),
    ],
)
def test_what_is_no_event_of_a_pull_request_is_refused(
    event: dict[str, Any], tmp_path: Path, where: tuple[str, ...], value: object
):
    *path, last = where
    part = event
    for name in path:
        part = part[name]
    part[last] = value
    with pytest.raises(UsageWrong, match="describes no pull request"):
        read_event(write(tmp_path, event))


def test_a_file_that_is_not_there_or_no_json_is_refused(tmp_path: Path):
    with pytest.raises(UsageWrong, match="No such file"):
        read_event(tmp_path / "nothing.json")
    (tmp_path / "text").write_text("[" * 100_000)
    with pytest.raises(UsageWrong):
        read_event(tmp_path / "text")
