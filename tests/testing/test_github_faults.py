"""What fails between PyGithub and the loopback GitHub, and what has happened all the same."""

import time

import pytest
from github import Github, GithubException, GithubRetry
from github import RateLimitExceededException as RateLimitExceeded

import requests
from hugflow.testing.faults import Fault, Match, Page, Reset, Stall, Status
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.limits import PrimaryLimit, SecondaryLimit
from tests.testing.githubs import REPO, connected

COMMENTING = Match(method="POST", path="*/comments")
BROKEN = (GithubException, requests.RequestException)


@pytest.mark.parametrize("fault", [Reset(), Status(502), Page(502), SecondaryLimit()])
def test_what_fails_before_it_takes_effect_leaves_no_comment(
    github: LoopbackGitHub, ana: Github, fault: Fault
):
    pull = ana.get_repo(REPO).get_pull(1)
    github.inject(fault, when=COMMENTING)
    with pytest.raises(BROKEN):
        pull.create_issue_comment("Hello")
    assert github.comments(REPO, 1) == ()
    first = pull.create_issue_comment("Hello")
    assert [each.id for each in github.comments(REPO, 1)] == [first.id]


@pytest.mark.parametrize("fault", [Reset(), Status(502)])
def test_an_answer_that_is_lost_leaves_a_comment_that_nobody_was_told_of(
    github: LoopbackGitHub, ana: Github, fault: Fault
):
    pull = ana.get_repo(REPO).get_pull(1)
    github.inject(fault, when=COMMENTING, with_effect=True)
    with pytest.raises(BROKEN):
        pull.create_issue_comment("Hello")
    [lost] = github.comments(REPO, 1)
    assert [each.id for each in pull.get_issue_comments()] == [lost.id]
    assert github.requests[-2].faults == (type(fault).__name__,)


def test_an_answer_that_is_too_late_leaves_its_comment(github: LoopbackGitHub):
    github.inject(Stall(3), when=COMMENTING)
    with connected(github) as client:
        client.requester._Requester__timeout = 0.3
        pull = client.get_repo(REPO).get_pull(1)
        with pytest.raises(requests.ReadTimeout):
            pull.create_issue_comment("Hello")
    assert len(github.comments(REPO, 1)) == 1


def test_an_edit_whose_answer_is_lost_has_happened_and_one_that_was_refused_has_not(
    github: LoopbackGitHub, ana: Github
):
    comment = ana.get_repo(REPO).get_pull(1).create_issue_comment("zero")
    editing = Match(method="PATCH")
    for body, with_effect, kept in [("one", False, "zero"), ("two", True, "two")]:
        github.inject(Reset(), when=editing, with_effect=with_effect)
        with pytest.raises(requests.ConnectionError):
            comment.edit(body)
        assert [each.body for each in github.comments(REPO, 1)] == [kept]


def test_a_merge_whose_answer_is_lost_has_happened(github: LoopbackGitHub, ana: Github):
    pull = ana.get_repo(REPO).get_pull(1)
    github.inject(Reset(), when=Match(method="PUT"), with_effect=True)
    with pytest.raises(requests.ConnectionError):
        pull.merge(sha=pull.head.sha)
    assert pull.is_merged()


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        (SecondaryLimit(), 403, "secondary rate limit"),
        (PrimaryLimit(), 403, "API rate limit exceeded"),
    ],
)
def test_a_limit_is_known_for_one(
    github: LoopbackGitHub, ana: Github, fault: Fault, status: int, message: str
):
    github.inject(fault)
    with pytest.raises(RateLimitExceeded, match=message) as refused:
        ana.get_repo(REPO)
    assert refused.value.status == status


def test_a_limit_says_how_long_to_wait(github: LoopbackGitHub, ana: Github):
    github.inject(SecondaryLimit(7), SecondaryLimit(8, code=429), SecondaryLimit(None))
    found = []
    for _ in range(3):
        with pytest.raises(GithubException) as refused:
            ana.get_repo(REPO)
        assert refused.value.headers is not None
        found.append((refused.value.status, refused.value.headers.get("retry-after")))
    assert found == [(403, "7"), (429, "8"), (403, None)]
    github.inject(PrimaryLimit(60))
    with pytest.raises(RateLimitExceeded):
        ana.get_repo(REPO)
    assert ana.rate_limiting == (0, 5000)
    assert 58 < ana.rate_limiting_resettime - time.time() <= 60


@pytest.mark.parametrize("limit", [SecondaryLimit(), PrimaryLimit(), Status(503), Page(503)])
def test_a_refusal_can_come_late(github: LoopbackGitHub, ana: Github, limit: Fault):
    github.inject(Stall(0.3))
    github.inject(limit)
    before = time.monotonic()
    with pytest.raises(GithubException):
        ana.get_repo(REPO)
    assert time.monotonic() - before >= 0.3


def test_pygithub_waits_out_a_limit_by_itself(github: LoopbackGitHub):
    limit = github.inject(SecondaryLimit(1))
    with connected(github) as client:
        client.requester._Requester__retry = GithubRetry(total=2)
        assert client.get_repo(REPO).full_name == REPO
    assert limit.struck == 1
    assert [line.status for line in github.requests] == [403, 200]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Status(401), "Bad credentials"),
        (Status(404), "Not Found"),
        (Status(500), "Server Error"),
        (Status(503), "Service Unavailable"),
        (Status(403, error_code="Resource not accessible by integration"), "not accessible by"),
    ],
)
def test_an_error_is_worded_as_github_words_it(
    github: LoopbackGitHub, ana: Github, fault: Status, message: str
):
    github.inject(fault)
    with pytest.raises(GithubException) as refused:
        ana.get_repo(REPO)
    assert refused.value.status == fault.code
    assert message in refused.value.data["message"]
    assert refused.value.data["status"] == str(fault.code)
    assert refused.value.data["documentation_url"].startswith("https://docs.github.com/rest")


def test_faults_are_for_whom_they_are_meant(github: LoopbackGitHub, ana: Github):
    github.inject(Status(503), when=Match(port="slack"), times=None)
    github.inject(Status(503), when=Match(port="github", path="*/comments"), times=None)
    pull = ana.get_repo(REPO).get_pull(1)
    with pytest.raises(GithubException):
        pull.create_issue_comment("Hello")


def test_an_outage_ends_where_it_began(github: LoopbackGitHub, ana: Github):
    pull = ana.get_repo(REPO).get_pull(1)
    with github.outage(), pytest.raises(requests.ConnectionError):
        pull.create_issue_comment("Hello")
    pull.create_issue_comment("Hello again")
    assert [each.body for each in github.comments(REPO, 1)] == ["Hello again"]
