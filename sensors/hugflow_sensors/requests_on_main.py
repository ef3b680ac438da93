"""The sensor that brings what main asks for into storage.

Every tick looks at everything anew: main, the disk, Dagster's runs. Nothing depends on having
seen a change happen, so a tick that was missed, a lost cursor and a restart lose nothing.
"""

import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import dagster as dg

from hugflow.clients.hub import Hub
from hugflow.errors import HugflowError
from hugflow.requests.catalog import Catalog, read_catalog, write_catalog
from hugflow.requests.collect import AddFile, RequestSet, collect_requests
from hugflow.requests.model import AddRequest
from hugflow.shards.plans import read_current_plan
from hugflow.stages.build import Build
from hugflow.stages.open import changed_fields, open_build
from hugflow.stages.processed import find_undone, is_published
from hugflow.stages.removed import is_held_back
from hugflow.store.layout import Places
from hugflow.store.links import is_linked
from hugflow_resources.hub import HubResource
from hugflow_resources.materializations import STAGES, register_partitions, unrecorded
from hugflow_resources.requests_repo import RequestsRepo
from hugflow_resources.storage import Storage
from hugflow_resources.tags import ATTEMPT_TAG
from hugflow_sensors.decide import (
    Memo,
    Start,
    Trouble,
    decide_attempt,
    is_waiting,
    may_reload,
    missing_range,
    next_trouble,
)
from hugflow_sensors.memo import read_memo, write_memo
from hugflow_sensors.runs import (
    attempt_tags,
    end_dead_runs,
    find_busy,
    read_attempts,
    to_clock,
)

INTERVAL_S = 10
# Dagster gives a tick 60 s; what is not done in time is done in the next.
TICK_S = 20.0
PLANS_PER_TICK = 5
RUNS_PER_TICK = 20
EVENTS_PER_TICK = 500
RELOAD_TIMEOUT_S = 60
MOST_WORDS = 30


def build_requests_on_main(loaded: str | None) -> dg.SensorDefinition:
    """Give the sensor of this code location.

    loaded: digest of the catalogue that the location's assets were made from; None: of none.
    """
    # Complete datasets, and the request each was complete for. Begun anew with each process.
    settled: dict[str, str] = {}
    # What was last logged: a tick that finds the same is no news, and each log is a file.
    told: list[str] = []
    # What the last catalogue asks for, by its digest: a thousand files take a second to read.
    collected: dict[str, RequestSet] = {}

    @dg.sensor(
        # No job of its own: a job holds assets of one partitions definition, and each dataset
        # has another.
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a dataset when its request reaches main.",
    )
    def requests_on_main(
        context: dg.SensorEvaluationContext,
        requests_repo: RequestsRepo,
        hub: HubResource,
        storage: Storage,
    ) -> dg.SensorResult:
        memo = read_memo(context.cursor)
        words: list[str] = []
        catalog = _update_catalog(requests_repo, storage.places, words)
        if catalog is None:
            return _answer(memo, words)
        if catalog.digest != loaded:
            now = time.time()
            if may_reload(memo, catalog.digest, now) and _reload(context, words):
                return _answer(Memo(memo.troubles, (catalog.digest, now)), words)
            words.append("restart the code location to load what main asks for now")
        if catalog.digest not in collected:
            collected.clear()
            collected[catalog.digest] = collect_requests(catalog.data_by_path)
        requests = collected[catalog.digest]
        refused = (*catalog.problems, *requests.problems)
        words += [f"refused: {problem.headline}" for problem in refused]
        tick = _Tick(context, storage, hub.open(), memo, settled, told, words)
        tick.look_at(_loaded(context, requests.adds))
        return tick.answer()

    return requests_on_main


