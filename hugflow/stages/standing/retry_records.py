"""Requests of people to retry a dataset: earlier failures no longer count.

`STATE_DIR/retries/<name>.json`, written whole by `hugflow retry NAME`:

    {"version": 1, "asked_at": "2026-11-22T01:02:03.123456+00:00"}
"""

from datetime import datetime

from hugflow.audit import Deed, record, this_user
from hugflow.late_dataclass import dataclass
from hugflow.store.layout import Places
from hugflow.store.records import Moment, RecordForm


@dataclass(frozen=True, slots=True)
class Retry:
    """The record that a person asked to retry a dataset."""

    asked_at: Moment


RETRY = RecordForm(
    Retry, "the record", version=1, mend="delete the file, and run `hugflow retry` again"
)


def ask_retry(places: Places, name: str, at: datetime) -> None:
    """Record that a dataset is to be retried, without a pause for earlier failures."""
    record(places, Deed(this_user(), "retried", name), at=at)
    RETRY.write(places.retry(name), Retry(at))


def read_retry_at(places: Places, name: str) -> float:
    """When a person last asked to retry, in seconds since the epoch; 0 for never.

    An unreadable record counts as none: it costs a pause, nothing else.
    """
    retry = RETRY.read(places.retry(name))
    return retry.asked_at.timestamp() if retry is not None else 0.0
