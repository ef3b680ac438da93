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

import json
from pathlib import Path

import dagster as dg

from hugflow.store.atomic import write_json
from hugflow.store.layout import Places

VERSION = 1

# By the dataset's name: the request's digest, and the manifest's time in ns.
Settled = dict[str, tuple[str, int]]


def read_settled(places: Places, instance: dg.DagsterInstance) -> Settled:
    """What was settled in this event log; nothing where the file cannot be read."""
    try:
        value = json.loads(_path(places).read_bytes())
        log_id = _log_id(instance)
        if value["version"] != VERSION or log_id is None or value["dagster"] != log_id:
            return {}
        return {n: (str(digest), int(at)) for n, (digest, at) in value["datasets"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write_settled(places: Places, instance: dg.DagsterInstance, settled: Settled) -> None:
    """Write it whole."""
    datasets = {name: list(settled[name]) for name in sorted(settled)}
    write_json(
        _path(places),
        {"version": VERSION, "dagster": _log_id(instance), "datasets": datasets},
    )


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
