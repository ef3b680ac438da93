"""What stands on a pull request after what happened: one living comment, a check, one outcome."""

import logging
from collections import Counter
from dataclasses import replace

import pytest

from hugflow.clients.github import GitHub
from hugflow.ledger.progress import Status
from hugflow.notify.markers import living_marker
from hugflow.notify.senders import Senders
from hugflow.notify.telling import TellingPace
from hugflow.store.layout import Places
from hugflow.testing.faults import Fault, Match, Page, Reset
from hugflow.testing.faults import Status as StatusFault
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.limits import PrimaryLimit, SecondaryLimit
from tests.notify.conftest import Teller, lines, pull_of
from tests.notify.conversations import line, refused
from tests.testing.githubs import BOT, REPO, REQUEST, TOKEN

COMMENTING = Match(method="POST", path="*/comments")


def bodies(github: LoopbackGitHub) -> list[str]:
    return [comment.body for comment in github.comments(REPO, 1)]


def writes(github: LoopbackGitHub) -> Counter[str]:
    """What was sent to alter something, by method and the last word of the path."""
    found: Counter[str] = Counter()
    for ask in github.requests:
        if ask.method != "GET" and not ask.path.endswith("graphql"):
            words = [
                part for part in ask.path.split("/") if not part.isdecimal() and len(part) < 40
            ]
            found[f"{ask.method} {words[-1]}"] += 1
    return found


def test_a_plan_is_told_in_one_comment_and_a_check(github: LoopbackGitHub, workflow: Teller):
    workflow.open(*lines("a", "b"), refused(), details_url="https://host/run").tell()
    [comment] = github.comments(REPO, 1)
    assert comment.author == BOT
    assert comment.body.startswith(living_marker(pull_of(github)))
    assert all(name in comment.body for name in ("`a`", "`b`", "hf_id: is no name"))
    [check] = github.check_runs(REPO)
    assert (check.name, check.head_sha) == ("hugflow", github.pull(REPO, 1).head_sha)
    assert (check.status, check.details_url) == ("in_progress", "https://host/run")
    assert github.statuses(REPO) == ()


def test_a_person_tells_a_status_instead_of_a_check_run(github: LoopbackGitHub, person: Teller):
    person.open(*lines("a")).tell()
    assert github.check_runs(REPO) == ()
    [status] = github.statuses(REPO)
    assert (status.context, status.state, status.creator) == ("hugflow", "pending", "ana")
    person.see("downloading", "a")
    person.tell()
    # That check runs are not allowed is asked once, not at each change.
    assert writes(github)["POST check-runs"] == 1


def test_who_may_tell_no_check_at_all_still_comments(
    github: LoopbackGitHub, workflow: Teller, caplog: pytest.LogCaptureFixture
):
    github.add_token("ghs_made_up", BOT, is_integration=True, rights=["issues"])
    assert workflow.open(*lines("a")).tell().trouble is None
    workflow.see("downloading", "a")
    workflow.tell()
    assert len(bodies(github)) == 1
    assert "downloading" in bodies(github)[0]
    assert [line.count("no check could be set") for line in caplog.messages].count(1) == 1


def test_who_may_not_comment_still_tells_the_check(github: LoopbackGitHub, workflow: Teller):
    github.add_token("ghs_made_up", BOT, is_integration=True, rights=["checks"])
    told = workflow.open(*lines("a")).tell()
    assert bodies(github) == []
    assert len(github.check_runs(REPO)) == 1
    assert "403" in (told.trouble or "")
    assert told.again_at is not None


def test_what_did_not_change_is_not_told_again(github: LoopbackGitHub, workflow: Teller):
    workflow.open(*lines("a")).tell()
    asked = len(github.requests)
    for _ in range(5):
        assert workflow.tell().again_at is None
    assert len(github.requests) == asked


def test_progress_is_told_in_the_same_comment(github: LoopbackGitHub, workflow: Teller):
    workflow.open(*lines("a")).tell()
    workflow.see("downloading", "a")
    workflow.tell()
    assert "Starting download..." in bodies(github)[0]
    for rows in range(1_000, 5_000, 1_000):
        workflow.see("downloading", "a", rows=rows)
        workflow.tell()
        assert f"{rows:,} of 10,000" in bodies(github)[0]
    counted = writes(github)
    assert counted["POST comments"] == 1
    assert counted["PATCH comments"] == 5
    # The check changes with the state, not with each of these.
    assert counted["PATCH check-runs"] == 1


