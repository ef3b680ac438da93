"""Pull requests, as a workflow needs them: read as data, merged at the commit that was looked at."""

from collections.abc import Iterator

import pytest

from hugflow.clients.github import GitHub
from hugflow.clients.pulls import fetch_changed_files, fetch_file, fetch_pull, merge_pull
from hugflow.clients.services import ServiceRefused, ServiceUnavailable
from hugflow.errors import FileMissing, PlanOutOfDate, RequestInvalid
from hugflow.testing.faults import Match, Reset
from hugflow.testing.github import LoopbackGitHub
from tests.testing.githubs import REPO, REQUEST, TOKEN, fill


@pytest.fixture
def github(github: LoopbackGitHub) -> LoopbackGitHub:
    """A GitHub with nothing on it but one pull request, number 1."""
    assert fill(github) == 1
    return github


@pytest.fixture
def client(github: LoopbackGitHub) -> Iterator[GitHub]:
    """A client with the token of somebody who may merge."""
    with GitHub(github.api_url, TOKEN, timeout_s=2) as client:
        yield client


def test_a_pull_request_says_what_it_would_bring_where(github: LoopbackGitHub, client: GitHub):
    pull = fetch_pull(client, REPO, 1)
    assert (pull.number, pull.title, pull.base_ref, pull.head_ref) == (1, "Add x", "main", "add-x")
    assert pull.head_sha == github.pull(REPO, 1).head_sha
    assert pull.head_repo == REPO
    assert (pull.is_open, pull.is_merged, pull.is_draft, pull.is_mergeable) == (
        True,
        False,
        False,
        True,
    )
    assert pull.url.endswith("/acme/requests/pull/1")


def test_a_pull_request_of_a_fork_says_so(github: LoopbackGitHub, client: GitHub):
    github.push(REPO, {"requests/add/y.yaml": b"hf_id: a/y\n"}, branch="bob:add-y")
    number = github.open_pull(REPO, "bob:add-y")
    assert fetch_pull(client, REPO, number).head_repo == "bob/requests"


def test_what_a_pull_request_changes_is_listed_whole(github: LoopbackGitHub, client: GitHub):
    many = {f"requests/add/{number:03}.yaml": b"hf_id: a/b\n%d" % number for number in range(250)}
    github.push(REPO, many, branch="add-x", delete=[REQUEST, "README.md"])
    changes = {file.path: file for file in fetch_changed_files(client, REPO, 1)}
    assert set(changes) == {*many, "README.md"}
    assert changes["README.md"].change == "removed"
    assert changes["requests/add/000.yaml"].change == "added"


def test_a_renamed_file_says_what_it_was(github: LoopbackGitHub, client: GitHub):
    github.push(REPO, {"NOTES.md": b"# Requests\n"}, branch="add-x", delete=["README.md"])
    found = {
        file.path: (file.change, file.previous) for file in fetch_changed_files(client, REPO, 1)
    }
    assert found["NOTES.md"] == ("renamed", "README.md")


def test_a_file_comes_byte_for_byte_at_its_commit(github: LoopbackGitHub, client: GitHub):
    data = b"\xff\xfe\r\n\x00 caf\xe9"
    path = "requests/add/a b#?%.yaml"
    before = github.pull(REPO, 1).head_sha
    after = github.push(REPO, {path: data}, branch="add-x")
    assert fetch_file(client, REPO, path, after) == data
    with pytest.raises(FileMissing, match=r"a b#\?%\.yaml"):
        fetch_file(client, REPO, path, before)


def test_what_is_no_file_or_too_large_is_not_read(github: LoopbackGitHub, client: GitHub):
    sha = github.push(REPO, {"large.yaml": b"x" * (1 << 21)}, branch="add-x")
    for path in ("requests/add", "large.yaml"):
        with pytest.raises(RequestInvalid, match="cannot be read"):
            fetch_file(client, REPO, path, sha)


def test_what_the_token_may_not_see_is_refused(github: LoopbackGitHub):
    with (
        GitHub(github.api_url, "ghp_wrong", timeout_s=2) as client,
        pytest.raises(ServiceRefused) as error,
    ):
        fetch_file(client, REPO, "README.md", "main")
    assert error.value.exit_code == 5


def test_a_merge_is_of_the_commit_that_was_looked_at(github: LoopbackGitHub, client: GitHub):
    sha = github.pull(REPO, 1).head_sha
    made = merge_pull(client, REPO, 1, sha)
    assert fetch_pull(client, REPO, 1).is_merged
    assert made == github.pull(REPO, 1).merge_sha
    assert REQUEST in github.files(REPO)


def test_a_head_that_moved_is_not_merged(github: LoopbackGitHub, client: GitHub):
    sha = github.pull(REPO, 1).head_sha
    github.push(REPO, {REQUEST: b"hf_id: evil/b\n"}, branch="add-x")
    with pytest.raises(PlanOutOfDate) as error:
        merge_pull(client, REPO, 1, sha)
    assert error.value.exit_code == 10
    assert not fetch_pull(client, REPO, 1).is_merged


def test_a_merge_is_made_in_a_way_that_the_repository_allows(
    github: LoopbackGitHub, client: GitHub
):
    github.change_repo(REPO, merge_methods=["rebase"])
    merge_pull(client, REPO, 1, github.pull(REPO, 1).head_sha)
    assert github.requests[-1].sent["merge_method"] == "rebase"


def test_a_rule_that_forbids_the_merge_is_told_in_its_words(github: LoopbackGitHub, client: GitHub):
    github.change_pull(REPO, 1, blocked='Required status check "hugflow" is expected.')
    with pytest.raises(ServiceRefused, match="PUT") as error:
        merge_pull(client, REPO, 1, github.pull(REPO, 1).head_sha)
    assert 'Required status check "hugflow"' in error.value.why


@pytest.mark.parametrize("with_effect", [True, False])
def test_a_merge_whose_answer_was_lost_is_looked_up_and_not_repeated(
    github: LoopbackGitHub, client: GitHub, with_effect: bool
):
    sha = github.pull(REPO, 1).head_sha
    github.inject(Reset(), when=Match(method="PUT"), with_effect=with_effect)
    if with_effect:
        assert merge_pull(client, REPO, 1, sha, "merge") == github.pull(REPO, 1).merge_sha
    else:
        with pytest.raises(ServiceUnavailable):
            merge_pull(client, REPO, 1, sha, "merge")
    assert [line.method for line in github.requests].count("PUT") == 1
