"""What a service says about when to ask it again."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def parse_retry_after_s(value: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, by a number or by a date; None for neither.

    A date that has passed asks for no wait; one without a zone is in UTC.
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
