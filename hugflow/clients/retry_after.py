"""When a service may be called again, by its own words."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def parse_retry_after_s(value: str, now: datetime) -> float | None:
    """Seconds in a Retry-After header, from a number or a date; None if it is neither.

    A date in the past gives 0; a date without a zone is in UTC.
    https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, OverflowError):
        return None
