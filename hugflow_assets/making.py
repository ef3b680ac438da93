"""What an op of a dataset does: it makes the shards of the run, and yields an event for each."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import dagster as dg

from hugflow.errors import HugflowError, PlanOutOfDate, StageMissing, UsageWrong
from hugflow.ledger.journal import Outcome
from hugflow.ledger.stages import (
    FLOWS,
    NEEDED_TO_PUBLISH,
    PUBLISHING,
    SHARD_STAGES,
    asset_names,
    join_names,
)
from hugflow.pushing.onward import push_onward
from hugflow.requests.model import AddRequest
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.build.still_in_force import relocated
from hugflow.stages.flowing.flowed import describe_step, find_unflowed, prepare_tree_alone
from hugflow.stages.flowing.resolved import refuse_unknown_classes, resolve_steps
from hugflow.stages.flowing.run_steps import run_steps
from hugflow.stages.making.make_shards import ShardFailed, make_shards
from hugflow.stages.making.quota import open_quota
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.publishing.gate import GateResult
from hugflow.stages.publishing.publish import Published, find_published, find_undone, publish
from hugflow.stages.standing.removal_records import forget_removed, is_held_back
from hugflow.stages.sync import ShardsFailed
from hugflow.stages.telling.rows_safe import safe_rows_of
from hugflow.stages.telling.tracker import Tracker
from hugflow.store.layout import Places
from hugflow_assets.progress import RunProgress
from hugflow_assets.reporting.batches import yield_together
from hugflow_assets.reporting.checks import (
    FAILED_ROWS,
    MEANING_BY_CHECK,
    failed_rows_result,
    published_results,
    pushed_result,
    to_result,
    unjudged_evaluations,
    unjudged_results,
)
from hugflow_assets.reporting.materializations import (
    flows_materialization,
    processed_materializations,
    stage_materialization,
    unrecorded,
)
from hugflow_assets.run_log import tell_run
from hugflow_resources.asset_keys import stage_key
from hugflow_resources.hub import HubResource
from hugflow_resources.storage import Storage
from hugflow_resources.tags import ATTEMPT_TAG, DATASET_TAG, SHOWN_TAG

RESOURCES = {"hub", "storage"}
Event = dg.AssetMaterialization | dg.AssetCheckResult | dg.AssetCheckEvaluation


class StagesConfig(dg.Config):
    """Run config of the stages.

    force: make exactly the selected stages of the selected partitions again, with the present
    settings, even if they are done.
    mp3_source: `copy` or `reencode`, in place of the setting.
    """

    force: bool = False
    mp3_source: str | None = None


# If Dagster read it from the functions' signatures, it would do so for each of a thousand datasets.
STAGES_SCHEMA = StagesConfig.to_fields_dict()


def choose_shards(build: Build, keys: Sequence[str]) -> list[Shard]:
    """Give the shards of the run's partition keys, in the plan's order.

    Raises UsageWrong when there are none, as for a range from its last key to its first, or when
    the plan does not have a key.
    """
    if not keys:
        raise UsageWrong(
            f"{build.name}: no partition was selected, so nothing would be made",
            why="the range is empty: it may run from its last key to its first",
            mend=f"give the keys in the order of the plan: {_range_of_all(build)}",
        )
    shard_by_key = build.plan.shard_by_key()
    unknown = [key for key in keys if key not in shard_by_key]
    if unknown:
        raise UsageWrong(
            f"{build.name}: {unknown[0]} is no partition of the plan in force",
            why=f"the plan was made at commit {build.plan.commit[:7]} with "
            f"{len(shard_by_key)} shards",
            mend=f"materialize {build.name}/plan, then select from {_range_of_all(build)}",
        )
    asked = set(keys)
    return [shard for key, shard in shard_by_key.items() if key in asked]


def ask_again(context: dg.AssetExecutionContext, request: AddRequest, places: Places) -> None:
    """If a person started the run, allow it to make a dataset that was removed by hand.

    Raises PlanOutOfDate for a run of the sensor, which was requested before the removal.
    """
    if ATTEMPT_TAG in context.run.tags and is_held_back(places, request):
        raise PlanOutOfDate(
            f"{request.name}: it was removed since this run was asked for",
            why="the sensor fetches nothing again that a person has removed",
            mend=f"`hugflow retry {request.name}` asks for it again",
        )
    forget_removed(places, request.name)


def tag_run(context: dg.AssetExecutionContext, name: str) -> None:
    """Tag the run with its dataset, whoever started it: the page of runs filters by tags."""
    tags = {SHOWN_TAG: name, DATASET_TAG: name}
    if not tags.items() <= context.run.tags.items():
        context.instance.add_run_tags(context.run.run_id, tags)


def name_actor(options: Options, run: dg.DagsterRun) -> Options:
    """Name the run, and who asked for it, in the audit trail."""
    asked_by = run.tags.get("dagster/sensor_name") or run.tags.get("dagster/schedule_name")
    words = f"run {run.run_id[:8]}" + (f" of {asked_by}" if asked_by else "")
    return replace(options, actor=f"{words}, {options.actor}", run_id=run.run_id)


def choose_options(options: Options, config: StagesConfig) -> Options:
    """The settings, overridden by the run's config. Raises UsageWrong."""
    match config.mp3_source:
        case None:
            return options
        case "copy" | "reencode" as mp3_source if config.force:
            return replace(options, mp3_source=mp3_source)
    raise UsageWrong(
        f"mp3_source: {config.mp3_source} does not go with this run",
        why="it takes copy or reencode, and goes with force: true",
        mend="set both, or leave mp3_source out",
    )


