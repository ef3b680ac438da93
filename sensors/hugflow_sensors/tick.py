"""One tick of the sensor: it looks at everything that main requests, and acts."""

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from hugflow.amounts import count
from hugflow.clients.hub import Hub
from hugflow.errors import HugflowError, Locked
from hugflow.ledger.stages import asset_names
from hugflow.requests.catalog import Catalog
from hugflow.requests.collect import AddFile, ParsedFiles, RemovalFile, RequestSet, parse_files
from hugflow.requests.model import AddRequest, RemoveRequest
from hugflow.requests.policy import Policy
from hugflow.requests.problems import show_path
from hugflow.shards.plans import read_current_id, read_current_plan
from hugflow.stages.build.build import Build
from hugflow.stages.flowing.flowed import is_flowed_as_asked
from hugflow.stages.planning.expand import expand_request
from hugflow.stages.planning.open_build import changed_fields, open_build
from hugflow.stages.publishing.publish import find_undone
from hugflow.stages.standing.obstacles import obstacle_of, write_obstacle
from hugflow.stages.standing.publication import Publication
from hugflow.stages.standing.removal_records import is_held_back, removed_names
from hugflow.stages.standing.retry_records import read_retry_at
from hugflow.stages.tree.manifest import Manifest
from hugflow.store.links import is_linked
from hugflow.store.trash import delete_expired
from hugflow_assets.reporting.checks import planned_evaluation, stored_evaluations
from hugflow_assets.reporting.forget import forget_dataset
from hugflow_assets.reporting.materializations import register_partitions, unrecorded
from hugflow_resources.asset_keys import stage_key
from hugflow_resources.storage import Storage
from hugflow_resources.tags import ATTEMPT_TAG, PART_TAG, PLAN_TAG, SHOWN_TAG
from hugflow_sensors.decide import (
    Memo,
    PastRun,
    Start,
    Trouble,
    decide_attempt,
    is_waiting,
    missing_ranges,
    next_trouble,
)
from hugflow_sensors.memo import write_memo
from hugflow_sensors.publishing import as_pushes, find_unpushed, push_request, push_tags
from hugflow_sensors.removals import Removals
from hugflow_sensors.runs import (
    attempt_tags,
    end_dead_runs,
    find_busy,
    read_attempts,
    to_clock,
)
from hugflow_sensors.settled import Settled, manifest_time, read_settled, write_settled

# Dagster allows a tick 60 s; the next tick does the rest.
TICK_S: Final = 20.0
PLANS_PER_TICK: Final = 5
RUNS_PER_TICK: Final = 20
EVENTS_PER_TICK: Final = 500
FORGOTTEN_PER_TICK: Final = 50
MOST_WORDS: Final = 30


@dataclass(slots=True)
class Known:
    """What the sensor's process remembers from tick to tick; without it everything is looked up.

    settled: see the module of that name; None before it is read.
    forgotten: removed datasets that Dagster has no records of any more.
    told: the lines that were last logged; the same lines are not logged again, because each log
    is a file.
    """

    settled: Settled | None = None
    forgotten: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    _parsed: tuple[str, ParsedFiles] | None = None

    def parse(self, catalog: Catalog) -> ParsedFiles:
        """Read the request files of a catalogue; the same catalogue is read only once."""
        if self._parsed is None or self._parsed[0] != catalog.digest:
            self._parsed = catalog.digest, parse_files(catalog.data_by_path)
        return self._parsed[1]


def to_result(
    memo: Memo,
    words: Iterable[str],
    runs: Sequence[dg.RunRequest] = (),
    events: Sequence[dg.AssetMaterialization | dg.AssetCheckEvaluation] = (),
) -> dg.SensorResult:
    """The result of a tick; its words are shown when it starts no run."""
    told = list(words)
    if len(told) > MOST_WORDS:
        told = [*told[:MOST_WORDS], f"and {len(told) - MOST_WORDS} more"]
    return dg.SensorResult(
        run_requests=list(runs),
        skip_reason=None if runs else "; ".join(told),
        cursor=write_memo(memo),
        asset_events=list(events),
    )


