"""Dagster's runs: the questions that the sensor asks about them."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from hugflow.ledger.stages import asset_names
from hugflow.shards.plan import Plan
from hugflow.store.layout import Places
from hugflow_resources.alive import forget_run, is_dead
from hugflow_resources.asset_keys import read_stage_key
from hugflow_resources.dagster_private import NOT_FINISHED_STATUSES, WILL_RETRY_TAG
from hugflow_resources.tags import (
    ATTEMPT_TAG,
    DATASET_TAG,
    PART_TAG,
    PLAN_TAG,
    REQUEST_TAG,
    STOPPED_TAG,
)
from hugflow_sensors.decide import Ending, PastRun, merge_parts

log = logging.getLogger(__name__)

MOST_PAST_RUNS = 10
AT_WORK = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
# Dagster's daemon starts a crashed run again within seconds; without the daemon nothing does.
LONGEST_RETRY_S = 300.0
GONE = "The process of this run has gone."


def attempt_tags(plan: Plan, request: str) -> dict[str, str]:
    """The tags that mark the sensor's attempts at the same rows; request: its digest."""
    return {DATASET_TAG: plan.dataset, PLAN_TAG: plan.id, REQUEST_TAG: request[:16]}


def end_dead_runs(instance: dg.DagsterInstance, places: Places, now: float) -> list[str]:
    """End the runs whose process died silently; returns their ids.

    A run that was being stopped ends as stopped. The others end as failed, and Dagster starts them
    again if its `run_retries` allow it. Runs of other projects, and runs without any sign of life
    here, are not touched.
    """
    dead: list[str] = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=AT_WORK)):
        run = record.dagster_run
        started_at = record.start_time or to_timestamp(record.update_timestamp)
        if not _is_ours(run) or not is_dead(places, run.run_id, started_at=started_at, now=now):
            continue
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, f"{GONE} It was being stopped.")
        else:
            instance.report_run_failed(
                run, f"{GONE} What it finished is kept; the next run continues."
            )
        forget_run(places, run.run_id)
        dead.append(run.run_id)
    return dead


def find_busy(instance: dg.DagsterInstance, now: float) -> Mapping[str, Sequence[str]]:
    """Give the ids of the runs that make a dataset now or soon, by the dataset's name.

    Includes queued runs, and crashed runs that Dagster is about to start again.
    """
    records = list(instance.get_run_records(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)))
    crashed = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE],
        tags={WILL_RETRY_TAG: "true"},
        updated_after=datetime.fromtimestamp(now - LONGEST_RETRY_S, UTC),
    )
    records += [
        record
        for record in instance.get_run_records(crashed)
        if record.dagster_run.is_complete_and_waiting_to_retry
    ]
    busy: dict[str, list[str]] = {}
    for run in (record.dagster_run for record in records):
        for name in sorted(_made_names(run)):
            busy.setdefault(name, []).append(run.run_id)
    return busy


def stop_run(instance: dg.DagsterInstance, run_id: str, name: str) -> bool:
    """Stop a run because its dataset is to be removed; returns whether it is stopping.

    A run is not stopped when it makes other datasets too, or when a person started it in a
    terminal. A stopped run is tagged, so that it does not count as stopped by a person.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or _made_names(run) != {name}:
        return False
    if run.status is dg.DagsterRunStatus.CANCELING:
        return True
    instance.add_run_tags(run_id, {STOPPED_TAG: "removal"})
    try:
        return instance.run_coordinator.cancel_run(run_id)
    except Exception as error:  # noqa: BLE001  # if it cannot be stopped, the removal waits for it
        log.warning("run %s cannot be stopped: %s", run_id[:8], type(error).__name__)
        return False


def read_attempts(
    instance: dg.DagsterInstance, tags: dict[str, str], parts: int
) -> tuple[int, Sequence[PastRun]]:
    """The number of attempts with these tags, and how the last ones ended, the latest first.

    parts: how many runs an attempt has at most.
    """
    filters = dg.RunsFilter(tags=tags)
    records = instance.get_run_records(filters, limit=MOST_PAST_RUNS * parts)
    past = [
        (
            _attempt_of(record.dagster_run),
            record.dagster_run.tags.get(PART_TAG, ""),
            PastRun(_ending(instance, record.dagster_run), _ended_at(record)),
        )
        for record in records
        if STOPPED_TAG not in record.dagster_run.tags
    ]
    last = max((_attempt_of(record.dagster_run) for record in records), default=0)
    return last, merge_parts(past)


def _attempt_of(run: dg.DagsterRun) -> int:
    number = run.tags.get(ATTEMPT_TAG, "")
    return int(number) if number.isdecimal() else 0


def _ending(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Ending:
    if run.status is dg.DagsterRunStatus.SUCCESS:
        return "succeeded"
    # A run that dies with its host is cancelled too, but no person asked for it.
    was_asked = run.status is dg.DagsterRunStatus.CANCELED and instance.all_logs(
        run.run_id, of_type=dg.DagsterEventType.PIPELINE_CANCELING
    )
    return "stopped" if was_asked else "failed"


def _ended_at(record: dg.RunRecord) -> float:
    return record.end_time or to_timestamp(record.update_timestamp)


def _made_names(run: dg.DagsterRun) -> set[str]:
    """The names of the datasets that a run makes."""
    keys = run.asset_selection or ()
    found = [read_stage_key(key) for key in keys]
    stages = asset_names(has_flows=True)
    return {each[0] for each in found if each is not None and each[1] in stages}


def _is_ours(run: dg.DagsterRun) -> bool:
    """Whether a run makes only datasets' assets and asset checks."""
    keys = [*(run.asset_selection or ())]
    keys += [check.asset_key for check in run.asset_check_selection or ()]
    found = [read_stage_key(key) for key in keys]
    stages = ("plan", *asset_names(has_flows=True))
    return bool(keys) and all(each is not None and each[1] in stages for each in found)


def to_timestamp(at: datetime) -> float:
    """Seconds since the epoch of a naive time from Dagster's storage, which is UTC."""
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def to_clock(at: float) -> str:
    """A time of today for people, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
