"""When a conversation about requests on main begins, goes on, and ends."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hugflow.notify.conversation import Conversation, Line
from hugflow.notify.follow import NEWS_FOR, follow
from hugflow.notify.notices import write_notice
from hugflow.notify.outbox import (
    KEEP_DELIVERED,
    change_conversation,
    forget_expired,
    list_keys,
    read_conversation,
)
from hugflow.store.layout import Places
from tests.notify.conversations import NOON, PULL, line, notice

ONE, OTHER = "acme__speech", "acme__music"


class Follower:
    """Follows two requests of one pull request, a minute at a time."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.now = NOON
        self.lines: list[Line] = [line(None, name) for name in (ONE, OTHER)]

    def see(self, state: str, name: str = ONE) -> None:
        self.now += timedelta(minutes=1)
        write_notice(self.places, notice(state, name, at=self.now))  # type: ignore[arg-type]

    def follow(self) -> Conversation | None:
        self.now += timedelta(minutes=1)
        key = follow(self.places, "github", self.lines, self.now, pull=PULL)
        return read_conversation(self.places, key) if key is not None else None

    def states(self) -> list[str]:
        found = self.follow()
        assert found is not None
        return [each.state for each in found.lines]


@pytest.fixture
def follower(places: Places) -> Follower:
    """Nothing was told of either request yet."""
    return Follower(places)


def test_nothing_is_said_before_something_happens(follower: Follower):
    assert follower.follow() is None
    assert not list_keys(follower.places)


def test_it_begins_with_the_first_notice_and_tells_of_all_requests(follower: Follower):
    follower.see("downloading")
    assert follower.states() == ["downloading", "planned"]


def test_following_again_changes_nothing(follower: Follower):
    follower.see("downloading")
    first = follower.follow()
    assert follower.follow() == first


def test_it_ends_once_all_are_complete(follower: Follower):
    follower.see("completed")
    found = follower.follow()
    assert found is not None
    assert not found.is_finished
    follower.see("completed", OTHER)
    found = follower.follow()
    assert found is not None
    assert found.is_finished
    assert found.result == "completed"


def test_it_ends_with_a_failure_and_goes_on_when_it_is_tried_again(follower: Follower):
    follower.see("completed", OTHER)
    follower.see("failed")
    found = follower.follow()
    assert found is not None
    assert (found.is_finished, found.result) == (True, "failed")
    follower.see("downloading")
    found = follower.follow()
    assert found is not None
    assert (found.is_finished, found.result) == (False, "underway")
    follower.see("completed")
    found = follower.follow()
    assert found is not None
    assert (found.is_finished, found.result) == (True, "completed")


def test_while_one_of_them_is_being_made_it_does_not_end(follower: Follower):
    follower.see("failed")
    follower.see("downloading", OTHER)
    found = follower.follow()
    assert found is not None
    assert not found.is_finished


def test_a_request_that_changed_is_another_one(follower: Follower):
    follower.lines = [line(None, ONE, request="old")]
    write_notice(follower.places, notice("completed", ONE, request="old"))
    first = follower.follow()
    assert first is not None
    assert first.is_finished
    follower.lines = [line(None, ONE, request="new")]
    found = follower.follow()
    assert found is not None
    assert [each.state for each in found.lines] == ["planned"]
    assert not found.is_finished


def test_what_is_planned_is_looked_up_only_where_it_is_told(follower: Follower):
    asked: list[str | None] = []

    def add_facts(each: Line) -> Line:
        asked.append(each.dataset)
        return each

    follower.see("downloading")
    for _ in range(3):
        follow(
            follower.places,
            "github",
            follower.lines,
            follower.now,
            pull=PULL,
            add_facts=add_facts,
        )
    assert asked == [ONE, OTHER]


@pytest.mark.parametrize("days", [7, 8, 30, 365])
def test_what_was_told_and_forgotten_is_not_told_again(follower: Follower, days: int):
    follower.see("completed", OTHER)
    follower.see("completed")
    told = follower.follow()
    assert told is not None
    assert told.is_finished
    delivered_at = follower.now
    change_conversation(
        follower.places, told.key, lambda old: old and replace(old, delivered_at=delivered_at)
    )
    follower.now = delivered_at + KEEP_DELIVERED + timedelta(seconds=1)
    delivered = read_conversation(follower.places, told.key)
    assert delivered is not None
    assert forget_expired(follower.places, delivered, follower.now)
    follower.now = delivered_at + timedelta(days=days)
    assert follower.follow() is None
    assert not list_keys(follower.places)
    # What happens from then on is.
    follower.see("downloading")
    assert follower.states() == ["downloading", "completed"]


def test_what_happened_while_nobody_followed_is_told_for_some_days(follower: Follower):
    follower.see("completed")
    follower.now += NEWS_FOR - timedelta(hours=1)
    assert follower.states() == ["completed", "planned"]


def test_it_is_told_for_less_long_than_what_was_told_is_kept():
    assert NEWS_FOR < KEEP_DELIVERED