@dataclass(slots=True)
class Tick:
    """One look at all datasets, and its results."""

    context: dg.SensorEvaluationContext
    catalog: Catalog
    storage: Storage
    hub: Hub
    memo: Memo
    known: Known
    words: list[str]
    busy: Mapping[str, Sequence[str]] = field(default_factory=dict)
    plans: int = 0
    complete: int = 0
    later: int = 0
    runs: list[dg.RunRequest] = field(default_factory=list)
    events: list[dg.AssetMaterialization | dg.AssetCheckEvaluation] = field(default_factory=list)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    settled: Settled = field(init=False)
    _ends_at: float = field(default_factory=lambda: time.monotonic() + TICK_S)

    def __post_init__(self) -> None:
        """Read the settled datasets."""
        if self.known.settled is None:
            self.known.settled = read_settled(self.storage.places, self.context.instance)
        self.settled = dict(self.known.settled)

    def look_at_runs(self) -> None:
        """End the runs that died, and find the datasets that have a run."""
        instance, now = self.context.instance, time.time()
        for run_id in end_dead_runs(instance, self.storage.places, now):
            self.words.append(f"the process of run {run_id[:8]} has gone: the run was ended")
        self.busy = find_busy(instance, now)

    def carry_out(self, requests: RequestSet, branch: str) -> None:
        """Carry out main's removals, and remove the datasets from Dagster's records."""
        instance, places = self.context.instance, self.storage.places
        for file in requests.removals:
            identity = file.identity
            if identity is None or self._is_waiting(identity.name, file.request):
                continue
            with self._attempt(identity.name, file):
                policy = self._read_policy()
                removals = Removals(instance, places, self.catalog, branch, self.busy, policy)
                if said := removals.carry_out(file, identity):
                    self.words.append(said)
        self._forget_removed()
        for entry in delete_expired(places, datetime.now(UTC)):
            self.words.append(f"{entry.name}: deleted for good, its time in the trash is over")

    def look_at(self, files: Iterable[AddFile]) -> None:
        """Look at each requested dataset; trouble with one does not affect the others."""
        files = list(files)
        asked = {file.request.name for file in files}
        self.settled = {name: known for name, known in self.settled.items() if name in asked}
        for file in files:
            request = file.request
            if self._stands(request):
                self.complete += 1
            elif self._is_waiting(request.name, request):
                continue
            elif time.monotonic() > self._ends_at:
                self.later += 1
            else:
                with self._attempt(request.name, file):
                    self._advance(request)

    def answer(self) -> dg.SensorResult:
        """The result of the tick."""
        if self.settled != self.known.settled:
            write_settled(self.storage.places, self.context.instance, self.settled)
            self.known.settled = self.settled
        if self.later:
            self.words.insert(0, f"{self.later} left for the next tick")
        if self.complete:
            self.words.insert(0, f"{self.complete} complete")
        if self.words != self.known.told:
            # The UI cuts the tick's own line short; the log has it in full.
            self.context.log.info("\n".join(self.words))
            self.known.told[:] = self.words
        words = self.words or ["main asks for nothing"]
        return to_result(Memo(self.troubles, self.memo.reloaded), words, self.runs, self.events)

    def _read_policy(self) -> Policy:
        """Main's present policy; the loaded one may be older."""
        return self.catalog.policy

    def _stands(self, request: AddRequest) -> bool:
        """Whether the dataset was complete for this very request, and its link still exists."""
        places, name = self.storage.places, request.name
        written_at = manifest_time(places, name)
        return self.settled.get(name) == (request.digest, written_at) and is_linked(
            places.link(name), places.dataset(name).root
        )

    def _is_waiting(self, name: str, request: AddRequest | RemoveRequest) -> bool:
        """Whether a failed request still waits; if so, say it and keep its record."""
        trouble = self.memo.troubles.get(name)
        retry_at = read_retry_at(self.storage.places, name) if trouble is not None else 0.0
        if trouble is None or not is_waiting(trouble, request.digest, time.time(), retry_at):
            return False
        self._keep(name, trouble)
        return True

    def _keep(self, name: str, trouble: Trouble) -> None:
        self.troubles[name] = trouble
        again = to_clock(trouble.not_before)
        self.words.append(f"{name}: {trouble.what}; tried again at {again}")

    @contextmanager
    def _attempt(self, name: str, file: AddFile | RemovalFile) -> Iterator[None]:
        """Record an error of one dataset as its own trouble."""
        try:
            yield
        except HugflowError as error:
            self.context.log.warning("%s: %s", show_path(file.path), error)
            told, what = error, f"{error.what}: {error.why}"
        except Exception as error:  # an unforeseen error of one dataset must not stop the others
            self.context.log.exception("%s", show_path(file.path))
            what = f"unexpected {type(error).__name__}"
            told = HugflowError(
                what, why="it was not foreseen: the log of the sensor says where", mend="report it"
            )
        else:
            return
        before = self.memo.troubles.get(name)
        trouble = next_trouble(before, file.request.digest, what, time.time())
        self._keep(name, trouble)
        if isinstance(file, AddFile):
            again_at = datetime.fromtimestamp(trouble.not_before, UTC)
            obstacle = obstacle_of(told, trouble.request, datetime.now(UTC), again_at)
            with suppress(OSError, HugflowError):
                write_obstacle(self.storage.places, name, obstacle)

    def _forget_removed(self) -> None:
        """Remove the removed datasets from Dagster's records, whoever removed them."""
        places, forgotten = self.storage.places, self.known.forgotten
        removed = set(removed_names(places))
        forgotten &= removed
        for name in sorted(removed - forgotten)[:FORGOTTEN_PER_TICK]:
            # A dataset with a plan is being made again.
            if read_current_id(places, name) is None and name not in self.busy:
                forget_dataset(self.context.instance, name)
                forgotten.add(name)

    def _advance(self, request: AddRequest) -> None:
        """Move a dataset one step on: plan it, adopt it, or ask for a run."""
        places, name = self.storage.places, request.name
        if is_held_back(places, request):
            again = f"`hugflow retry {name}` makes it again, and so does a change of its request"
            self.words.append(f"{name}: removed by hand; {again}")
            return
        if request.is_several:
            members = expand_request(request, places, self.hub, self._read_policy())
            self.words.append(f"{request.hf_id}: the request becomes {len(members)} datasets")
            return
        policy = self._read_policy()
        options = self.storage.options(lock_wait_s=0.0, policy=policy)
        options = replace(options, actor="requests_on_main")
        planned = read_current_plan(places, name)
        is_new = planned is None or bool(changed_fields(request, planned.request, options))
        if is_new:
            if self.plans >= PLANS_PER_TICK:
                self.later += 1
                return
            self.plans += 1
        try:
            build = open_build(request, places, self.hub, options)
        except Locked:
            # A command plans it right now.
            raise
        except HugflowError as error:
            self.events.append(planned_evaluation(name, error))
            raise
        if is_new or name in self.memo.troubles:
            self.events.append(planned_evaluation(name))
        published = build.stored.find_published(build.plan)
        if published is not None and not is_flowed_as_asked(build, published):
            published = None
        register_partitions(self.context.instance, build)
        room = max(0, EVENTS_PER_TICK - len(self.events))
        is_busy = name in self.busy
        # A run reports its own work.
        found = (
            []
            if is_busy
            else list(itertools.islice(unrecorded(self.context.instance, build, published), room))
        )
        self.events += found
        if found and published is not None:
            self.events += stored_evaluations(build)
        if found:
            adopted = count(len(found), "materialization")
            self.words.append(f"{name}: adopted {adopted} from the disk")
        unpushed = find_unpushed(build, published) if published is not None else None
        if published is not None:
            self.complete += 1
        if published is not None and unpushed is None:
            if not found and room:
                self.settled[name] = (request.digest, manifest_time(places, name))
        elif is_busy:
            self.words.append(f"{name}: a run is at work")
        elif published is not None and unpushed is not None:
            self._ask_for_push(build, unpushed, published)
        else:
            self._ask_for_run(build)

    def _ask_for_run(self, build: Build) -> None:
        name, digest = build.name, build.request.digest
        undone = set(find_undone(build))
        shard_by_key = build.plan.shard_by_key()
        parts = self.storage.runs_per_dataset
        wanted = missing_ranges(
            list(shard_by_key), [shard not in undone for shard in shard_by_key.values()], parts
        )
        if not wanted:
            self.words.append(f"{name}: its plan has no shards")
            return
        tags = attempt_tags(build.plan, digest)
        count, past = read_attempts(self.context.instance, tags, parts)
        if self._may_start(build, past):
            ranges = ", ".join(f"{first}...{last}" for first, last in wanted)
            self.words.append(f"{name}: attempt {count + 1}, {ranges}")
            stages = asset_names(has_flows=bool(build.request.flows))
            self.runs += [_run_request(name, stages, part, tags, count + 1) for part in wanted]

    def _ask_for_push(self, build: Build, unpushed: Publication, manifest: Manifest) -> None:
        tags = push_tags(build, unpushed, manifest)
        count, past = read_attempts(self.context.instance, tags, 1)
        if unpushed.state == "failed":
            self.words.append(f"{build.name}: not pushed to {unpushed.to}: {unpushed.why}")
        if build.plan.shards and self._may_start(build, as_pushes(past)):
            self.words.append(f"{build.name}: attempt {count + 1} to publish it to {unpushed.to}")
            self.runs.append(push_request(build, tags, count + 1))

    def _may_start(self, build: Build, past: Sequence[PastRun]) -> bool:
        """Whether a run may start now; if not, say why."""
        name = build.name
        decision = decide_attempt(past, time.time(), read_retry_at(build.places, name))
        if isinstance(decision, Start):
            self.later += (is_full := len(self.runs) >= RUNS_PER_TICK)
            return not is_full
        again = (
            f"the next begins at {to_clock(decision.until)}"
            if decision.until is not None
            else f"`hugflow retry {name}`, or a change of its request, starts again"
        )
        self.words.append(f"{name}: {decision.why}; {again}")
        return False


def _run_request(
    name: str, stages: Sequence[str], wanted: tuple[str, str], tags: dict[str, str], attempt: int
) -> dg.RunRequest:
    part = f"{tags[PLAN_TAG]}/{wanted[0]}"
    return dg.RunRequest(
        run_key="/".join([*tags.values(), str(attempt), wanted[0]]),
        asset_selection=[stage_key(name, stage) for stage in stages],
        tags={
            SHOWN_TAG: name,
            **tags,
            ATTEMPT_TAG: str(attempt),
            PART_TAG: part,
            "dagster/asset_partition_range_start": wanted[0],
            "dagster/asset_partition_range_end": wanted[1],
        },
    )
