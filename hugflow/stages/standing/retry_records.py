"""That a person asked to try a dataset again: what failed before does not count any more.

`STATE_DIR/retries/<name>.json`, written whole by `hugflow retry NAME`:

    {"version": 1, "asked_at": "2026-11-22T01:02:03.123456+00:00"}
"""

import json
from datetime import datetime

from hugflow.audit import Deed, record, this_user
from hugflow.store.atomic import read_file, write_json
from hugflow.store.layout import Places

VERSION = 1


def ask_retry(places: Places, name: str, at: datetime) -> None:
    """Record that a dataset shall be tried again, without a pause for what failed so far."""
    record(places, Deed(this_user(), "retried", name), at=at)
    write_json(places.retry(name), {"version": VERSION, "asked_at": at.isoformat()})


def read_retry_at(places: Places, name: str) -> float:
    """When a person last asked to try again, in seconds since the epoch; 0 where nobody did.

    A record that cannot be read counts as none: it costs a pause, nothing else.
    """
    try:
        value = json.loads(read_file(places.retry(name)))
        if value["version"] != VERSION:
            return 0.0
        return datetime.fromisoformat(value["asked_at"]).timestamp()
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return 0.0
