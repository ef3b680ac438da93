"""A notice: the latest state of one dataset, whole or not there."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hugflow.errors import DiskFull
from hugflow.ledger.progress import STATUS_WORDS
from hugflow.notify.notices import Failure, Notice, newest, read_notice, write_notice
from hugflow.store.layout import Places

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAME = "acme__speech__split_train__rev_main"
BEGUN = Notice(NAME, "acme/speech", "downloading", NOON, rows=10, total_rows=100, resumed_from=10)

notices = st.builds(
    Notice,
    name=st.just(NAME),
    hf_id=st.text(max_size=20),
    state=st.sampled_from(STATUS_WORDS),
    at=st.datetimes(timezones=st.just(UTC)),
    rows=st.integers(0, 10**9),
    total_rows=st.none() | st.integers(0, 10**9),
    failed_rows=st.integers(0, 10**9),
    rows_per_second=st.none() | st.floats(0, 1e6),
    location=st.none() | st.text(max_size=20),
    failure=st.none() | st.builds(Failure, *[st.text(max_size=20)] * 3),
)


@given(notice=notices)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_what_is_read(places: Places, notice: Notice):
    write_notice(places, notice)
    assert read_notice(places, NAME) == notice


def test_the_file_has_the_fields_that_its_page_shows(places: Places):
    write_notice(places, replace(BEGUN, failure=Failure("a", "b", "c")))
    value = json.loads(places.notice(NAME).read_bytes())
    assert value.pop("at") == "2026-11-22T12:00:00Z"
    assert value == {
        "version": 1,
        "name": NAME,
        "hf_id": "acme/speech",
        "state": "downloading",
        "rows": 10,
        "total_rows": 100,
        "failed_rows": 0,
        "resumed_from": 10,
        "rows_per_second": None,
        "first_failed": [],
        "location": None,
        "link": None,
        "commit": None,
        "request": None,
        "failure": {"what": "a", "why": "b", "mend": "c"},
        "steps": [],
    }


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"version": 1}',
        '{"version": "1"}',
        '{"version": 2, "name": "x"}',
        "[" * 100_000,
        '{"version": 1, "name": "x", "hf_id": "a/b", "state": "great", "at": "2026-11-22T12:00Z"}',
        '{"version": 1, "name": "x", "hf_id": "a/b", "state": "failed", "at": "2026-11-22T12:00"}',
    ],
)
def test_what_cannot_be_read_is_no_notice(places: Places, damage: str):
    write_notice(places, BEGUN)
    places.notice(NAME).write_text(damage)
    assert read_notice(places, NAME) is None
    write_notice(places, BEGUN)
    assert read_notice(places, NAME) == BEGUN


def test_a_file_with_fewer_fields_or_with_more_is_read(places: Places):
    places.notice(NAME).parent.mkdir(parents=True)
    at = "2026-11-22T13:00:00+01:00"
    value = {"version": 1, "name": NAME, "hf_id": "acme/speech", "state": "planned", "at": at}
    places.notice(NAME).write_text(json.dumps({**value, "mood": "good"}))
    assert read_notice(places, NAME) == Notice(NAME, "acme/speech", "planned", NOON)


def test_of_a_dataset_that_nobody_told_of_there_is_none(places: Places):
    assert read_notice(places, NAME) is None


def test_work_has_only_begun_until_a_row_is_in():
    assert BEGUN.is_start
    assert not replace(BEGUN, rows=11).is_start
    assert not replace(BEGUN, state="completed").is_start


def test_how_long_it_takes_follows_from_what_is_left():
    under_way = replace(BEGUN, rows=50, failed_rows=10, rows_per_second=2.0)
    assert under_way.left_s == 20
    assert replace(under_way, rows=95).left_s == 0
    unknown = [{"rows_per_second": None}, {"total_rows": None}, {"state": "completed"}]
    assert all(replace(under_way, **fields).left_s is None for fields in unknown)


def test_the_later_notice_counts():
    later = replace(BEGUN, at=NOON + timedelta(seconds=1))
    assert newest(BEGUN, later) == newest(later, BEGUN) == newest(later, None) == later
    assert newest(None, None) is None


def test_an_error_is_told_in_its_three_lines_and_without_what_is_secret():
    error = DiskFull("no room at https://me:s3cret@host/x", why="full", mend="free some")
    assert Failure.of(error) == Failure("no room at https://(hidden)@host/x", "full", "free some")
    assert Failure.of(ValueError("s3cret")).what == "unexpected ValueError"
