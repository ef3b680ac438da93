"""When a service may be asked again, as it says itself."""

from datetime import UTC, datetime

import pytest

from hugflow.clients.retry_after import parse_retry_after_s


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("0", 0.0),
        ("3600", 3600.0),
        ("Sun, 22 Nov 2026 13:00:00 GMT", 3600.0),
        ("Sun, 22 Nov 2026 14:00:00 +0100", 3600.0),
        ("Sun, 22 Nov 2026 13:00:00 -0000", 3600.0),
        ("Sun, 22 Nov 2026 13:00:00", 3600.0),
        ("Sunday, 22-Nov-26 13:00:00 GMT", 3600.0),
        ("Sun, 22 Nov 2026 12:00:00 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("Sun, 99 Nov 2026 13:00:00 GMT", None),
        ("Sun, 22 Nov 99999 13:00:00 GMT", None),
        ("Sun, 99999999999999 Nov 2026 13:00:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(value: str, wait_s: float | None):
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert parse_retry_after_s(value, now) == wait_s
