"""Complete datasets that Dagster has all events of; a new process need not check them again.

`STATE_DIR/catalog/settled.json`, written whole; without it everything is checked:

    {
      "version": 1,
      "dagster": "5a1c...",           the event log that has them; another log needs them again
      "datasets": {
        "acme__speech__split_train__rev_main": ["<digest of the request>", 1793000000123456789]
      }                               its request when complete, and the time of its manifest
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
    """The file; see the module. dagster: None when the event log cannot be identified."""

    dagster: str | None
    datasets: Settled


SETTLED = RecordForm(
    _SettledFile, "the record", version=1, mend="delete the file: everything is looked up again"
)


def read_settled(places: Places, instance: dg.DagsterInstance) -> Settled:
    """The datasets settled in this event log; empty when the file cannot be read."""
    found, log_id = SETTLED.read(_path(places)), _log_id(instance)
    return (
        found.datasets
        if found is not None and log_id is not None and found.dagster == log_id
        else {}
    )


def write_settled(places: Places, instance: dg.DagsterInstance, settled: Settled) -> None:
    """Write the file whole."""
    SETTLED.write(_path(places), _SettledFile(_log_id(instance), dict(sorted(settled.items()))))


def manifest_time(places: Places, name: str) -> int:
    """When the manifest of a dataset was written, in ns; 0 when there is none."""
    try:
        return places.dataset(name).manifest.stat().st_mtime_ns
    except OSError:
        return 0


def _log_id(instance: dg.DagsterInstance) -> str | None:
    """The identifier of Dagster's event log; None when there is none."""
    find_id = getattr(instance.run_storage, "get_run_storage_id", None)
    return None if find_id is None else str(find_id())


def _path(places: Places) -> Path:
    return places.catalog / "settled.json"