def _update_catalog(repo: RequestsRepo, places: Places, words: list[str]) -> Catalog | None:
    """Read main and write the catalogue; where main cannot be read, the last one counts.

    None when neither is to be had: then nothing is known of main, and nothing is done.
    """
    before: Catalog | None = None
    try:
        before = read_catalog(places)
    except HugflowError as error:
        words.append(error.what)
    try:
        catalog = repo.fetch_catalog(places, before)
    except HugflowError as error:
        words.append(f"main cannot be read: {error.what} ({error.why}). To mend it: {error.mend}")
        return before
    if catalog != before:
        write_catalog(places, catalog)
    return catalog


def _reload(context: dg.SensorEvaluationContext, words: list[str]) -> bool:
    """Let this code location load the new catalogue; whether it was told to."""
    origin = context.code_location_origin
    try:
        client = origin.create_client()  # type: ignore[union-attr]  # None has none, as others
        client.reload_code(timeout=RELOAD_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001  # whatever it is, a person can restart it instead
        words.append(f"this code location cannot reload itself ({type(error).__name__})")
        return False
    words.append("main asks for something new: the code location is reloading")
    return True


def _loaded(context: dg.SensorEvaluationContext, files: Iterable[AddFile]) -> list[AddFile]:
    """Give the adds whose assets this code location has: a run can ask for no others."""
    repository = context.repository_def
    if repository is None:
        return list(files)
    graph = repository.asset_graph
    return [file for file in files if graph.has(dg.AssetKey([file.request.name, "plan"]))]


def _answer(
    memo: Memo,
    words: Iterable[str],
    runs: Iterable[dg.RunRequest] = (),
    events: Iterable[dg.AssetMaterialization] = (),
) -> dg.SensorResult:
    asked, told = list(runs), list(words)
    if len(told) > MOST_WORDS:
        told = [*told[:MOST_WORDS], f"and {len(told) - MOST_WORDS} more"]
    return dg.SensorResult(
        run_requests=asked,
        skip_reason=None if asked else "; ".join(told),
        cursor=write_memo(memo),
        asset_events=list(events),
    )


@dataclass(slots=True)
class _Tick:
    """One look at all datasets, and what comes of it."""

    context: dg.SensorEvaluationContext
    storage: Storage
    hub: Hub
    memo: Memo
    settled: dict[str, str]
    told: list[str]
    words: list[str]
    busy: frozenset[str] = frozenset()
    plans: int = 0
    complete: int = 0
    later: int = 0
    runs: list[dg.RunRequest] = field(default_factory=list)
    events: list[dg.AssetMaterialization] = field(default_factory=list)
    troubles: dict[str, Trouble] = field(default_factory=dict)

    def look_at(self, files: Iterable[AddFile]) -> None:
        """Look at each dataset; one that makes trouble hides no other."""
        now = time.time()
        for run_id in end_dead_runs(self.context.instance, self.storage.places, now):
            self.words.append(f"the process of run {run_id[:8]} has gone: the run was ended")
        self.busy = find_busy(self.context.instance, now)
        ends_at = time.monotonic() + TICK_S
        for file in files:
            request = file.request
            if self._stands(request):
                self.complete += 1
            elif is_waiting(trouble := self._trouble(request), request.digest, time.time()):
                self._keep(request, trouble)
            elif time.monotonic() > ends_at:
                self.later += 1
            else:
                self._try(file)

    def answer(self) -> dg.SensorResult:
        """What the tick comes to."""
        if self.later:
            self.words.insert(0, f"{self.later} left for the next tick")
        if self.complete:
            self.words.insert(0, f"{self.complete} complete")
        if self.words != self.told:
            # The tick's own line is cut short in the UI; here it can be read.
            self.context.log.info("\n".join(self.words))
            self.told[:] = self.words
        words = self.words or ["main asks for nothing"]
        return _answer(Memo(self.troubles, self.memo.reloaded), words, self.runs, self.events)

    def _stands(self, request: AddRequest) -> bool:
        """Whether the dataset was complete for this very request, and its link still stands."""
        places, name = self.storage.places, request.name
        return self.settled.get(name) == request.digest and (
            is_linked(places.link(name), places.dataset(name).root)
            and places.dataset(name).manifest.is_file()
        )

    def _trouble(self, request: AddRequest) -> Trouble | None:
        return self.memo.troubles.get(request.name)

    def _keep(self, request: AddRequest, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.troubles[request.name] = trouble
            again = to_clock(trouble.not_before)
            self.words.append(f"{request.name}: {trouble.what}; tried again at {again}")

    def _try(self, file: AddFile) -> None:
        request = file.request
        try:
            self._advance(request)
        except HugflowError as error:
            self.context.log.warning("%s: %s", file.path, error)
            self._begin_trouble(request, f"{error.what}: {error.why}")
        except Exception as error:  # one dataset's surprise must not stop the others
            self.context.log.exception("%s", file.path)
            self._begin_trouble(request, f"unexpected {type(error).__name__}")

    def _begin_trouble(self, request: AddRequest, what: str) -> None:
        trouble = next_trouble(self._trouble(request), request.digest, what, time.time())
        self._keep(request, trouble)

    def _advance(self, request: AddRequest) -> None:
        """Take a dataset one step further: plan it, adopt it, or ask for a run."""
        places, name = self.storage.places, request.name
        if is_held_back(places, request):
            again = f"`hugflow retry {name}` makes it again, and so does a change of its request"
            self.words.append(f"{name}: removed by hand; {again}")
            return
        options = self.storage.options(lock_wait_s=0.0)
        planned = read_current_plan(places, name)
        if planned is None or changed_fields(request, planned.request, options):
            if self.plans >= PLANS_PER_TICK:
                self.later += 1
                return
            self.plans += 1
        build = open_build(request, places, self.hub, options)
        register_partitions(self.context.instance, build)
        room = EVENTS_PER_TICK - len(self.events)
        is_busy = name in self.busy
        # What a run is at work on it tells by itself.
        found = (
            []
            if is_busy
            else list(itertools.islice(unrecorded(self.context.instance, build), room))
        )
        self.events += found
        if found:
            self.words.append(f"{name}: adopted {len(found)} materializations from the disk")
        if is_published(build):
            self.complete += 1
            if not found and room:
                self.settled[name] = request.digest
        elif is_busy:
            self.words.append(f"{name}: a run is at work")
        else:
            self._ask_for_run(build)

    def _ask_for_run(self, build: Build) -> None:
        name, digest = build.name, build.request.digest
        undone = set(find_undone(build))
        shard_by_key = build.plan.shard_by_key()
        wanted = missing_range(
            list(shard_by_key), [shard not in undone for shard in shard_by_key.values()]
        )
        if wanted is None:
            self.words.append(f"{name}: its plan has no shards")
            return
        tags = attempt_tags(build.plan, digest)
        count, past = read_attempts(self.context.instance, tags)
        decision = decide_attempt(past, time.time())
        if not isinstance(decision, Start):
            again = (
                f"the next begins at {to_clock(decision.until)}"
                if decision.until is not None
                else "materialize it by hand, or change its request"
            )
            self.words.append(f"{name}: {decision.why}; {again}")
        elif len(self.runs) >= RUNS_PER_TICK:
            self.later += 1
        else:
            self.words.append(f"{name}: attempt {count + 1}, {wanted[0]}...{wanted[1]}")
            self.runs.append(_run_request(name, wanted, tags, count + 1))


def _run_request(
    name: str, wanted: tuple[str, str], tags: dict[str, str], attempt: int
) -> dg.RunRequest:
    return dg.RunRequest(
        run_key="/".join([*tags.values(), str(attempt)]),
        asset_selection=[dg.AssetKey([name, stage]) for stage in STAGES],
        tags={
            **tags,
            ATTEMPT_TAG: str(attempt),
            "dagster/asset_partition_range_start": wanted[0],
            "dagster/asset_partition_range_end": wanted[1],
        },
    )
