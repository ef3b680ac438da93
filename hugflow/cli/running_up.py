"""One `hugflow up` for each project: it holds a lock and records where it listens.

`STATE_DIR/up/running.json`:

    {"version": 1, "url": "http://127.0.0.1:3000"}

The lock beside it names the process and its host. Without its lock the record says nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import make_folder
from hugflow.store.layout import Places
from hugflow.store.locks import hold, is_held, read_holder
from hugflow.store.records import RecordForm


@dataclass(frozen=True, slots=True)
class RunningUp:
    """Where the web UI of a running `hugflow up` listens."""

    url: str


RUNNING_UP = RecordForm(
    RunningUp,
    "the address of the web UI",
    version=1,
    mend="delete the file: `hugflow up` writes it",
)


def describe_running(places: Places) -> str:
    """The `hugflow up` that holds the lock, in a line: where it listens, and who runs it."""
    record, holder = RUNNING_UP.read(places.running_up), read_holder(_lock_path(places))
    where = f"at {record.url}" if record is not None else "and is still starting"
    if holder is None:
        return f"hugflow is up already {where}"
    started_at = (holder.started_at or "").replace("T", " ").replace("+00:00", " UTC")
    since = f", since {started_at}" if started_at else ""
    return f"hugflow is up already {where} (process {holder.pid} on {holder.host}{since})"


@contextmanager
def only_one_up(places: Places, url: str) -> Iterator[None]:
    """Hold the project's lock while the block runs, with the address on record.

    Raises Locked when another `hugflow up` of this project runs.
    """
    record = places.running_up
    make_folder(record.parent)
    with hold(_lock_path(places), "the web UI of this project"):
        RUNNING_UP.write(record, RunningUp(url))
        try:
            yield
        finally:
            record.unlink(missing_ok=True)


def find_address(places: Places) -> str | None:
    """Where the web UI of this project listens; None if no `hugflow up` runs."""
    record = RUNNING_UP.read(places.running_up)
    return record.url if record is not None and is_held(_lock_path(places)) else None


def find_run_url(places: Places, run_id: str) -> str | None:
    """The page of a run of Dagster; None if no `hugflow up` runs."""
    address = find_address(places)
    return f"{address}/runs/{run_id}" if address is not None else None


def _lock_path(places: Places) -> Path:
    return places.running_up.with_name("lock")
