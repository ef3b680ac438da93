"""Dates and times as text: Python's own where Python can, the same calendar beyond."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.rows.moments import moment_values

SAFE = st.datetimes(
    datetime.fromisoformat("1900-01-01"),
    datetime.fromisoformat("2100-01-01"),
    timezones=st.just(UTC),
)


@pytest.mark.parametrize(
    ("type_", "number", "text"),
    [
        (pa.date32(), 0, "1970-01-01"),
        (pa.date32(), 2_932_896, "9999-12-31"),
        (pa.date32(), 2_932_897, "+10000-01-01"),
        (pa.date32(), -719_162, "0001-01-01"),
        (pa.date32(), -719_163, "0000-12-31"),
        (pa.date32(), -719_163 - 366, "-0001-12-31"),
        (pa.date64(), 86_400_000 + 1, "1970-01-02"),
        (pa.date64(), -1, "1969-12-31"),
        (pa.timestamp("s"), 0, "1970-01-01T00:00:00"),
        (pa.timestamp("ms"), -1, "1969-12-31T23:59:59.999000"),
        (pa.timestamp("ns"), 1, "1970-01-01T00:00:00.000000001"),
        (pa.timestamp("ns"), 1_000, "1970-01-01T00:00:00.000001"),
        (pa.timestamp("s"), 253_402_300_800, "+10000-01-01T00:00:00"),
        (pa.timestamp("us", "UTC"), 253_402_300_800_000_001, "+10000-01-01T00:00:00.000001+00:00"),
        (pa.timestamp("us", "Europe/Berlin"), 0, "1970-01-01T01:00:00+01:00"),
        (pa.timestamp("us", "+05:30"), 1, "1970-01-01T05:30:00.000001+05:30"),
        (pa.timestamp("us", "-0330"), 0, "1969-12-31T20:30:00-03:30"),
        (pa.timestamp("ns", "UTC"), -1, "1969-12-31T23:59:59.999999999+00:00"),
        (pa.timestamp("s", "Nowhere/Land"), 0, "1970-01-01T00:00:00+00:00"),
        (pa.timestamp("s", "../../etc/passwd"), 0, "1970-01-01T00:00:00+00:00"),
        (pa.timestamp("s", "+99:99"), 0, "1970-01-01T00:00:00+00:00"),
        (pa.timestamp("s", "America"), 0, "1970-01-01T00:00:00+00:00"),
        (pa.time32("s"), 3_723, "01:02:03"),
        (pa.time64("ns"), 1, "00:00:00.000000001"),
        (pa.time32("s"), 90_000, "25:00:00"),
        (pa.duration("ms"), -1_500, -1.5),
        (pa.duration("s"), 2**60, float(2**60)),
    ],
)
def test_a_number_of_arrow_is_written_out(type_: pa.DataType, number: int, text: Any):
    assert moment_values(pa.array([None, number], type_)) == [None, text]


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1])
@pytest.mark.parametrize("type_", [pa.timestamp("s"), pa.timestamp("s", "UTC"), pa.date64()])
def test_the_extremes_of_the_number_are_dates_too(type_: pa.DataType, number: int):
    [text] = moment_values(pa.array([number], type_))
    assert text.startswith("+" if number > 0 else "-")


@given(moment=st.datetimes())
def test_within_pythons_years_it_is_what_python_writes(moment: datetime):
    array = pa.array([moment], pa.timestamp("us"))
    assert moment_values(array) == [moment.isoformat()]


@given(
    moment=SAFE,
    zone=st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "UTC"]),
)
def test_with_a_zone_it_is_the_time_there_with_its_offset(moment: datetime, zone: str):
    array = pa.array([moment], pa.timestamp("us", zone))
    assert moment_values(array) == [moment.astimezone(ZoneInfo(zone)).isoformat()]


@given(minutes=st.integers(-1_439, 1_439), moment=SAFE)
def test_an_offset_is_a_zone(minutes: int, moment: datetime):
    zone = timezone(timedelta(minutes=minutes))
    name = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    array = pa.array([moment], pa.timestamp("us", name))
    assert moment_values(array) == [moment.astimezone(zone).isoformat()]


@given(at=st.times())
def test_a_time_of_day_is_what_python_writes(at: time):
    assert moment_values(pa.array([at], pa.time64("us"))) == [at.isoformat()]


@given(day=st.integers(-(2**31), 2**31 - 1))
def test_the_calendar_goes_on_beyond_pythons_years(day: int):
    """400 years are 146,097 days, and the calendar is the same again."""
    [text, later] = moment_values(
        pa.array([day, day + 146_097 if day < 0 else day - 146_097], pa.date32())
    )
    year, rest = text.rsplit("-", 2)[0], text.rsplit("-", 2)[1:]
    assert later.rsplit("-", 2)[1:] == rest
    assert int(later.rsplit("-", 2)[0]) == int(year) + (400 if day < 0 else -400)


def test_the_first_day_that_python_knows_follows_the_last_it_does_not():
    first = (date(1, 1, 1) - date(1970, 1, 1)).days
    days = pa.array([first - 1, first], pa.date32())
    assert moment_values(days) == ["0000-12-31", "0001-01-01"]
