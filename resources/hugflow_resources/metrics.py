"""The page `/metrics` of the web UI: the project in figures, for Prometheus.

It lies behind the guard like every other page. The figures are read at most every few seconds,
whoever asks and however often.
"""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib.metadata import version

import dagster as dg
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hugflow.errors import HugflowError
from hugflow.ledger.progress import STATUS_WORDS
from hugflow.prometheus import CONTENT_TYPE, Figure, render_figures
from hugflow.requests.catalog import read_catalog
from hugflow.stages.standing.expansions import stamp_expansions
from hugflow.stages.standing.settled_requests import read_asked
from hugflow.stages.standing.status import DatasetStatus, read_statuses
from hugflow.store.layout import Places

PATH = "/metrics"
KEPT_S = 10.0
# The states of runs that are shown; a run is in one of them.
_RUNS = {
    "queued": [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED],
    "starting": [dg.DagsterRunStatus.STARTING],
    "started": [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING],
    "failed": [dg.DagsterRunStatus.FAILURE],
    "canceled": [dg.DagsterRunStatus.CANCELED],
    "succeeded": [dg.DagsterRunStatus.SUCCESS],
}


class WithMetrics:
    """An ASGI application that answers `/metrics` itself, and passes on everything else."""

    def __init__(self, app: ASGIApp, read: Callable[[], str]) -> None:
        """read: gives the page; called in a thread, by one request at a time."""
        self._app = app
        self._read = read
        self._lock = threading.Lock()
        self._page = ""
        self._until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            response = Response(status_code=405, headers={"allow": "GET"})
        else:
            page = await run_in_threadpool(self._read_again)
            response = Response(page, media_type=CONTENT_TYPE)
        await response(scope, receive, send)

    def _read_again(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                self._page = self._read()
                self._until = time.monotonic() + KEPT_S
            return self._page


def read_metrics(places: Places, instance: dg.DagsterInstance, now: float) -> str:
    """The project in figures, read from the disk and from Dagster's records.

    now: seconds since the epoch.
    """
    statuses = read_statuses(places, _read_requested(places))
    return render_figures(
        [
            Figure("hugflow_info", "The running version.", (({"version": version("hugflow")}, 1),)),
            *_dataset_figures(statuses),
            *_dagster_figures(instance, now),
            *_disk_figures(places),
        ]
    )


def _read_requested(places: Places) -> dict[str, str]:
    """The request file of each dataset that main asks for; none if the catalogue cannot be read."""
    try:
        catalog = read_catalog(places)
    except HugflowError:
        return {}
    if catalog is None:
        return {}
    return dict(_names_of(places, catalog.digest, stamp_expansions(places)))


@lru_cache(maxsize=1)
def _names_of(places: Places, digest: str, stamp: str) -> tuple[tuple[str, str], ...]:
    # Thousands of files are not parsed again for each page; digest, stamp: of what is parsed.
    catalog = read_catalog(places)
    files = catalog.data_by_path if catalog is not None else {}
    return tuple((file.request.name, file.path) for file in read_asked(places, files).adds)


def _dataset_figures(statuses: list[DatasetStatus]) -> Iterator[Figure]:
    count = Counter(status.state for status in statuses)
    states = tuple(({"state": word}, count[word]) for word in STATUS_WORDS)
    yield Figure("hugflow_datasets", "Datasets in each state.", states)
    stored = [status for status in statuses if status.state != "removed"]
    columns: dict[str, tuple[str, Callable[[DatasetStatus], float | None]]] = {
        "rows": ("Rows made.", lambda each: each.rows),
        "planned_rows": ("Rows of the plan.", lambda each: each.total_rows),
        "failed_rows": ("Rows that could not be made.", lambda each: each.failed_rows),
        "bytes": ("Bytes of MP3 and JSON files.", lambda each: each.bytes),
        "audio_seconds": ("Seconds of audio.", lambda each: each.hours * 3600),
        "shards_done": ("Shards that are done.", lambda each: each.shards_done),
    }
    for name, (words, read) in columns.items():
        found = [(each.name, read(each)) for each in stored]
        samples = tuple(({"dataset": each}, value) for each, value in found if value is not None)
        yield Figure(f"hugflow_dataset_{name}", words, samples)


def _dagster_figures(instance: dg.DagsterInstance, now: float) -> Iterator[Figure]:
    runs = tuple(
        ({"status": word}, instance.get_runs_count(dg.RunsFilter(statuses=statuses)))
        for word, statuses in _RUNS.items()
    )
    yield Figure("hugflow_runs", "Runs in Dagster's records; queued ones wait for a slot.", runs)
    ticks = (
        (state.instigator_name, tick.timestamp)
        for state in instance.all_instigator_state()
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
    )
    words = "Seconds since a sensor or schedule last looked."
    yield Figure("hugflow_last_tick_age_seconds", words, to_ages(ticks, now))
    asleep = [
        ({"daemon": name}, float(not status.healthy))
        for name, status in instance.get_daemon_statuses().items()
        if status.required
    ]
    words = "1 for a daemon of Dagster that does not run."
    yield Figure("hugflow_daemon_asleep", words, tuple(asleep))


def to_ages(
    ticks: Iterable[tuple[str, float]], now: float
) -> tuple[tuple[dict[str, str], float], ...]:
    """The age of each sensor's latest tick.

    ticks: name and time of ticks. A code location that had another name once has left a state of
    the same sensor.
    """
    latest: dict[str, float] = {}
    for name, at in ticks:
        latest[name] = max(at, latest.get(name, at))
    return tuple(({"sensor": name}, max(0.0, now - at)) for name, at in sorted(latest.items()))


def _disk_figures(places: Places) -> Iterator[Figure]:
    roots = {"STORAGE_ROOT": places.storage_root, "STATE_DIR": places.state_dir}
    usage = {name: shutil.disk_usage(path) for name, path in roots.items() if path.is_dir()}
    free = tuple(({"root": name}, float(each.free)) for name, each in usage.items())
    size = tuple(({"root": name}, float(each.total)) for name, each in usage.items())
    yield Figure("hugflow_disk_free_bytes", "Free on the disk of a root.", free)
    yield Figure("hugflow_disk_size_bytes", "Size of the disk of a root.", size)