def test_the_end_is_told_in_a_comment_of_its_own_and_once(github: LoopbackGitHub, workflow: Teller):
    workflow.open(*lines("a")).tell()
    workflow.see("completed", "a")
    assert workflow.tell().again_at is None
    living, outcome = bodies(github)
    assert "✅ completed" in living
    assert "`a`: 10,000 rows" in outcome
    assert [(each.status, each.conclusion) for each in github.check_runs(REPO)] == [
        ("completed", "success")
    ]
    asked = len(github.requests)
    workflow.finish()
    workflow.tell()
    assert len(github.requests) == asked
    assert workflow.conversation.delivered_at is not None


def test_an_add_that_is_done_is_told_beside_a_removal_that_comes_after_the_merge(
    github: LoopbackGitHub, workflow: Teller
):
    later = replace(line(None, "old", facts=None), kind="remove")
    workflow.open(*lines("a"), later).see("completed", "a")
    assert workflow.tell().again_at is None
    assert len(bodies(github)) == 1
    workflow.finish()
    workflow.tell()
    _, outcome = bodies(github)
    assert "**Completed**: 1 of 2 requests." in outcome
    assert "`a`: 10,000 rows" in outcome
    assert "`old` goes after the merge." in outcome
    workflow.open(*lines("a"), later).see("completed", "a")
    workflow.see("removed", "old")
    workflow.tell()
    assert "`old` was removed." in bodies(github)[-1]
    assert len(bodies(github)) == 3


def test_a_removal_that_is_done_is_told_beside_the_add_that_it_shadows(
    github: LoopbackGitHub, workflow: Teller
):
    why = "it is shadowed by requests/remove/a.yaml"
    shadowed = line(None, "a", facts=None, is_idle=True, remarks=(why,), request="1")
    workflow.open(shadowed, replace(line(None, "a", facts=None), kind="remove", request="2"))
    workflow.see("removed", "a", request="2")
    assert workflow.tell().again_at is None
    _, outcome = bodies(github)
    assert "**Completed**: 1 of 2 requests." in outcome
    assert f"`a`: nothing is to be done, `{why}`; `a` was removed." in outcome


def test_what_happens_after_the_end_is_not_told(github: LoopbackGitHub, workflow: Teller):
    workflow.open(*lines("a")).see("completed", "a")
    workflow.tell()
    before = bodies(github)
    workflow.see("removed", "a")
    workflow.tell()
    assert bodies(github) == before


def test_a_failure_is_told_when_the_job_says_that_it_is_over(
    github: LoopbackGitHub, workflow: Teller
):
    workflow.open(*lines("a", "b")).see("failed", "a")
    workflow.see("completed", "b")
    workflow.tell()
    assert len(bodies(github)) == 1
    workflow.finish()
    workflow.tell()
    _, outcome = bodies(github)
    assert "**Failed**: 1 of 2 requests" in outcome
    assert "`a` failed: `no room left`." in outcome
    assert github.check_runs(REPO)[0].conclusion == "failure"


@pytest.mark.parametrize(
    ("state", "conclusion"),
    [("completed", "success"), ("failed", "failure"), ("interrupted", "failure")],
)
def test_a_job_that_is_over_while_another_makes_its_dataset_ends_with_that(
    github: LoopbackGitHub, workflow: Teller, state: Status, conclusion: str
):
    workflow.open(*lines("a")).see("downloading", "a")
    workflow.finish()
    workflow.tell()
    assert [each.status for each in github.check_runs(REPO)] == ["in_progress"]
    workflow.see(state, "a")
    workflow.tell()
    assert [each.conclusion for each in github.check_runs(REPO)] == [conclusion]
    assert len(bodies(github)) == 2
    assert workflow.conversation.delivered_at is not None


def test_a_job_that_begins_anew_does_not_end_with_the_one_before(
    github: LoopbackGitHub, workflow: Teller
):
    workflow.open(*lines("a")).see("downloading", "a")
    workflow.finish()
    workflow.open(*lines("a")).see("failed", "a")
    workflow.tell()
    assert not workflow.conversation.is_finished


def test_a_plan_alone_ends_green_and_without_a_second_comment(
    github: LoopbackGitHub, workflow: Teller
):
    workflow.open(*lines("a")).finish()
    workflow.tell()
    assert len(bodies(github)) == 1
    assert github.check_runs(REPO)[0].conclusion == "success"


def test_a_pull_request_without_requests_hears_nothing(github: LoopbackGitHub, workflow: Teller):
    workflow.open()
    assert workflow.key == ""
    assert not workflow.places.outbox.exists()
    workflow.open(*lines("a")).tell()
    workflow.open().tell()
    [living] = bodies(github)
    assert "no request here any more" in living


