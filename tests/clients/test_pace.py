"""Going slower: what the Hub's rate limit leaves lasts until the Hub allows more."""

import logging
from dataclasses import dataclass, replace

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.clients.hub import Hub
from hugflow.clients.pace import LONGEST_SPACING_S, Pace, to_spacing_s
from hugflow.clients.repository import RepoId
from hugflow.testing.exchange import Response
from hugflow.testing.faults import Encounter
from hugflow.testing.hub import LoopbackHub

CALL = httpx2.Request("GET", "https://hub/api/datasets/a/b")
FILE = httpx2.Request("GET", "https://hub/datasets/a/b/resolve/main/c")


@dataclass(slots=True)
class Clock:
    """A clock that goes on when it is told to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def answer(
    request: httpx2.Request, remaining: int | None, reset_s: int = 100, status: int = 200
) -> httpx2.Response:
    headers = {
        "RateLimit": f'"api";r={remaining};t={reset_s}',
        "RateLimit-Policy": '"fixed window";"api";q=500;w=300',
    }
    told = headers if remaining is not None else {}
    return httpx2.Response(status, headers=told, request=request)


@dataclass(frozen=True, slots=True)
class Told:
    """True answers, with what is left of the rate limit."""

    remaining: int

    def strike(self, met: Encounter) -> Response | None:
        limit = {"RateLimit": f'"api";r={self.remaining};t=60'}
        return replace(met.answer, headers={**met.answer.headers, **limit})


def test_with_enough_left_nobody_waits():
    assert to_spacing_s(400, 300, 500) == 0
    assert to_spacing_s(126, 300, 500) == 0
    assert to_spacing_s(200, 300, None) == 0


@given(remaining=st.integers(0, 125), reset_s=st.integers(0, 300))
def test_what_is_left_lasts_until_the_window_ends(remaining: int, reset_s: int):
    spacing_s = to_spacing_s(remaining, reset_s, 500)
    lasts_s = spacing_s * (remaining + 1)
    assert lasts_s == pytest.approx(reset_s) or spacing_s == LONGEST_SPACING_S


def test_requests_of_many_threads_take_turns():
    clock = Clock()
    pace = Pace(clock)
    pace.learn(answer(CALL, remaining=49))
    assert [pace.take_turn_s(CALL) for _ in range(4)] == [0, 2, 4, 6]
    clock.now += 5
    assert [pace.take_turn_s(CALL) for _ in range(2)] == [3, 5]
    clock.now += 100
    assert pace.take_turn_s(CALL) == 0


def test_calls_and_files_are_counted_apart_as_the_hub_does():
    pace = Pace(Clock())
    pace.learn(answer(CALL, remaining=49))
    assert [pace.take_turn_s(FILE) for _ in range(3)] == [0, 0, 0]
    pace.learn(answer(FILE, remaining=99))
    assert [pace.take_turn_s(FILE) for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    "later", [answer(CALL, 450), answer(CALL, None), answer(CALL, 0, status=429)]
)
def test_nobody_goes_slower_than_the_last_answer_asks_for(later: httpx2.Response):
    pace = Pace(Clock())
    pace.learn(answer(CALL, remaining=49))
    pace.learn(later)
    assert [pace.take_turn_s(CALL) for _ in range(3)] == [0, 0, 0]


def test_a_storage_counts_nothing_and_the_hub_that_sent_us_there_does():
    pace = Pace(Clock())
    at_storage = httpx2.Response(200, request=httpx2.Request("GET", "https://storage/x"))
    at_storage.history = [answer(FILE, remaining=49, status=302)]
    pace.learn(at_storage)
    assert [pace.take_turn_s(FILE) for _ in range(2)] == [0, 2]


def test_the_hub_is_asked_more_slowly_and_the_log_tells_it_once(
    hub: LoopbackHub, client: Hub, slept: list[float], caplog: pytest.LogCaptureFixture
):
    hub.publish("pace/slow", {"a": b"1"})
    with caplog.at_level(logging.WARNING), hub.faults(Told(29), times=None):
        for _ in range(4):
            client.fetch_repository(RepoId.dataset("pace/slow"), "main")
    client.fetch_repository(RepoId.dataset("pace/slow"), "main")
    client.fetch_repository(RepoId.dataset("pace/slow"), "main")
    assert [round(wait_s) for wait_s in slept] == [2, 4, 6]
    assert caplog.text.count("29 more requests within 60 s") == 1
