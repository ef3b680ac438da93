"""Real processes that are really killed while they tell of their work: nothing is said twice."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from hugflow.notify.conversation import pull_key
from hugflow.notify.outbox import read_conversation
from hugflow.store.layout import Places
from hugflow.testing.faults import Match, Reset, Stall, Status
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.limits import SecondaryLimit
from hugflow.testing.slack import LoopbackSlack
from tests.testing.githubs import REPO

pytestmark = pytest.mark.slow

UPDATES = 240
COMMENTING = Match(method="POST", path="*/comments")
# A job of so many updates: it goes on where the notices say that it was, and ends the conversation.
JOB = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
from hugflow.clients.github import GitHub
from hugflow.clients.slack import SlackWebhook
from hugflow.notify.conversation import Line, PullRequest
from hugflow.notify.courier import Courier
from hugflow.notify.senders import Senders
from hugflow.notify.notices import Notice, read_notice, write_notice
from hugflow.notify.outbox import finish_conversation, open_conversation
from hugflow.notify.telling import TellingPace, utc_now
from hugflow.store.layout import Places

asked = json.loads(sys.argv[1])
root = Path(asked["root"])
places = Places(root / "datasets", root / "processed", root / "state")
pace = TellingPace(spacing_s=0.0, settle_s=asked["settle_s"], first_wait_s=0.1, longest_wait_s=0.5)
pull = PullRequest("acme/requests", 1, asked["sha"])
lines = [Line("requests/add/a.yaml", "add", "a", "acme/a")]
before = read_notice(places, "a")
done = before.rows if before is not None else 0
slack = SlackWebhook(asked["webhook"], timeout_s=2) if asked["webhook"] else None
with GitHub(asked["api_url"], asked["token"], timeout_s=asked["timeout_s"]) as github:
    senders = Senders(github, slack)
    keys = [open_conversation(places, service, lines, utc_now(), pull=pull)
            for service in asked["services"]]
    with Courier(places, senders, keys, pace=pace) as courier:
        for rows in range(done, asked["updates"]):
            write_notice(places, Notice("a", "acme/a", "downloading", utc_now(), rows=rows,
                                        total_rows=asked["updates"], resumed_from=done))
            courier.wake()
            print(rows, flush=True)
            time.sleep(asked["step_s"])
        write_notice(places, Notice("a", "acme/a", "completed", utc_now(), rows=asked["updates"],
                                    total_rows=asked["updates"], location="/data/a"))
        for key in keys:
            finish_conversation(places, key, utc_now())
        print("told" if courier.flush(60) else "left", flush=True)
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(github: LoopbackGitHub, tmp_path: Path) -> Iterator[Start]:
    """Start a job: `start(webhook=..., step_s=...)`; whatever is left of it is ended."""
    children: list[subprocess.Popen[str]] = []

    def start(**asked: object) -> "subprocess.Popen[str]":
        wanted = {
            "root": str(tmp_path),
            "api_url": github.api_url,
            "token": "ghs_made_up",
            "sha": github.pull(REPO, 1).head_sha,
            "webhook": None,
            "services": ["github"],
            "updates": UPDATES,
            "step_s": 0.01,
            "settle_s": 1.0,
            "timeout_s": 5,
            **asked,
        }
        command = [sys.executable, "-c", JOB, json.dumps(wanted)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Where the jobs leave things."""
    return Places(tmp_path / "datasets", tmp_path / "processed", tmp_path / "state")


def kill(child: "subprocess.Popen[str]") -> None:
    child.send_signal(signal.SIGKILL)
    child.wait()


def follow(child: "subprocess.Popen[str]", rows: int) -> None:
    """Wait until a job has told of so many rows."""
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == "told" or int(line) >= rows:
            return
    raise AssertionError("the job ended early")