@pytest.mark.parametrize("fault", [Reset(), StatusFault(502), Page(200)])
@pytest.mark.parametrize("with_effect", [True, False])
def test_a_comment_whose_answer_was_lost_is_not_made_twice(
    github: LoopbackGitHub, workflow: Teller, fault: Fault, with_effect: bool
):
    github.inject(fault, when=COMMENTING, with_effect=with_effect)
    assert workflow.open(*lines("a")).tell().trouble is not None
    workflow.see("completed", "a")
    # Too early to know: nobody is asked.
    asked = len(github.requests)
    assert workflow.tell(after_s=workflow.pace.settle_s - 5).again_at is not None
    assert len(github.requests) == asked
    workflow.tell()
    living, outcome = bodies(github)
    assert "✅ completed" in living
    assert "**Completed**" in outcome
    assert writes(github)["POST comments"] == (2 if with_effect else 3)


@pytest.mark.parametrize("with_effect", [True, False])
def test_an_outcome_whose_answer_was_lost_is_not_made_twice(
    github: LoopbackGitHub, workflow: Teller, with_effect: bool
):
    workflow.open(*lines("a")).tell()
    github.inject(Reset(), when=COMMENTING, with_effect=with_effect)
    workflow.see("completed", "a")
    workflow.tell()
    workflow.tell()
    assert len(bodies(github)) == 2
    assert workflow.conversation.delivered_at is not None


def test_a_check_whose_answer_was_lost_is_found_by_its_mark(
    github: LoopbackGitHub, workflow: Teller
):
    github.inject(Reset(), when=Match(method="POST", path="*/check-runs"), with_effect=True)
    workflow.open(*lines("a")).tell()
    workflow.tell()
    workflow.see("completed", "a")
    workflow.tell()
    [check] = github.check_runs(REPO)
    assert check.conclusion == "success"


def test_an_edit_whose_answer_was_lost_is_made_again(github: LoopbackGitHub, workflow: Teller):
    workflow.open(*lines("a")).tell()
    github.inject(Reset(), when=Match(method="PATCH", path="*/comments/*"), with_effect=True)
    workflow.see("downloading", "a", rows=5)
    workflow.tell()
    workflow.tell()
    [living] = bodies(github)
    assert "5 of 10,000" in living


def test_a_lost_outbox_costs_no_comment(github: LoopbackGitHub, workflow: Teller):
    workflow.open(*lines("a")).see("completed", "a")
    workflow.tell()
    before = github.comments(REPO, 1)
    workflow.places.conversation(workflow.key).unlink()
    workflow.open(*lines("a")).see("completed", "a")
    workflow.tell()
    assert [each.id for each in github.comments(REPO, 1)] == [each.id for each in before]
    assert writes(github)["POST comments"] == 2


def test_a_damaged_outbox_costs_no_comment(github: LoopbackGitHub, workflow: Teller):
    workflow.open(*lines("a")).tell()
    workflow.places.conversation(workflow.key).write_text('{"version": 1, "key"')
    assert workflow.tell().again_at is None
    workflow.open(*lines("a")).tell()
    assert len(bodies(github)) == 1


@pytest.mark.parametrize("author", ["bob", "github-actions"])
def test_a_marked_comment_of_somebody_else_is_left_alone(
    github: LoopbackGitHub, workflow: Teller, author: str
):
    forged = f"{living_marker(pull_of(github))}\nmine"
    github.comment(REPO, 1, forged, author=author)
    workflow.open(*lines("a")).tell()
    foreign, ours = github.comments(REPO, 1)
    assert foreign.body == forged
    assert ours.author == BOT


def test_another_comment_of_our_own_is_left_alone(github: LoopbackGitHub, workflow: Teller):
    # Another workflow has the same name, and quotes whatever people say.
    quoted = f"bob said:\n> {living_marker(pull_of(github))}"
    github.comment(REPO, 1, quoted, author=BOT)
    workflow.open(*lines("a")).tell()
    assert bodies(github)[0] == quoted
    assert len(bodies(github)) == 2


def test_a_deleted_comment_is_made_again_once(
    github: LoopbackGitHub, workflow: Teller, caplog: pytest.LogCaptureFixture
):
    workflow.open(*lines("a")).tell()
    for times in range(3):
        [comment] = github.comments(REPO, 1) or [None]
        if comment is not None:
            github.delete_comment(REPO, comment.id)
        workflow.see("downloading", "a", rows=times + 1)
        workflow.tell()
    assert bodies(github) == []
    assert writes(github)["POST comments"] == 2
    assert any("not made again" in line for line in caplog.messages)
    # How it ended is another comment, and nobody said that it is unwanted.
    workflow.see("completed", "a")
    workflow.tell()
    [outcome] = bodies(github)
    assert "**Completed**" in outcome


