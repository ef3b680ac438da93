"""Pull requests: what they change, and how they are merged."""

import pytest
from github import Github, GithubException, UnknownObjectException
from github.PullRequest import PullRequest

from hugflow.testing.github import LoopbackGitHub
from tests.testing.githubs import BOT, REPO, REQUEST, connected


def test_a_pull_request_says_what_it_wants(github: LoopbackGitHub, ana: Github):
    pull = ana.get_repo(REPO).get_pull(1)
    assert (pull.title, pull.state, pull.user.login, pull.draft) == ("Add x", "open", "bob", False)
    assert (pull.head.ref, pull.head.label, pull.head.repo.full_name) == (
        "add-x",
        "acme:add-x",
        REPO,
    )
    assert (pull.base.ref, pull.base.sha) == ("main", github.pull(REPO, 1).base_sha)
    assert (pull.merged, pull.mergeable, pull.mergeable_state) == (False, True, "clean")
    assert (pull.comments, pull.changed_files) == (0, 1)


def test_a_pull_request_that_is_not_there_is_not_found(ana: Github):
    for number in (2, 0):
        with pytest.raises(UnknownObjectException):
            ana.get_repo(REPO).get_pull(number)


def test_a_pull_request_of_a_fork_names_the_fork(github: LoopbackGitHub, ana: Github):
    github.push(REPO, {"requests/add/y.yaml": b"hf_id: a/y\n"}, branch="bob:main")
    number = github.open_pull(REPO, "bob:main", author="bob")
    head = ana.get_repo(REPO).get_pull(number).head
    assert (head.ref, head.label, head.repo.full_name) == ("main", "bob:main", "bob/requests")
    assert head.repo.fork
    assert "requests/add/y.yaml" not in github.files(REPO)


def test_what_happened_to_each_file_is_told(github: LoopbackGitHub, ana: Github):
    github.push(REPO, {"a.yaml": b"a", "b.yaml": b"b", "c.yaml": b"c", "d.yaml": b"d"})
    changed = {"a.yaml": b"A", "new/b.yaml": b"b", "e.yaml": b"e"}
    github.push(REPO, changed, branch="many", delete=["b.yaml", "c.yaml"])
    github.push(REPO, {"later.yaml": b"on main only"})
    pull = ana.get_repo(REPO).get_pull(github.open_pull(REPO, "many"))
    assert [(each.filename, each.status, each.previous_filename) for each in pull.get_files()] == [
        ("a.yaml", "modified", None),
        ("c.yaml", "removed", None),
        ("e.yaml", "added", None),
        ("new/b.yaml", "renamed", "b.yaml"),
    ]


def test_files_come_in_pages(github: LoopbackGitHub):
    files = {f"requests/add/{number:03}.yaml": b"%d" % number for number in range(205)}
    github.push(REPO, files, branch="many")
    number = github.open_pull(REPO, "many")
    with connected(github, per_page=100) as client:
        pull = client.get_repo(REPO).get_pull(number)
        github.clear_requests()
        assert [each.filename for each in pull.get_files()] == sorted(files)
    assert len(github.requests) == 3


def test_a_push_moves_the_pull_request_along(github: LoopbackGitHub, ana: Github):
    sha = github.push(REPO, {REQUEST: b"hf_id: a/c\n"}, branch="add-x")
    assert ana.get_repo(REPO).get_pull(1).head.sha == sha


def test_pull_requests_are_listed_by_what_they_are(github: LoopbackGitHub, ana: Github):
    github.push(REPO, {"y": b"y"}, branch="add-y")
    closed = github.open_pull(REPO, "add-y")
    github.change_pull(REPO, closed, is_closed=True)
    repo = ana.get_repo(REPO)
    assert [pull.number for pull in repo.get_pulls()] == [1]
    assert [pull.number for pull in repo.get_pulls(state="closed")] == [closed]
    assert [pull.number for pull in repo.get_pulls(state="all")] == [closed, 1]
    assert [pull.number for pull in repo.get_pulls(head="acme:add-x", base="main")] == [1]
    assert list(repo.get_pulls(base="next")) == []


def test_a_merge_brings_the_files_to_the_base_and_is_found_by_its_commit(
    github: LoopbackGitHub, workflow: Github
):
    repo = workflow.get_repo(REPO)
    pull = repo.get_pull(1)
    assert not pull.is_merged()
    merged = pull.merge(sha=pull.head.sha, merge_method="squash", commit_title="Add x (#1)")
    assert merged.merged
    assert github.files(REPO)[REQUEST] == b"hf_id: a/b\n"
    assert repo.get_branch("main").commit.sha == merged.sha
    assert repo.get_commit(merged.sha).commit.message.startswith("Add x (#1)")
    assert [each.number for each in repo.get_commit(merged.sha).get_pulls()] == [1]
    pull = repo.get_pull(1)
    assert pull.is_merged()
    assert (pull.state, pull.merged, pull.merged_by.login) == ("closed", True, BOT)
    assert pull.merge_commit_sha == merged.sha