def wait_for(is_so: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


def end(*children: "subprocess.Popen[str]") -> None:
    """Wait for jobs to end by themselves, all of it told."""
    for child in children:
        said, _ = child.communicate(timeout=120)
        assert child.returncode == 0
        assert said.split()[-1] == "told"


def calls(github: LoopbackGitHub) -> Counter[str]:
    """How comments were written."""
    return Counter(
        ask.method for ask in github.requests if "/comments" in ask.path and ask.method != "GET"
    )


def assert_told_once(github: LoopbackGitHub) -> None:
    living, outcome = [comment.body for comment in github.comments(REPO, 1)]
    assert "✅ completed" in living
    assert "`a`: " in outcome
    assert calls(github)["POST"] == 2
    assert {check.conclusion for check in github.check_runs(REPO)} == {"success"}


def test_three_kills_where_they_hurt_and_two_at_once_make_one_comment_and_one_outcome(
    github: LoopbackGitHub, start: Start, places: Places
):
    # Killed while it waits to hear that the living comment was made.
    github.inject(Stall(4), when=COMMENTING)
    first = start()
    wait_for(lambda: len(github.comments(REPO, 1)) == 1)
    kill(first)
    key = pull_key("github", REPO, 1)
    left = read_conversation(places, key)
    assert left is not None
    assert (left.github.comment, left.github.asked_at is not None) == (None, True)
    # Killed in the middle of an edit.
    github.inject(Stall(4), when=Match(method="PATCH", path="*/comments/*"), after=20)
    second = start(settle_s=0.2)
    wait_for(lambda: calls(github)["PATCH"] >= 21)
    kill(second)
    # Killed while it waits to hear that the outcome was told.
    github.inject(Stall(4), when=COMMENTING)
    third = start(settle_s=0.2)
    wait_for(lambda: len(github.comments(REPO, 1)) == 2)
    kill(third)
    end(start(settle_s=0.2), start(settle_s=0.2))
    assert_told_once(github)
    assert calls(github)["PATCH"] > 20


@pytest.mark.parametrize("seed", range(3))
def test_kills_at_any_moment_and_lost_answers_make_one_comment_and_one_outcome(
    github: LoopbackGitHub, start: Start, seed: int
):
    random = Random(seed)  # noqa: S311  # no secret, and the same each time
    github.inject(Reset(), when=COMMENTING, with_effect=True, times=2)
    for number in range(1, 4):
        child = start()
        follow(child, UPDATES * number // 5)
        time.sleep(random.uniform(0, 0.05))
        kill(child)
    end(start(), start())
    assert_told_once(github)


def test_two_racing_jobs_tell_every_update_in_one_comment(github: LoopbackGitHub, start: Start):
    # Both would have looked before either had made a comment.
    github.inject(Stall(2), when=Match(method="GET", path="*/comments"), times=2)
    end(start(step_s=0.03), start(step_s=0.03))
    assert_told_once(github)
    # Fewer edits than updates are right: the latest state wins. None at all would be wrong.
    assert 10 < calls(github)["PATCH"] <= 2 * UPDATES


def test_a_github_that_is_down_for_a_while_hears_the_last_state(
    github: LoopbackGitHub, start: Start
):
    with github.outage():
        child = start()
        before = time.monotonic()
        follow(child, UPDATES - 1)
        # The work was not held up.
        assert time.monotonic() - before < 30
    end(child)
    assert_told_once(github)
    assert calls(github)["PATCH"] <= 1


@pytest.mark.parametrize(
    "trouble", [[SecondaryLimit(1)], [Status(503)], [Reset(), Status(502), SecondaryLimit(1)]]
)
def test_troubles_on_the_way_make_nothing_twice(
    github: LoopbackGitHub, start: Start, trouble: Sequence[Reset | Status | SecondaryLimit]
):
    changing = Match(path="*/comments*")
    github.inject(*trouble, when=changing, times=3, after=3)
    end(start())
    living, outcome = [comment.body for comment in github.comments(REPO, 1)]
    assert "✅ completed" in living
    assert "/data/a" in outcome


def test_a_webhook_tells_no_event_twice_through_kills_and_two_at_once(
    github: LoopbackGitHub, slack: LoopbackSlack, start: Start
):
    asked = {"webhook": slack.add_webhook("ml-datasets"), "services": ["slack"]}
    # Killed while it waits to hear that the start was said.
    slack.inject(Stall(4), when=Match(method="POST"))
    first = start(**asked)
    wait_for(lambda: len(slack.messages("ml-datasets")) == 1)
    kill(first)
    for number in (2, 3):
        child = start(**asked, step_s=0.02)
        follow(child, UPDATES * number // 5)
        kill(child)
    end(start(**asked), start(**asked))
    texts = [message.text for message in slack.messages("ml-datasets")]
    assert sum("✅ completed" in text for text in texts) == 1
    shown = [text for text in texts if "completed" not in text and "Starting" not in text]
    assert len(shown) == len(set(shown))
