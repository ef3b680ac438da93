"""Complete datasets that Dagster knows all of, so that a new process need not look at each anew.

`STATE_DIR/catalog/settled.json`, written whole; without it everything is looked up:

    {
      "version": 1,
      "dagster": "5a1c...",           the event log that knows them: in another one they are news
      "datasets": {
        "acme__speech__split_train__rev_main": ["<digest of the request>", 1793000000123456789]
      }                               the request it was complete for, and when its manifest was written
    }
"""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from hugflow.store.layout import Places
from hugflow.store.records import RecordForm

# By the dataset's name: the request's digest, and the manifest's time in ns.
Settled = dict[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class _SettledFile:
    """The file; see the module. dagster: None where nobody can say which event log it is."""

    dagster: str | None
    datasets: Settled


SETTLED = RecordForm(
    _SettledFile, "the record", version=1, mend="delete the file: everything is looked up again"
)


def read_settled(places: Places, instance: dg.DagsterInstance) -> Settled:
    """What was settled in this event log; nothing where the file cannot be read."""
    found, log_id = SETTLED.read(_path(places)), _log_id(instance)
    return (
        found.datasets
        if found is not None and log_id is not None and found.dagster == log_id
        else {}
    )


def write_settled(places: Places, instance: dg.DagsterInstance, settled: Settled) -> None:
    """Write it whole."""
    SETTLED.write(_path(places), _SettledFile(_log_id(instance), dict(sorted(settled.items()))))


def manifest_time(places: Places, name: str) -> int:
    """When the manifest of a dataset was written, in ns; 0 where there is none."""
    try:
        return places.dataset(name).manifest.stat().st_mtime_ns
    except OSError:
        return 0


def _log_id(instance: dg.DagsterInstance) -> str | None:
    """What Dagster's own storages call themselves; None where nobody can tell."""
    find_id = getattr(instance.run_storage, "get_run_storage_id", None)
    return None if find_id is None else str(find_id())


def _path(places: Places) -> Path:
    return places.catalog / "settled.json"
