"""What the sensor does next, as a matter of plain values."""

from hypothesis import given
from hypothesis import strategies as st

from hugflow_sensors.decide import (
    BACK_OFF_S,
    MOST_ATTEMPTS,
    Memo,
    PastRun,
    Start,
    Trouble,
    Wait,
    decide_attempt,
    is_waiting,
    may_reload,
    merge_parts,
    missing_ranges,
    next_trouble,
)
from hugflow_sensors.memo import read_memo, write_memo

NOW = 1_793_000_000.0


def failed(seconds_ago: float) -> PastRun:
    return PastRun("failed", NOW - seconds_ago)


def test_a_dataset_that_nobody_tried_is_started_at_once():
    assert decide_attempt([], NOW) == Start()


def test_each_failure_in_a_row_is_followed_by_a_longer_pause():
    for count, pause_s in enumerate(BACK_OFF_S, start=1):
        early = decide_attempt([failed(pause_s - 1)] * count, NOW)
        assert isinstance(early, Wait)
        assert early.until == NOW + 1
        assert decide_attempt([failed(pause_s)] * count, NOW) == Start()


def test_after_the_last_pause_no_attempt_follows_by_itself():
    decision = decide_attempt([failed(1e9)] * MOST_ATTEMPTS, NOW)
    assert isinstance(decision, Wait)
    assert decision.until is None


def test_a_success_begins_the_count_anew():
    past = [failed(61), PastRun("succeeded", NOW - 90), *[failed(100)] * MOST_ATTEMPTS]
    assert decide_attempt(past, NOW) == Start()


def test_a_run_that_a_person_stopped_is_not_begun_again():
    decision = decide_attempt([PastRun("stopped", NOW - 1e9)], NOW)
    assert isinstance(decision, Wait)
    assert decision.until is None


def test_a_success_that_left_the_dataset_incomplete_is_not_repeated_without_pause():
    assert isinstance(decide_attempt([PastRun("succeeded", NOW - 1)], NOW), Wait)


@given(st.lists(st.booleans(), max_size=50), st.integers(1, 9))
def test_nothing_missing_lies_outside_the_ranges_and_no_shard_in_two(
    is_done: list[bool], parts: int
):
    keys = [f"{index:05d}" for index in range(len(is_done))]
    wanted = missing_ranges(keys, is_done, parts)
    missing = [key for key, done in zip(keys, is_done, strict=True) if not done]
    assert len(wanted) == min(parts, max(len(missing), bool(keys)))
    inside = [key for key in keys for first, last in wanted if first <= key <= last]
    assert len(inside) == len(set(inside))
    assert set(inside) >= set(missing or keys)
    if missing and parts == 1:
        assert wanted == [(missing[0], missing[-1])]


def test_the_parts_of_an_attempt_count_as_one_run_that_ended_as_the_worst_of_them():
    done = PastRun("succeeded", NOW - 1)
    runs = [(2, "b", done), (2, "a", failed(2)), (2, "b", failed(3)), (1, "a", failed(9))]
    assert merge_parts(runs) == [failed(2), failed(9)]
    stopped = PastRun("stopped", NOW - 4)
    assert merge_parts([(1, "a", failed(1)), (1, "b", stopped)]) == [stopped]
    assert merge_parts([(1, "a", failed(1)), (1, "a", failed(2))]) == [failed(1), failed(2)]


def test_trouble_with_one_request_is_forgotten_when_the_request_changes():
    trouble = next_trouble(None, "old", "the Hub is down", NOW)
    assert is_waiting(trouble, "old", NOW)
    assert not is_waiting(trouble, "new", NOW)
    assert next_trouble(trouble, "new", "again", NOW).failures == 1


def test_what_failed_before_a_person_asked_again_makes_nobody_wait():
    trouble = next_trouble(None, "same", "the Hub is down", NOW)
    assert not is_waiting(trouble, "same", NOW + 1, retry_at=NOW + 0.5)
    assert is_waiting(trouble, "same", NOW + 1, retry_at=NOW - 1)
    past = [failed(1)] * MOST_ATTEMPTS
    assert decide_attempt(past, NOW, retry_at=NOW - 0.5) == Start()
    assert decide_attempt([PastRun("stopped", NOW - 1)], NOW, retry_at=NOW - 0.5) == Start()
    assert decide_attempt(past, NOW, retry_at=NOW - 2) != Start()


def test_trouble_in_a_row_is_looked_at_less_and_less_often_and_never_given_up():
    trouble: Trouble | None = None
    pauses = []
    for _ in range(8):
        trouble = next_trouble(trouble, "same", "down", NOW)
        pauses.append(trouble.not_before - NOW)
    assert pauses == sorted(pauses)
    assert pauses[-1] == BACK_OFF_S[-1]


def test_a_catalogue_is_not_reloaded_twice_in_a_row():
    memo = Memo({}, ("one", NOW))
    assert not may_reload(memo, "one", NOW + 10)
    assert may_reload(memo, "two", NOW + 10)
    assert may_reload(memo, "one", NOW + 1_000)


def test_a_memo_survives_its_cursor():
    memo = Memo({"name": Trouble("digest", 2, NOW, NOW + 20.0, "what")}, ("catalogue", NOW))
    assert read_memo(write_memo(memo)) == memo


def test_a_cursor_that_cannot_be_read_is_an_empty_memo():
    for cursor in (None, "", "null", "[]", "{}", '{"version": 9}', "\0", '{"version": 1}'):
        assert read_memo(cursor) == Memo({})
