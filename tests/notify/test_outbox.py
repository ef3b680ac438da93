"""Conversations as files: begun, gone on with, ended, forgotten; and nothing is undone by others."""

import json
import logging
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from hugflow.errors import Locked
from hugflow.ledger.progress import Status
from hugflow.notify.conversation import (
    Conversation,
    Line,
    dataset_key,
    pull_key,
    result_of,
)
from hugflow.notify.deliver import deliver, deliver_all
from hugflow.notify.notices import write_notice
from hugflow.notify.outbox import (
    KEEP_DELIVERED,
    KEEP_UNTOLD,
    change_conversation,
    finish_conversation,
    list_keys,
    open_conversation,
    read_conversation,
)
from hugflow.notify.senders import Senders
from hugflow.notify.telling import TellingPace
from hugflow.store.layout import Places
from hugflow.store.locks import hold
from hugflow.testing.faults import Match
from hugflow.testing.faults import Status as StatusFault
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.slack import LoopbackSlack
from tests.notify.conftest import Teller, Watch, lines
from tests.notify.conversations import NOON, PULL, conversation, line, notice, refused
from tests.notify.strangers import words
from tests.notify.test_texts import written_by
from tests.testing.githubs import REPO


@given(told=written_by(words))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None
)
def test_what_is_written_is_what_is_read(places: Places, told: Conversation):
    change_conversation(places, told.key, lambda old: told)
    assert read_conversation(places, told.key) == told


def test_the_file_has_the_fields_that_its_page_shows(places: Places):
    key = open_conversation(places, "github", [line()], NOON, pull=PULL)
    assert key is not None
    value = json.loads(places.conversation(key).read_bytes())
    assert list(value) == [
        "version",
        "key",
        "service",
        "pull",
        "lines",
        "opened_at",
        "changed_at",
        "details_url",
        "is_finished",
        "is_ending",
        "github",
        "slack",
        "attempt",
        "delivered_at",
    ]
    assert value["pull"] == {
        "repository": "acme/requests",
        "number": 1,
        "head_sha": PULL.head_sha,
        "url": None,
    }
    assert list(value["lines"][0]) == [
        "path",
        "kind",
        "dataset",
        "hf_id",
        "request",
        "facts",
        "problems",
        "remarks",
        "goes",
        "notice",
        "is_idle",
        "publish_to",
    ]


def test_what_a_later_version_wrote_is_left_alone(
    github: LoopbackGitHub, person: Teller, places: Places
):
    person.open(*lines("a"))
    path = places.conversation(person.key)
    value = {**json.loads(path.read_bytes()), "version": 2}
    path.write_text(json.dumps(value))
    assert person.tell().again_at is None
    assert deliver_all(places, person.senders, budget_s=10) == []
    assert json.loads(path.read_bytes()) == value
    assert github.requests == ()


def test_what_an_earlier_version_wrote_is_gone_on_with(places: Places):
    key = open_conversation(places, "github", [line()], NOON, pull=PULL)
    assert key is not None
    path = places.conversation(key)
    value = json.loads(path.read_bytes())
    for name in ("slack", "attempt", "delivered_at", "details_url"):
        del value[name]
    del value["github"]["was_recreated"]
    path.write_text(json.dumps({**value, "unheard_of": 1}))
    found = read_conversation(places, key)
    assert found is not None
    assert found.lines[0].path == line().path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pull_key("github", "acme/a-1", 1), pull_key("github", "acme/a", 11)),
        (pull_key("github", "acme/a", 1), pull_key("slack", "acme/a", 1)),
        (pull_key("slack", "acme/a", 1), dataset_key("slack", "acme-a-1")),
        (dataset_key("slack", "x" * 200), dataset_key("slack", "x" * 199 + "y")),
    ],
)
def test_two_conversations_never_share_a_file(one: str, other: str):
    assert one != other
    assert len(one.encode()) < 200
    assert "/" not in one


def test_a_pull_request_is_the_same_in_any_spelling():
    assert pull_key("github", "Acme/Requests", 1) == pull_key("github", "acme/requests", 1)


def test_beginning_again_goes_on_in_the_same_place(places: Places):
    key = open_conversation(places, "github", [line()], NOON, pull=PULL)
    assert key is not None
    told = replace(conversation(line()).github, comment=7, checks_by="nothing")
    change_conversation(places, key, lambda old: old and replace(old, github=told))
    finish_conversation(places, key, NOON)
    later = NOON + timedelta(hours=1)
    assert open_conversation(places, "github", lines("a", "b"), later, pull=PULL) == key
    found = read_conversation(places, key)
    assert found is not None
    assert (found.github.comment, found.is_finished, len(found.lines)) == (7, False, 2)
    # Another token may have other rights.
    assert found.github.checks_by == "runs"
    assert (found.opened_at, found.changed_at) == (NOON, later)


def test_where_there_is_neither_pull_request_nor_dataset_nothing_is_told(places: Places):
    for given_ in ([], [refused()], [Line("x.yaml"), refused()]):
        assert open_conversation(places, "slack", given_, NOON) is None
    assert list_keys(places) == []