def test_a_repository_that_hides_for_a_while_is_no_deleted_comment(
    github: LoopbackGitHub, workflow: Teller
):
    workflow.open(*lines("a")).tell()
    with github.faults(StatusFault(404), times=None):
        workflow.see("downloading", "a", rows=1)
        assert "404" in (workflow.tell().trouble or "")
    workflow.tell(after_s=3600)
    [living] = bodies(github)
    assert "1 of 10,000" in living
    assert writes(github)["POST comments"] == 1
    assert not workflow.conversation.github.was_recreated


def test_a_comment_that_is_recreated_in_the_middle_of_a_kill_is_recreated_once(
    github: LoopbackGitHub, workflow: Teller
):
    workflow.open(*lines("a")).tell()
    github.delete_comment(REPO, github.comments(REPO, 1)[0].id)
    github.inject(Reset(), when=COMMENTING, with_effect=True)
    workflow.see("downloading", "a")
    workflow.tell()
    workflow.tell()
    assert len(bodies(github)) == 1
    assert not workflow.conversation.github.is_unwanted


def test_a_new_commit_is_told_in_the_same_comment_with_a_check_and_an_outcome_of_its_own(
    github: LoopbackGitHub, workflow: Teller
):
    workflow.open(*lines("a")).see("completed", "a")
    workflow.tell()
    github.push(REPO, {REQUEST: b"hf_id: a/c\n"}, branch="add-x")
    workflow.pull = pull_of(github)
    workflow.open(*lines("a", "b")).tell()
    assert "2 requests" in bodies(github)[0]
    assert [each.status for each in github.check_runs(REPO)] == ["completed", "queued"]
    workflow.see("completed", "a")
    workflow.see("completed", "b")
    workflow.tell()
    assert len(bodies(github)) == 3
    assert [each.conclusion for each in github.check_runs(REPO)] == ["success", "success"]


def test_the_same_work_done_again_on_the_same_commit_is_no_news(
    github: LoopbackGitHub, workflow: Teller
):
    for _ in range(3):
        workflow.open(*lines("a")).tell()
        workflow.see("completed", "a")
        workflow.tell()
    assert len(bodies(github)) == 2
    # A check that is over stays as it is; the work that starts again has another.
    assert [each.conclusion for each in github.check_runs(REPO)] == ["success"] * 3


def test_another_end_on_the_same_commit_is_news(github: LoopbackGitHub, workflow: Teller):
    workflow.open(*lines("a")).see("failed", "a")
    workflow.finish()
    workflow.tell()
    workflow.open(*lines("a")).see("completed", "a")
    workflow.tell()
    _, failed, completed = bodies(github)
    assert "**Failed**" in failed
    assert "**Completed**" in completed


def test_progress_keeps_its_distance_and_a_change_of_state_does_not(
    github: LoopbackGitHub, workflow: Teller
):
    workflow.open(*lines("a")).tell()
    workflow.see("downloading", "a")
    workflow.tell(after_s=0)
    assert "Starting download..." in bodies(github)[0]
    workflow.see("downloading", "a", rows=1_000)
    later = workflow.tell(after_s=0)
    assert "1,000 of" not in bodies(github)[0]
    assert later.again_at is not None
    assert 0 < (later.again_at - workflow.watch()).total_seconds() <= workflow.pace.spacing_s
    workflow.see("downloading", "a", rows=2_000)
    workflow.tell(after_s=workflow.pace.spacing_s)
    assert "2,000 of" in bodies(github)[0]
    workflow.see("downloading", "a", rows=3_000)
    workflow.tell(after_s=0, is_hurried=True)
    assert "3,000 of" in bodies(github)[0]


def test_notices_about_another_request_for_the_same_dataset_are_not_told(
    github: LoopbackGitHub, workflow: Teller
):
    workflow.open(replace(line(None, "a"), request="one")).see("completed", "a", request="other")
    workflow.tell()
    assert "completed" not in bodies(github)[0]
    workflow.see("completed", "a", request="one")
    workflow.tell()
    assert "✅ completed" in bodies(github)[0]


def test_what_was_told_of_a_dataset_before_does_not_count(github: LoopbackGitHub, workflow: Teller):
    workflow.see("failed", "a")
    workflow.watch.advance(60)
    workflow.open(*lines("a")).tell()
    assert "failed" not in bodies(github)[0]