def read_resources(context: dg.AssetExecutionContext) -> tuple[HubResource, Storage]:
    """The resources that every asset needs."""
    hub: HubResource = context.resources.hub
    storage: Storage = context.resources.storage
    return hub, storage


def to_failure(error: HugflowError) -> dg.Failure:
    """Turn an error into a Dagster failure with the three lines of the command line.

    Dagster does not retry it by itself: the next run retries a passing failure.
    """
    return dg.Failure(
        description=str(error),
        metadata={"why": error.why, "fix": error.mend, "exit_code": error.exit_code},
        allow_retries=False,
    )


@dataclass(frozen=True, slots=True)
class OpStages:
    """The stages that one op of a run makes.

    own: those that the op can make. selected: those of them that the run selected.
    elsewhere: those that the run selected and another op makes.
    """

    own: tuple[str, ...]
    selected: frozenset[str]
    elsewhere: frozenset[str]

    @classmethod
    def of(cls, context: dg.AssetExecutionContext, name: str, own: Sequence[str]) -> Self:
        """Read what the run selected."""
        keys = context.selected_asset_keys
        wanted = frozenset(
            stage for stage in asset_names(has_flows=True) if stage_key(name, stage) in keys
        )
        return cls(tuple(own), wanted & set(own), wanted - set(own))

    @property
    def follows(self) -> bool:
        """Whether another op of the run made rows before this one."""
        return not self.elsewhere.isdisjoint(SHARD_STAGES)

    @property
    def is_followed(self) -> bool:
        """Whether another op of the run goes on after this one."""
        return not self.elsewhere.isdisjoint((FLOWS, PUBLISHING))


def make_stages(
    context: dg.AssetExecutionContext, request: AddRequest, own: Sequence[str]
) -> Iterator[Event]:
    """Make the stages of an op for the shards of the run, and judge the checks on them.

    own: the stages that the op can make; those of them are made that the run selected.
    """
    name = request.name
    stages = OpStages.of(context, name, own)
    if stages.elsewhere and not stages.selected:
        return
    hub, storage = read_resources(context)
    tag_run(context, name)
    config = StagesConfig(**context.op_execution_context.op_config)
    places = storage.places
    judged: set[str] = set()
    checks, trouble = context.selected_asset_check_keys, None
    try:
        with tell_run(context, own), safe_rows_of(places, name):
            ask_again(context, request, places)
            options = name_actor(choose_options(storage.options(), config), context.run)
            # The op before has planned again.
            renew = config.force and not stages.follows
            build = open_build(request, places, hub.open(), options, renew=renew)
            shards = choose_shards(build, context.partition_keys)
            for event in _make(context, build, shards, stages, force=config.force):
                if isinstance(event, dg.AssetCheckResult):
                    judged.add(str(event.check_name))
                yield event
            if PUBLISHING in stages.selected and not judged & MEANING_BY_CHECK.keys():
                trouble = "shards of the dataset are still to be done"
    except HugflowError as error:
        if PUBLISHING in own:
            yield from unjudged_results(name, checks, judged, error.what)
        else:
            yield from unjudged_evaluations(name, checks, error.what)
        raise to_failure(error) from None
    if PUBLISHING in own:
        yield from unjudged_results(name, checks, judged, trouble)


def _make(
    context: dg.AssetExecutionContext,
    build: Build,
    shards: Sequence[Shard],
    stages: OpStages,
    *,
    force: bool,
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckResult]:
    """Make the shards, and yield an event for each stage and shard as it is done.

    Finished partitions yield events too, so that a selected one turns green again.
    """
    tracker = Tracker(build)
    with tracker.watch(since=_find_start(context) if stages.follows else None) as ended:
        prepare_tree_alone(build)
        if FLOWS in stages.selected | stages.elsewhere:
            # Before hours of encoding, where the code of the steps is here already.
            refuse_unknown_classes(build)
        yield from _make_rows(context, build, shards, stages, tracker, force=force)
        if FLOWS in stages.selected:
            yield from _run_steps(build, shards, tracker)
        if PUBLISHING in stages.selected:
            published = yield from _publish(build, read_resources(context)[0])
            if published is not None:
                ended("completed")
                build = published.build
                events = processed_materializations(build, shards, published.manifest)
                yield from yield_together(context.instance, events)
            else:
                _explain_unpublished(context, build, shards)
        elif stages.is_followed:
            ended("downloading")
            return
        elif find_published(build) is not None:
            # Files that are made again may have other bytes, so the manifest is written again.
            publish(build)
            ended("completed")
        yield from unrecorded(context.instance, build, find_published(build))


