"""Reporting to Dagster what `hugflow local-sync` made without it."""

from pathlib import Path

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.stages.build.build import Build
from hugflow.stages.sync import Synced
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
            for event in unrecorded(instance, build, synced.published.manifest):
                instance.report_runless_asset_event(event)
                if event.partition is not None and event.partition not in told:
                    told.add(event.partition)
                    telling.advance()
        if told:
            instance.report_runless_asset_event(planned_evaluation(build.name))
            for evaluation in stored_evaluations(build):
                instance.report_runless_asset_event(evaluation)
    if not told:
        return f"Dagster knew all of {count(len(synced.shards), 'shard')}"
    return f"reported {count(len(told), 'shard')} to Dagster"
