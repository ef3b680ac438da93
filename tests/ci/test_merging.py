"""Merging by itself: only where nothing speaks against it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hugflow.ci.event import PullEvent
from hugflow.ci.merging import NotMerged, merge_when_green
from hugflow.clients.github import GitHub
from hugflow.errors import HugflowError, PlanOutOfDate
from hugflow.testing.faults import Match, Status
from hugflow.testing.github import LoopbackGitHub
from tests.testing.githubs import REPO, TOKEN, connected, fill

Merge = Callable[..., str]


@pytest.fixture
def event(github: LoopbackGitHub) -> PullEvent:
    """Pull request 1."""
    fill(github)
    pull = github.pull(REPO, 1)
    return PullEvent(REPO, 1, pull.head_sha, "0" * 40, "main", is_fork=False)


@pytest.fixture
def merge(github: LoopbackGitHub, event: PullEvent) -> Merge:
    """Merge it with a person's token; nobody is waited for longer than told."""

    def merge(**options: Any) -> str:
        with GitHub(github.api_url, TOKEN, patience_s=5) as client:
            return merge_when_green(client, event, **{"run_id": None, "patience_s": 0.0, **options})

    return merge


def say(github: LoopbackGitHub, event: PullEvent, name: str, **content: str) -> int:
    """Let a check of a workflow say something."""
    with connected(github, "ghs_made_up") as client:
        run = client.get_repo(REPO).create_check_run(name, event.head_sha, **content)
        return run.id


def end(github: LoopbackGitHub, check: int, conclusion: str) -> None:
    with connected(github, "ghs_made_up") as client:
        client.get_repo(REPO).get_check_run(check).edit(status="completed", conclusion=conclusion)


def test_where_nothing_speaks_against_it_it_is_merged(
    github: LoopbackGitHub, event: PullEvent, merge: Merge
):
    say(github, event, "lint", status="completed", conclusion="success")
    say(github, event, "docs", status="completed", conclusion="skipped")
    commit = merge()
    assert github.pull(REPO, 1).merge_sha == commit


@pytest.mark.parametrize("conclusion", ["failure", "timed_out", "cancelled", "action_required"])
def test_a_red_check_leaves_it_to_people(
    github: LoopbackGitHub, event: PullEvent, merge: Merge, conclusion: str
):
    say(github, event, "lint", status="completed", conclusion=conclusion)
    with pytest.raises(NotMerged, match="lint"):
        merge()
    assert github.pull(REPO, 1).is_open


def test_a_red_status_leaves_it_to_people(github: LoopbackGitHub, event: PullEvent, merge: Merge):
    with connected(github) as client:
        client.get_repo(REPO).get_commit(event.head_sha).create_status("error", context="jenkins")
    with pytest.raises(NotMerged, match="jenkins"):
        merge()


def test_a_check_at_work_is_waited_for(github: LoopbackGitHub, event: PullEvent, merge: Merge):
    check = say(github, event, "lint", status="in_progress")
    with pytest.raises(NotMerged, match="still at work: lint"):
        merge()
    merge(patience_s=60.0, sleep=lambda seconds: end(github, check, "success"))
    assert github.pull(REPO, 1).merge_sha is not None


def test_the_workflow_run_that_we_are_in_is_not_waited_for(
    github: LoopbackGitHub, event: PullEvent, merge: Merge
):
    url = "https://github.com/acme/requests/actions/runs/77/job/5"
    say(github, event, "sync", status="in_progress", details_url=url)
    say(github, event, "hugflow", status="in_progress")
    with pytest.raises(NotMerged, match="sync"):
        merge(run_id="7")
    merge(run_id="77")


def test_checks_that_cannot_be_read_leave_it_to_people(github: LoopbackGitHub, merge: Merge):
    github.inject(Status(403), when=Match(path="*/check-runs"), times=None)
    with pytest.raises(NotMerged) as raised:
        merge()
    assert "cannot be read" in raised.value.why
    assert github.pull(REPO, 1).is_open


def test_a_rule_that_forbids_it_for_now_is_waited_for(github: LoopbackGitHub, merge: Merge):
    github.change_pull(REPO, 1, blocked='Required status check "ci" is expected.')
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        github.change_pull(REPO, 1, blocked="")

    commit = merge(patience_s=60.0, sleep=sleep)
    assert (len(slept), github.pull(REPO, 1).merge_sha) == (1, commit)


def test_one_that_goes_to_another_branch_by_now_is_left_to_people(
    github: LoopbackGitHub, event: PullEvent
):
    elsewhere = replace(event, base_ref="release")
    with GitHub(github.api_url, TOKEN) as client, pytest.raises(NotMerged) as raised:
        merge_when_green(client, elsewhere, run_id=None)
    assert "release" in raised.value.why


def test_a_push_meanwhile_is_not_merged(github: LoopbackGitHub, merge: Merge):
    github.push(REPO, {"requests/add/late.yaml": b"a: b\n"}, branch="add-x")
    with pytest.raises(PlanOutOfDate):
        merge()
    assert github.pull(REPO, 1).is_open


def test_what_github_refuses_is_told_in_its_words(github: LoopbackGitHub, merge: Merge):
    github.change_pull(REPO, 1, blocked="At least 1 approving review is required.")
    with pytest.raises(HugflowError, match=r"(?s)approving review"):
        merge()
