"""Arrow's dates, times and durations for JSON: ISO 8601, for any year.

Python's own types end at the year 9999 and at microseconds, and need known zone names. So this
module writes the numbers itself: later years as `+12026`, years before 1 as `-0004`, nine digits
for nanoseconds, UTC for an unknown zone.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa

_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
# The Gregorian calendar repeats itself after 400 years.
_ERA_DAYS: Final = 146_097
_ERA_YEARS: Final = 400
_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)")


def moment_values(column: pa.Array) -> list[Any]:
    """The values of a column of dates, times, timestamps or durations, ready for strict JSON.

    Durations are seconds, as numbers; everything else is text.
    """
    to_text = _writer(column.type)
    bits = pa.int32() if column.type.bit_width == 32 else pa.int64()
    # A view, not a cast: a cast checks date64 for whole days.
    return [None if number is None else to_text(number) for number in column.view(bits).to_pylist()]


def _writer(type_: pa.DataType) -> Callable[[int], Any]:
    if pa.types.is_date32(type_):
        return _date
    if pa.types.is_date64(type_):
        return lambda number: _date(number // 86_400_000)
    per_second = _PER_SECOND[type_.unit]
    if pa.types.is_duration(type_):
        return lambda number: number / per_second
    if pa.types.is_time(type_):
        return lambda number: _time(*divmod(number, per_second), per_second)
    zone = _zone(type_.tz) if type_.tz is not None else None
    return lambda number: _timestamp(*divmod(number, per_second), per_second, zone)


def _date(days: int) -> str:
    """The date that is `days` days after 1 January 1970."""
    ordinal = days + _EPOCH_DAY
    if 1 <= ordinal <= date.max.toordinal():
        return date.fromordinal(ordinal).isoformat()
    eras, within = divmod(ordinal - 1, _ERA_DAYS)
    inside = date.fromordinal(within + 1)
    year = inside.year + eras * _ERA_YEARS
    sign = "+" if year > 9999 else "-" if year < 0 else ""
    return f"{sign}{abs(year):04}-{inside:%m-%d}"


def _time(seconds: int, fraction: int, per_second: int) -> str:
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}{_digits(fraction, per_second)}"


def _timestamp(seconds: int, fraction: int, per_second: int, zone: tzinfo | None) -> str:
    if zone is not None:
        try:
            there = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone).isoformat()
        except (OverflowError, ValueError):
            pass
        else:
            return f"{there[:19]}{_digits(fraction, per_second)}{there[19:]}"
    days, second = divmod(seconds, 86_400)
    text = f"{_date(days)}T{_time(second, fraction, per_second)}"
    return text if zone is None else f"{text}+00:00"


def _digits(fraction: int, per_second: int) -> str:
    """The fraction of a second: empty, six digits, or nine."""
    if not fraction:
        return ""
    nanoseconds = fraction * (_PER_SECOND["ns"] // per_second)
    return f".{nanoseconds:09}" if nanoseconds % 1_000 else f".{nanoseconds // 1_000:06}"


def _zone(name: str) -> tzinfo:
    """The zone of that name or offset; UTC if unknown, which keeps the instant the same."""
    if found := _OFFSET.fullmatch(name):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        if offset < timedelta(days=1):
            return timezone(-offset if found[1] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
