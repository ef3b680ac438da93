"""That a person asked to try a dataset again: what failed before does not count any more.

`STATE_DIR/retries/<name>.json`, written whole by `hugflow retry NAME`:

    {"version": 1, "asked_at": "2026-11-22T01:02:03.123456+00:00"}
"""

from dataclasses import dataclass
from datetime import datetime

from hugflow.audit import Deed, record, this_user
from hugflow.store.layout import Places
from hugflow.store.records import Moment, RecordForm


@dataclass(frozen=True, slots=True)
class Retry:
    """That a person asked to try a dataset again."""

    asked_at: Moment


RETRY = RecordForm(
    Retry, "the record", version=1, mend="delete the file, and run `hugflow retry` again"
)


def ask_retry(places: Places, name: str, at: datetime) -> None:
    """Record that a dataset shall be tried again, without a pause for what failed so far."""
    record(places, Deed(this_user(), "retried", name), at=at)
    RETRY.write(places.retry(name), Retry(at))


def read_retry_at(places: Places, name: str) -> float:
    """When a person last asked to try again, in seconds since the epoch; 0 where nobody did.

    A record that cannot be read counts as none: it costs a pause, nothing else.
    """
    retry = RETRY.read(places.retry(name))
    return retry.asked_at.timestamp() if retry is not None else 0.0
