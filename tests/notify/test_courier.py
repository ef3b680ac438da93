"""Carrying the word while a job is at work: the job never waits, and what is left is not lost."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from hugflow.notify.courier import Courier
from hugflow.notify.deliver import deliver_all
from hugflow.notify.outbox import finish_conversation
from hugflow.notify.telling import TellingPace, utc_now
from hugflow.stages.sync import sync_dataset
from hugflow.stages.telling.tracker import Tracker
from hugflow.store.layout import Places
from hugflow.testing.faults import Match, Stall, Status
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.limits import SecondaryLimit
from hugflow.testing.samples import publish_text
from hugflow.testing.slack import LoopbackSlack
from tests.builds import OpenFor
from tests.notify.conftest import Teller, lines
from tests.notify.conversations import line
from tests.testing.githubs import BOT, REPO

pytestmark = pytest.mark.slow

BRISK = TellingPace(spacing_s=0.0, settle_s=0.5, first_wait_s=0.2)


@pytest.fixture
def teller(person: Teller) -> Teller:
    """Whoever tells on the pull request, at the pace of the real clock."""
    return replace(person, watch=utc_now, pace=BRISK)


@contextmanager
def courier_of(teller: Teller) -> Iterator[Courier]:
    """A courier for the block; behind it, once its thread is known to speak with nobody any more."""
    with Courier(teller.places, teller.senders, [teller.key], pace=teller.pace) as courier:
        yield courier
        left_at = time.monotonic()
    assert time.monotonic() - left_at < 1
    for thread in threading.enumerate():
        if thread.name == "courier":
            thread.join()


def bodies(github: LoopbackGitHub) -> list[str]:
    return [comment.body for comment in github.comments(REPO, 1)]


def refusals(github: LoopbackGitHub) -> int:
    return sum((ask.method, ask.status) == ("POST", 403) for ask in github.requests)


def test_a_job_is_told_from_its_start_to_its_end(
    github: LoopbackGitHub,
    hub: LoopbackHub,
    open_for: OpenFor,
    teller: Teller,
):
    publish_text(hub, "courier/text", rows=1_200, shards=2)
    build = open_for("courier/text")
    build = replace(build, options=replace(build.options, progress_interval=500))
    asked = replace(line(None, build.name), request=build.request.digest)
    teller.open(asked)
    with courier_of(teller) as courier:
        sync_dataset(build, Tracker(build, courier.wake))
        assert courier.flush(20)
    living, outcome = bodies(github)
    assert "✅ completed | 1,200" in living
    assert str(build.places.dataset(build.name).root) in outcome
    sent = [ask.sent["body"] for ask in github.requests if ask.sent and "body" in ask.sent]
    assert any("Starting download..." in body for body in sent)


def test_a_job_does_not_wait_for_a_github_that_hangs(github: LoopbackGitHub, teller: Teller):
    github.inject(Stall(2), times=None)
    teller.open(*lines("a"))
    with courier_of(teller) as courier:
        wait_for(lambda: len(github.requests) == 1)
        before = time.monotonic()
        for _ in range(1_000):
            courier.wake()
        assert time.monotonic() - before < 1.5
    # What it had begun to ask is answered; nothing is begun behind the job.
    assert len(github.requests) == 1


def test_what_is_left_at_the_deadline_lies_in_the_outbox(
    github: LoopbackGitHub,
    teller: Teller,
    places: Places,
    caplog: pytest.LogCaptureFixture,
):
    teller.open(*lines("a"))
    with github.outage(), courier_of(teller) as courier, caplog.at_level(logging.WARNING):
        before = time.monotonic()
        assert not courier.flush(1)
        assert 1 <= time.monotonic() - before < 5
    assert "waits in the outbox" in caplog.text
    assert bodies(github) == []
    deliver_all(
        places,
        teller.senders,
        budget_s=10,
        pace=BRISK,
        clock=lambda: utc_now() + timedelta(hours=1),
    )
    assert len(bodies(github)) == 1


def test_an_outage_that_ends_in_time_costs_nothing(github: LoopbackGitHub, teller: Teller):
    teller.open(*lines("a"))
    github.inject(Status(503), times=3)
    with courier_of(teller) as courier:
        assert courier.flush(20)
    assert len(bodies(github)) == 1


def test_a_short_limit_is_waited_for(github: LoopbackGitHub, teller: Teller):
    teller.open(*lines("a"))
    limit = github.inject(SecondaryLimit(1))
    with courier_of(teller) as courier:
        before = time.monotonic()
        assert courier.flush(20)
        assert time.monotonic() - before >= 0.9
    assert limit.struck == 1
    assert len(bodies(github)) == 1


def test_what_a_token_may_not_do_is_tried_once_more_at_the_end_and_not_waited_for(
    github: LoopbackGitHub, workflow: Teller
):
    github.add_token("ghs_made_up", BOT, is_integration=True, rights=["checks"])
    teller = replace(workflow, watch=utc_now, pace=BRISK).open(*lines("a"))
    with courier_of(teller) as courier:
        wait_for(lambda: refusals(github) == 1 and teller.conversation.attempt.failures == 1)
        finish_conversation(teller.places, teller.key, utc_now())
        before = time.monotonic()
        assert not courier.flush(20)
        assert time.monotonic() - before < 5
        time.sleep(1)
    assert refusals(github) == 2
    # It may tell the check, which does not stay behind for that.
    assert [each.conclusion for each in github.check_runs(REPO)] == ["success"]


def test_one_that_is_refused_does_not_end_the_waiting_for_another(
    github: LoopbackGitHub, slack: LoopbackSlack, workflow: Teller, bot: Teller
):
    github.add_token("ghs_made_up", BOT, is_integration=True, rights=["checks"])
    slack.inject(Status(503), times=3)
    workflow.open(*lines("a"))
    bot.open(*lines("a"))
    senders = replace(workflow.senders, slack=bot.senders.slack)
    with Courier(workflow.places, senders, [workflow.key, bot.key], pace=BRISK) as courier:
        assert not courier.flush(20)
    assert len(slack.messages("ml-datasets")) == 1
    assert refusals(github) == 1


def test_whatever_goes_wrong_in_it_is_logged_once_and_is_not_the_jobs(
    teller: Teller, caplog: pytest.LogCaptureFixture
):
    teller.open(*lines("a"))
    locks = teller.places.sending_lock(teller.key).parent
    locks.rename(locks.with_name("away"))
    locks.write_text("in the way")
    with caplog.at_level(logging.WARNING), courier_of(teller) as courier:
        for _ in range(5):
            courier.wake()
            time.sleep(0.1)
        assert not courier.flush(0.5)
    assert sum("cannot be delivered" in message for message in caplog.messages) == 1


def test_it_looks_by_itself_for_what_other_processes_leave(
    github: LoopbackGitHub, teller: Teller, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.notify.courier.LOOK_EVERY_S", 0.1)
    teller.open(*lines("a"))
    with courier_of(teller):
        wait_for(lambda: len(bodies(github)) == 1)
        teller.open(*lines("a", "b"))
        wait_for(lambda: "`b`" in bodies(github)[0])


def test_several_conversations_are_carried_at_once(
    github: LoopbackGitHub, slack: LoopbackSlack, teller: Teller, bot: Teller
):
    teller.open(*lines("a"))
    bot.open(*lines("a"))
    senders = replace(teller.senders, slack=bot.senders.slack)
    with Courier(teller.places, senders, [teller.key, bot.key], pace=BRISK) as courier:
        assert courier.flush(10)
    assert len(bodies(github)) == 1
    assert len(slack.messages("ml-datasets")) == 1


def test_one_that_hangs_does_not_keep_the_deadline_from_ending(
    github: LoopbackGitHub, teller: Teller
):
    github.inject(Stall(2), when=Match(method="POST"), times=None)
    teller.open(*lines("a"))
    with courier_of(teller) as courier:
        before = time.monotonic()
        assert not courier.flush(0.5)
        assert time.monotonic() - before < 1.8


def test_nothing_to_carry_is_carried_at_once(teller: Teller):
    with Courier(teller.places, teller.senders, []) as courier:
        assert courier.flush(5)


def wait_for(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    ends_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.02)