def test_what_was_removed_or_renamed_is_so_on_the_base_after_the_merge(
    github: LoopbackGitHub, ana: Github
):
    github.push(REPO, {"a": b"a", "b": b"b"})
    github.push(REPO, {"c": b"a"}, branch="tidy", delete=["a", "b"])
    ana.get_repo(REPO).get_pull(github.open_pull(REPO, "tidy")).merge()
    assert github.files(REPO) == {"README.md": b"# Requests\n", "c": b"a"}


def test_a_head_that_moved_is_not_merged(github: LoopbackGitHub, ana: Github):
    pull = ana.get_repo(REPO).get_pull(1)
    github.push(REPO, {REQUEST: b"hf_id: a/c\n"}, branch="add-x")
    with pytest.raises(GithubException, match="Head branch was modified") as refused:
        pull.merge(sha=pull.head.sha)
    assert refused.value.status == 409
    assert github.pull(REPO, 1).is_open


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"is_closed": True}, "Pull Request is not mergeable"),
        ({"is_draft": True}, "Pull Request is still a draft"),
        ({"verdict": "conflict"}, "Pull Request is not mergeable"),
        ({"blocked": 'Required status check "x" is expected.'}, "Required status check"),
    ],
)
def test_what_cannot_be_merged_says_why(
    github: LoopbackGitHub, ana: Github, change: dict[str, object], message: str
):
    github.change_pull(REPO, 1, **change)
    before = github.files(REPO)
    with pytest.raises(GithubException, match=message) as refused:
        ana.get_repo(REPO).get_pull(1).merge()
    assert refused.value.status == 405
    assert github.files(REPO) == before
    assert github.pull(REPO, 1).merged_at is None


@pytest.mark.parametrize(
    ("change", "mergeable", "state"),
    [
        ({"verdict": "unknown"}, None, "unknown"),
        ({"verdict": "conflict"}, False, "dirty"),
        ({"is_draft": True}, True, "draft"),
        ({"blocked": "no"}, True, "blocked"),
    ],
)
def test_how_it_stands_with_a_merge_is_told(
    github: LoopbackGitHub,
    ana: Github,
    change: dict[str, object],
    mergeable: bool | None,
    state: str,
):
    github.change_pull(REPO, 1, **change)
    pull = ana.get_repo(REPO).get_pull(1)
    assert (pull.mergeable, pull.mergeable_state) == (mergeable, state)


def test_a_block_is_lifted(github: LoopbackGitHub, ana: Github):
    github.change_pull(REPO, 1, blocked="At least 1 approving review is required.")
    github.change_pull(REPO, 1, blocked="")
    assert ana.get_repo(REPO).get_pull(1).merge().merged


def test_a_base_that_changed_the_same_file_is_a_conflict(github: LoopbackGitHub, ana: Github):
    github.push(REPO, {REQUEST: b"hf_id: a/b\n"})
    assert ana.get_repo(REPO).get_pull(1).mergeable, "the same change is none"
    github.push(REPO, {REQUEST: b"hf_id: c/d\n"})
    pull = ana.get_repo(REPO).get_pull(1)
    assert pull.mergeable is False
    with pytest.raises(GithubException, match="not mergeable"):
        pull.merge()


def test_a_way_to_merge_that_the_repository_forbids_is_refused(github: LoopbackGitHub, ana: Github):
    github.change_repo(REPO, merge_methods=["squash"])
    pull = ana.get_repo(REPO).get_pull(1)
    with pytest.raises(GithubException, match="Merge commits are not allowed") as refused:
        pull.merge()
    assert refused.value.status == 405
    assert pull.merge(merge_method="squash").merged


@pytest.mark.parametrize("is_integration", [True, False])
def test_who_may_not_write_contents_does_not_merge(github: LoopbackGitHub, is_integration: bool):
    rights = ["issues", "pull_requests"]
    github.add_token("gh_made_up", "eve", rights=rights, is_integration=is_integration)
    with connected(github, "gh_made_up") as client:
        pull = client.get_repo(REPO).get_pull(1)
        with pytest.raises(GithubException) as refused:
            pull.merge()
    assert refused.value.status == (403 if is_integration else 404)
    assert github.pull(REPO, 1).is_open


def test_a_workflow_is_told_of_the_pull_request_by_an_event(github: LoopbackGitHub, ana: Github):
    event = github.event(REPO, 1, action="synchronize")
    pull = ana.create_from_raw_data(PullRequest, event["pull_request"])
    assert (event["action"], event["number"], pull.head.sha) == (
        "synchronize",
        1,
        github.pull(REPO, 1).head_sha,
    )
    assert event["repository"]["full_name"] == REPO
    with pytest.raises(KeyError):
        github.event(REPO, 2)