def test_a_line_begins_as_what_is_known_of_it(places: Places):
    given_ = [
        line(),
        line(None, "b", facts=None),
        line("completed", "c"),
        refused(),
        Line("x.yaml"),
    ]
    key = open_conversation(places, "github", given_, NOON, pull=PULL)
    assert key is not None
    found = read_conversation(places, key)
    assert found is not None
    states = [each.state for each in found.lines]
    assert states == ["planned", "pending", "completed", "failed", "pending"]
    assert [each.notice is not None for each in found.lines] == [True, True, True, False, False]


def test_the_end_keeps_what_was_known_then(places: Places):
    key = open_conversation(places, "github", [line()], NOON, pull=PULL)
    assert key is not None
    write_notice(places, notice("failed", at=NOON + timedelta(seconds=1)))
    finish_conversation(places, key, NOON + timedelta(seconds=2))
    write_notice(places, notice("completed", at=NOON + timedelta(seconds=3)))
    finish_conversation(places, key, NOON + timedelta(seconds=4))
    found = read_conversation(places, key)
    assert found is not None
    assert (found.is_finished, found.lines[0].state) == (True, "failed")


def test_nothing_ends_while_somebody_is_at_work(places: Places):
    key = open_conversation(places, "github", [line()], NOON, pull=PULL)
    assert key is not None
    for seconds, state, is_finished in [(1, "downloading", False), (2, "failed", True)]:
        write_notice(places, notice(state, at=NOON + timedelta(seconds=seconds)))
        finish_conversation(places, key, NOON + timedelta(seconds=3))
        found = read_conversation(places, key)
        assert found is not None
        assert (found.is_finished, found.lines[0].state) == (is_finished, state)


def test_the_end_of_nothing_is_nothing(places: Places):
    finish_conversation(places, pull_key("github", "acme/a", 1), NOON)
    assert list_keys(places) == []


@pytest.mark.parametrize(
    ("states", "result"),
    [
        ([], "planned"),
        (["pending", "planned"], "planned"),
        (["completed", "planned"], "planned"),
        (["completed", "removed"], "completed"),
        (["completed", "failed"], "failed"),
        (["interrupted"], "failed"),
        (["incomplete"], "failed"),
        (["failed", "downloading"], "underway"),
    ],
)
def test_how_all_stand_together(states: list[str], result: str):
    assert result_of([line(state) for state in states]) == result
    assert result_of([refused()]) == "failed"


def test_a_removal_that_comes_after_the_merge_counts_once_it_came():
    later, made = removal(None), line("completed", "b")
    assert conversation(made, later).result == "planned"
    assert conversation(made, later, is_finished=True).result == "completed"
    assert conversation(later, is_finished=True).result == "planned"
    assert conversation(made, removal("removed"), is_finished=True).result == "completed"
    assert conversation(made, removal("failed"), is_finished=True).result == "failed"
    assert conversation(made, line(None, "c"), is_finished=True).result == "planned"


def test_what_nothing_is_to_be_done_for_does_not_count():
    idle = line(None, facts=None, is_idle=True)
    assert conversation(removal("removed"), idle).result == "completed"
    assert conversation(removal(None), idle).result == "planned"
    assert conversation(idle, is_finished=True).result == "planned"
    assert conversation(replace(idle, notice=notice("downloading"))).result == "underway"


def removal(state: Status | None) -> Line:
    return replace(line(state, "old", facts=None), kind="remove")


def test_changes_at_once_are_all_made(places: Places):
    key = open_conversation(places, "github", [line()], NOON, pull=PULL)
    assert key is not None

    def add() -> None:
        for _ in range(10):
            change_conversation(
                places,
                key,
                lambda old: old and replace(old, lines=(*old.lines, line())),
            )

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read_conversation(places, key)
    assert found is not None
    assert len(found.lines) == 41


def test_who_finds_another_delivering_looks_again_soon(github: LoopbackGitHub, person: Teller):
    person.open(*lines("a"))
    with hold(person.places.sending_lock(person.key), "x"):
        again_at = person.tell().again_at
        assert again_at is not None
        assert (again_at - person.watch()).total_seconds() <= 1
    assert github.requests == ()


def test_work_does_not_wait_for_who_is_delivering(person: Teller):
    person.open(*lines("a"))
    with hold(person.places.sending_lock(person.key), "x"):
        person.open(*lines("a", "b")).finish()
    assert len(person.conversation.lines) == 2