@pytest.mark.parametrize(
    ("fault", "wait_s"),
    [
        (SecondaryLimit(90), 90),
        (SecondaryLimit(90, code=429), 90),
        (SecondaryLimit(None), 60),
        (PrimaryLimit(1_000), 1_000),
        (StatusFault(503, retry_after_s=200), 200),
    ],
)
def test_a_limit_is_kept_by_all_and_told(
    github: LoopbackGitHub,
    workflow: Teller,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    wait_s: float,
):
    workflow.open(*lines("a"))
    limit = github.inject(fault)
    with caplog.at_level(logging.WARNING):
        told = workflow.tell()
    assert told.is_away
    assert limit.struck == 1
    until = told.again_at
    assert until is not None
    assert (until - workflow.watch()).total_seconds() == pytest.approx(wait_s, abs=3)
    assert workflow.conversation.attempt.not_before == until
    assert f"the next attempt is at {until:%Y-%m-%d %H:%M:%S} UTC" in caplog.text
    asked = len(github.requests)
    github.push(REPO, {"requests/add/y.yaml": b"hf_id: a/y\n"}, branch="add-y")
    number = github.open_pull(REPO, "add-y")
    other = replace(workflow, pull=replace(pull_of(github), number=number)).open(*lines("b"))
    # Not even who is in a hurry asks before the time, nor about anything else.
    for teller in (workflow, other):
        assert teller.tell(after_s=0, is_hurried=True).again_at == until
    assert len(github.requests) == asked
    assert workflow.tell(after_s=wait_s + 5).trouble is None
    assert len(bodies(github)) == 1


def test_an_outage_is_waited_out_longer_and_longer_and_ends_with_the_last_state(
    github: LoopbackGitHub, workflow: Teller
):
    workflow.pace = TellingPace(first_wait_s=2, longest_wait_s=30)
    workflow.open(*lines("a"))
    waits = []
    with github.outage():
        for rows in range(8):
            workflow.see("downloading", "a", rows=rows)
            told = workflow.tell(after_s=60)
            assert told.again_at is not None
            waits.append((told.again_at - workflow.watch()).total_seconds())
        assert bodies(github) == []
    assert waits == [2, 4, 8, 16, 30, 30, 30, 30]
    workflow.see("completed", "a")
    assert workflow.tell(after_s=60).again_at is None
    living, outcome = bodies(github)
    assert "✅ completed" in living
    assert "**Completed**" in outcome
    assert workflow.conversation.attempt.failures == 0


def test_before_its_time_nobody_is_asked_but_by_who_is_in_a_hurry(
    github: LoopbackGitHub, workflow: Teller
):
    workflow.open(*lines("a"))
    with github.outage():
        workflow.tell()
    assert workflow.tell(after_s=1).again_at is not None
    assert github.requests == ()
    workflow.tell(after_s=0, is_hurried=True)
    assert len(bodies(github)) == 1


def test_a_refusal_is_tried_again_seldom_and_mended_by_another_token(
    github: LoopbackGitHub, workflow: Teller, places: Places
):
    github.remove_token("ghs_made_up")
    workflow.open(*lines("a"))
    waits = []
    for _ in range(10):
        told = workflow.tell(after_s=7 * 3600)
        assert told.again_at is not None
        waits.append((told.again_at - workflow.watch()).total_seconds())
    assert waits[:3] == [300, 600, 1200]
    assert waits[-1] == 6 * 3600
    with GitHub(github.api_url, TOKEN, timeout_s=1) as client:
        workflow.senders = Senders(github=client)
        # Whoever starts again does not wait for what another token was refused.
        workflow.open(*lines("a")).tell(after_s=0)
    assert len(bodies(github)) == 1


def test_no_secret_is_told(github: LoopbackGitHub, workflow: Teller):
    secret = "tok<en>|with`signs"
    failure = line("failed", "a").notice
    assert failure is not None
    told = replace(failure, failure=replace(failure.failure, what=f"GET /?k={secret} failed"))
    workflow.senders = replace(workflow.senders, secrets=(secret, TOKEN))
    workflow.open(
        replace(line(None, "a"), notice=told, remarks=(f"says {secret}",)),
        details_url=f"https://host/?t={TOKEN}",
    )
    workflow.finish()
    workflow.tell()
    said = repr([github.comments(REPO, 1), github.check_runs(REPO)])
    assert said.count("(hidden)") > 2
    for part in ("tok", "with`signs", TOKEN):
        assert part not in said


def test_nothing_is_begun_when_the_time_is_over(github: LoopbackGitHub, workflow: Teller):
    workflow.open(*lines("a"))
    assert workflow.tell(is_over=lambda: True).again_at is not None
    assert github.requests == ()
    workflow.tell()
    assert len(bodies(github)) == 1
