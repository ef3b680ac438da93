"""The runs that Dagster has, as far as the sensor asks about them."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from hugflow.shards.plan import Plan
from hugflow.store.layout import Places
from hugflow_resources.alive import forget_run, is_dead
from hugflow_resources.materializations import STAGES
from hugflow_resources.tags import DATASET_TAG, PLAN_TAG, REQUEST_TAG
from hugflow_sensors.decide import Ending, PastRun

MOST_PAST_RUNS = 10


def attempt_tags(plan: Plan, request: str) -> dict[str, str]:
    """What marks the sensor's attempts at the same rows; `request` is its digest."""
    return {DATASET_TAG: plan.dataset, PLAN_TAG: plan.id, REQUEST_TAG: request[:16]}


def end_dead_runs(instance: dg.DagsterInstance, places: Places) -> list[str]:
    """Report the runs as failed whose process has gone without saying so; gives their ids."""
    dead: list[str] = []
    alive = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for record in instance.get_run_records(dg.RunsFilter(statuses=alive)):
        run = record.dagster_run
        if is_dead(places, run.run_id):
            instance.report_run_failed(
                run, "The process of this run has gone. What it finished stands; the next goes on."
            )
            forget_run(places, run.run_id)
            dead.append(run.run_id)
    return dead


def find_busy(instance: dg.DagsterInstance) -> frozenset[str]:
    """Give the datasets of which a run, whoever asked for it, is making stages or is about to."""
    busy: set[str] = set()
    filters = dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES)
    for record in instance.get_run_records(filters):
        for key in record.dagster_run.asset_selection or ():
            if len(key.path) == 2 and key.path[1] in STAGES:
                busy.add(key.path[0])
    return frozenset(busy)


def read_attempts(
    instance: dg.DagsterInstance, tags: dict[str, str]
) -> tuple[int, Sequence[PastRun]]:
    """How many runs with these tags there were, and how the last of them ended, latest first."""
    filters = dg.RunsFilter(tags=tags)
    records = instance.get_run_records(filters, limit=MOST_PAST_RUNS)
    past = [PastRun(_ending(instance, record.dagster_run), _ended_at(record)) for record in records]
    return instance.get_runs_count(filters), past


def _ending(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Ending:
    if run.status is dg.DagsterRunStatus.SUCCESS:
        return "succeeded"
    # A run that goes down with its host is cancelled too, but nobody asked for that.
    was_asked = run.status is dg.DagsterRunStatus.CANCELED and instance.all_logs(
        run.run_id, of_type=dg.DagsterEventType.PIPELINE_CANCELING
    )
    return "stopped" if was_asked else "failed"


def _ended_at(record: dg.RunRecord) -> float:
    return record.end_time or record.update_timestamp.replace(tzinfo=UTC).timestamp()


def to_clock(at: float) -> str:
    """A time of today as people write it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