def _make_rows(
    context: dg.AssetExecutionContext,
    build: Build,
    shards: Sequence[Shard],
    stages: OpStages,
    tracker: Tracker,
    *,
    force: bool,
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckResult]:
    """Make the selected stages of shards; raises ShardsFailed once all were tried."""
    shard_stages = [stage for stage in SHARD_STAGES if stage in stages.selected]
    failed: list[ShardFailed] = []
    rows_made = rows_failed = 0
    progress = RunProgress(build.name, tracker.rows, tracker.total_rows)

    def track(outcomes: Sequence[Outcome]) -> None:
        tracker.add(outcomes)
        progress.add(outcomes)

    if shard_stages:
        for event in make_shards(build, shards, shard_stages, force=force, on_rows=track):
            if isinstance(event, ShardFailed):
                failed.append(event)
                continue
            for stage in shard_stages:
                yield stage_materialization(build, event.shard, stage, event.markers[stage])
            if "audio" in shard_stages:
                rows_made += event.markers["audio"].rows
                rows_failed += len(event.markers["audio"].failed_rows)
    asked = (key.name == FAILED_ROWS for key in context.selected_asset_check_keys)
    if "audio" in stages.own and any(asked):
        yield failed_rows_result(build.name, rows_made, rows_failed)
    if failed:
        raise ShardsFailed(build, failed)


def _find_start(context: dg.AssetExecutionContext) -> float | None:
    """When the run began, in seconds since the epoch; None where Dagster does not know."""
    record = context.instance.get_run_record_by_id(context.run.run_id)
    return record.start_time if record is not None else None


def _run_steps(
    build: Build, shards: Sequence[Shard], tracker: Tracker
) -> Iterator[dg.AssetMaterialization]:
    """Run the row steps over the shards, and yield an event for each shard as it is done."""
    build = relocated(build)
    steps = resolve_steps(build)
    tracker.follow_steps(steps)
    quota = open_quota(build.places, build.options.storage_quota_bytes)
    for event in run_steps(
        build,
        steps,
        shards,
        on_rows=lambda step, flowed: tracker.add_flowed(step.name, flowed),
        take=quota.take,
    ):
        counts = [describe_step(step, event.counts[step.name]) for step in steps]
        yield flows_materialization(build, event.shard, counts)


def _publish(
    build: Build, hub: HubResource
) -> Generator[dg.AssetCheckResult, None, Published | None]:
    """Publish, and yield the results of the gate, also when they prevent publishing.

    hub: where a dataset is pushed to whose request says so.
    """
    results: list[GateResult] = []
    refused: HugflowError | None = None
    published: Published | None = None
    try:
        published = publish(build, on_result=results.append)
    except HugflowError as error:
        refused = error
    yield from (to_result(build, result) for result in results)
    if refused is not None:
        raise refused
    if published is not None:
        yield from published_results(published.build)
        done = published.build
        onward = push_onward(
            done.places,
            done.request,
            hub.open(),
            policy=done.options.policy,
            actor=done.options.actor,
        )
        if onward is not None:
            yield pushed_result(done.name, onward)
    return published


def _explain_unpublished(
    context: dg.AssetExecutionContext, build: Build, shards: Sequence[Shard]
) -> None:
    """Log which shards are still missing; raises StageMissing when the run selected them."""
    undone = find_undone(build)
    steps = resolve_steps(build)
    if not undone and steps:
        left = [shard for shard in find_unflowed(build, steps) if shard in shards]
        if left:
            raise StageMissing(
                f"{build.name}: {FLOWS} is not done for {', '.join(each.name for each in left)}",
                why="its request has row steps, and it is published with what they give",
                mend=f"materialize {FLOWS} of these partitions too: "
                f'add or key:"{build.name}/{FLOWS}" to the selection',
            )
    own = [shard.name for shard in undone if shard in shards]
    if own:
        raise StageMissing(
            f"{build.name}: {join_names(NEEDED_TO_PUBLISH)} are not done for {', '.join(own)}",
            why=f"{PUBLISHING} is published from what the earlier stages leave",
            mend=f"materialize {join_names(SHARD_STAGES)} of these partitions too",
        )
    context.log.info(
        "%s is not published yet: %d of %d shards are still to be done: %s",
        build.name,
        len(undone),
        len(build.plan.shards),
        ", ".join(build.plan.partition_key(shard) for shard in undone[:20]),
    )


def _range_of_all(build: Build) -> str:
    keys = list(build.plan.shard_by_key())
    return f"{keys[0]}...{keys[-1]}" if keys else "no partition: the dataset has no file"
