"""Reporting to Dagster what `hugflow local-sync` made without it."""

from collections import deque
from pathlib import Path

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.stages.build.build import Build
from hugflow.stages.sync import Synced
from hugflow_assets.reporting.batches import tell_events
from hugflow_assets.reporting.checks import planned_evaluation, stored_evaluations
from hugflow_assets.reporting.materializations import register_partitions, unrecorded
from hugflow_resources.instance import has_instance, open_instance


def report(project_root: Path, synced: Synced, build: Build) -> str:
    """Record as materialized everything that is done and not recorded yet.

    Returns one line for people. Raises any error; the caller logs it, because the work itself is
    done.
    """
    if not has_instance(project_root):
        return (
            "nothing was reported to Dagster: there is neither DAGSTER_HOME nor a dagster.yaml here"
        )
    with open_instance(project_root) as instance:
        register_partitions(instance, build)
        told: set[str] = set()
        shards = len(build.plan.shards)
        with step(f"telling Dagster about {count(shards, 'shard')}", shards) as telling:
            events = unrecorded(instance, build, synced.published.manifest)
            for partition in tell_events(instance, events):
                if partition is not None and partition not in told:
                    told.add(partition)
                    telling.advance()
        if told:
            checks = (planned_evaluation(build.name), *stored_evaluations(build))
            deque(tell_events(instance, checks), maxlen=0)
    if not told:
        return f"Dagster knew {count(len(synced.shards), 'shard')} already"
    return f"reported {count(len(told), 'shard')} to Dagster"