def test_a_file_that_is_held_for_long_is_given_up_and_said_so(
    places: Places, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.notify.outbox.LOCK_WAIT_S", 0.2)
    key = pull_key("github", PULL.repository, PULL.number)
    with hold(places.conversation_lock(key), "x"), pytest.raises(Locked, match="conversation"):
        open_conversation(places, "github", [line()], NOON, pull=PULL)


def test_all_conversations_are_delivered_by_whoever_comes_by(
    github: LoopbackGitHub, slack: LoopbackSlack, person: Teller, bot: Teller, places: Places
):
    senders = replace(person.senders, slack=bot.senders.slack)
    person.open(*lines("a"))
    bot.open(*lines("a"))
    done = deliver_all(places, senders, budget_s=10, clock=person.watch)
    assert {each.key for each in done} == {person.key, bot.key}
    assert len(github.comments(REPO, 1)) == 1
    assert len(slack.messages("ml-datasets")) == 1


def test_what_has_nobody_to_tell_it_stays(person: Teller, places: Places):
    person.open(*lines("a"))
    [done] = deliver_all(places, Senders(), budget_s=10, clock=person.watch)
    assert (done.again_at, done.trouble) == (None, None)
    assert list_keys(places) == [person.key]


def test_a_service_that_is_away_is_asked_once_and_hinders_no_other(
    github: LoopbackGitHub, slack: LoopbackSlack, person: Teller, bot: Teller, places: Places
):
    senders = replace(person.senders, slack=bot.senders.slack)
    assert person.pull is not None
    for number in (1, 2, 3):
        replace(person, pull=replace(person.pull, number=number)).open(*lines("a"))
    bot.open(*lines("a"))
    github.inject(StatusFault(503), times=None)
    done = deliver_all(places, senders, budget_s=10, clock=person.watch)
    assert sum(each.is_away for each in done) == 1
    assert len(github.requests) == 1
    assert len(slack.messages("ml-datasets")) == 1


def test_what_is_not_done_in_time_is_done_next_time(
    github: LoopbackGitHub, person: Teller, places: Places
):
    person.open(*lines("a"))
    assert deliver_all(places, person.senders, budget_s=-1, clock=person.watch) == []
    assert github.requests == ()
    deliver_all(places, person.senders, budget_s=10, clock=person.watch)
    assert len(github.comments(REPO, 1)) == 1


def test_one_refusal_hides_no_other_conversation(
    github: LoopbackGitHub, person: Teller, places: Places
):
    assert person.pull is not None
    gone = replace(person, pull=replace(person.pull, number=99)).open(*lines("a"))
    person.open(*lines("a"))
    done = {each.key: each for each in deliver_all(places, person.senders, budget_s=10)}
    assert "404" in (done[gone.key].trouble or "")
    assert done[person.key].trouble is None


def test_one_surprise_hides_no_other_conversation(
    github: LoopbackGitHub, person: Teller, places: Places
):
    assert person.pull is not None
    other = replace(person, pull=replace(person.pull, number=99)).open(*lines("a"))
    places.sending_lock(other.key).mkdir(parents=True)
    person.open(*lines("a"))
    done = {each.key: each for each in deliver_all(places, person.senders, budget_s=10)}
    assert done[other.key].trouble is not None
    assert done[person.key].trouble is None
    assert len(github.comments(REPO, 1)) == 1


def test_what_is_told_is_forgotten_after_some_days(person: Teller, places: Places):
    person.open(*lines("a")).see("completed", "a")
    person.tell()
    for wait, kept in [(KEEP_DELIVERED, 1), (timedelta(seconds=1), 0)]:
        person.watch.now += wait
        deliver_all(places, person.senders, budget_s=10, clock=person.watch)
        assert len(list_keys(places)) == kept


def test_what_is_told_costs_no_more_calls(github: LoopbackGitHub, person: Teller, places: Places):
    person.open(*lines("a")).see("completed", "a")
    person.tell()
    asked = len(github.requests)
    assert deliver_all(places, person.senders, budget_s=10, clock=person.watch) == []
    assert len(github.requests) == asked


def test_what_could_not_be_told_is_kept_for_long_and_its_end_is_said(
    github: LoopbackGitHub,
    person: Teller,
    places: Places,
    caplog: pytest.LogCaptureFixture,
):
    person.open(*lines("a")).finish()
    github.inject(StatusFault(404), when=Match(method="GET"), times=None)
    person.tell()
    person.watch.now += KEEP_UNTOLD - timedelta(days=1)
    deliver_all(places, person.senders, budget_s=10, clock=person.watch)
    assert list_keys(places) == [person.key]
    person.watch.now += timedelta(days=2)
    with caplog.at_level(logging.WARNING):
        deliver_all(places, person.senders, budget_s=10, clock=person.watch)
    assert list_keys(places) == []
    assert "is forgotten after 90 days" in caplog.text
    assert "404" in caplog.text


def test_an_outbox_that_is_not_there_is_empty(places: Places):
    assert deliver_all(places, Senders(), budget_s=10) == []
    assert deliver(places, "github-nothing", Senders()).again_at is None


def test_waits_grow_and_end(places: Places):
    pace = TellingPace()
    waits = [pace.wait_s(number, is_refused=False) for number in range(1, 1_200)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (pace.first_wait_s, pace.longest_wait_s)
    assert pace.wait_s(10**6, is_refused=True) == pace.longest_refused_wait_s


def test_who_tells_shows_no_secret_by_accident():
    assert "s3cret" not in repr(Senders(secrets=("s3cret",)))
    assert Watch()() == NOON
