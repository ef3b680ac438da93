"""One dataset as assets: `plan`, and `raw -> audio -> metadata -> processed` for each shard."""

from collections.abc import Callable, Generator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, Self, TypeVar

import dagster as dg

from hugflow.errors import HugflowError, PlanOutOfDate, StageMissing, UsageWrong
from hugflow.flows.locked_version import locked_version
from hugflow.ledger.journal import Outcome
from hugflow.ledger.stages import (
    FLOWS,
    NEEDED_TO_PUBLISH,
    PUBLISHING,
    SHARD_STAGES,
    STAGES,
    asset_names,
    join_names,
)
from hugflow.names import dataset_groups, op_name
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
    check_specs,
    failed_rows_result,
    plan_check_spec,
    planned_result,
    published_results,
    pushed_result,
    to_result,
    unjudged_results,
)
from hugflow_assets.reporting.glimpses import Metadata
from hugflow_assets.reporting.links import request_url
from hugflow_assets.reporting.markdown import quote_markdown
from hugflow_assets.reporting.materializations import (
    flows_materialization,
    partitions_name,
    plan_metadata,
    processed_materializations,
    register_partitions,
    stage_materialization,
    unrecorded,
)
from hugflow_assets.run_log import tell_run
from hugflow_resources.asset_keys import stage_key, translated
from hugflow_resources.dagster_private import is_valid_owner
from hugflow_resources.hub import HubResource
from hugflow_resources.instance import POOL
from hugflow_resources.storage import Storage
from hugflow_resources.tags import ATTEMPT_TAG, DATASET_TAG, FLOWS_TAG, SHOWN_TAG, STAGE_TAG


class PlanConfig(dg.Config):
    """Run config of `plan`. update: plan at the commit that the revision points to now."""

    update: bool = False


class StagesConfig(dg.Config):
    """Run config of the stages.

    force: make exactly the selected stages of the selected partitions again, with the present
    settings, even if they are done.
    mp3_source: `copy` or `reencode`, in place of the setting.
    """

    force: bool = False
    mp3_source: str | None = None


# If Dagster read these from the functions' signatures, it would do so for each of a thousand
# datasets.
PLAN_SCHEMA = PlanConfig.to_fields_dict()
STAGES_SCHEMA = StagesConfig.to_fields_dict()
RESOURCES = {"hub", "storage"}
CONTEXT_ALONE = Signature([Parameter("context", Parameter.POSITIONAL_OR_KEYWORD)])
AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


def build_dataset(
    request: AddRequest,
    origin: Metadata | None = None,
    group: str | None = None,
    root: Path | None = None,
) -> list[dg.AssetsDefinition]:
    """Give the assets of one request: `[name, "plan"]`, and `[name, stage]` for each stage.

    origin: where the request came from, see `origin_metadata`.
    group: the name of the group, see `dataset_groups`; None if no other dataset is there.
    root: the project, whose locked flow modules are part of the version of its steps.
    Network and disk are not touched before an asset is materialized.
    """
    common = _Common.of(request, origin or {}, group or group_of(request))
    return [_plan_asset(request, common), _stage_assets(request, common, root)]


def group_of(request: AddRequest) -> str:
    """The group of a dataset where no other one would be alike."""
    return dataset_groups({request.name: request.identity.short_name})[request.name]


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
    """Tag the run with its dataset, whoever started it: the page of runs filters by tags.

    A run that does row steps is tagged so that it counts for the limit of such runs.
    """
    tags = {SHOWN_TAG: name, DATASET_TAG: name}
    if stage_key(name, FLOWS) in context.selected_asset_keys:
        tags[FLOWS_TAG] = "true"
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


def of_context(function: AnyFunction) -> AnyFunction:
    """Set a ready-made signature without annotations on a function that takes only `context`.

    Dagster asks for both a dozen times per function. With a thousand datasets that is a fifth of
    the loading time.
    """
    function.__signature__ = CONTEXT_ALONE  # type: ignore[attr-defined]  # PEP 362
    function.__annotations__ = {}
    return function


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


def _plan_asset(request: AddRequest, common: "_Common") -> dg.AssetsDefinition:
    name = common.name
    words = "What the dataset will consist of, fixed at one commit."
    spec = common.spec("plan", words, kind="huggingface", deps=[])

    @dg.multi_asset(
        name=op_name(common.group, "plan"),
        specs=[spec],
        check_specs=[plan_check_spec(name)],
        config_schema=PLAN_SCHEMA,
        required_resource_keys=RESOURCES,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    @of_context
    def plan(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult[None] | dg.AssetCheckResult]:
        hub, storage = read_resources(context)
        tag_run(context, name)
        config = PlanConfig(**context.op_execution_context.op_config)
        try:
            with tell_run(context):
                places, options = storage.places, name_actor(storage.options(), context.run)
                build = open_build(request, places, hub.open(), options, update=config.update)
        except HugflowError as error:
            yield planned_result(name, error)
            raise to_failure(error) from None
        register_partitions(context.instance, build)
        metadata = plan_metadata(build)
        context.log.info(_tell_what_is_next(build, metadata))
        yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata)
        yield planned_result(name)
        yield from unrecorded(context.instance, build, build.stored.find_published(build.plan))

    return plan


def _stage_assets(request: AddRequest, common: "_Common", root: Path | None) -> dg.AssetsDefinition:
    name = common.name
    names = asset_names(has_flows=bool(request.flows))
    specs = [
        common.spec(stage, words, kind=kind, deps=[stage_key(name, before)])
        for before, (stage, words, kind) in zip(
            ("plan", *names), map(_describe, names), strict=False
        )
    ]
    if request.flows:
        # So that the UI shows the asset as out of date when its steps or their code are others.
        modules = [step.use for step in request.flows if step.use is not None]
        locked = locked_version(root, modules) if root is not None else ""
        version = "-".join(filter(None, (request.flows_digest, locked)))
        specs = [
            spec.replace_attributes(code_version=version)
            if spec.key == stage_key(name, FLOWS)
            else spec
            for spec in specs
        ]

    @dg.multi_asset(
        name=op_name(common.group, "stages"),
        specs=specs,
        check_specs=check_specs(name, is_pushed=request.publish_to is not None),
        config_schema=STAGES_SCHEMA,
        required_resource_keys=RESOURCES,
        can_subset=True,
        pool=POOL,
        partitions_def=dg.DynamicPartitionsDefinition(name=partitions_name(name)),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    @of_context
    def stages(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetMaterialization | dg.AssetCheckResult]:
        hub, storage = read_resources(context)
        tag_run(context, name)
        config = StagesConfig(**context.op_execution_context.op_config)
        places = storage.places
        selected = {
            stage for stage in names if stage_key(name, stage) in context.selected_asset_keys
        }
        judged: set[str] = set()
        checks, trouble = context.selected_asset_check_keys, None
        try:
            with tell_run(context), safe_rows_of(places, name):
                ask_again(context, request, places)
                options = name_actor(choose_options(storage.options(), config), context.run)
                build = open_build(request, places, hub.open(), options, renew=config.force)
                shards = choose_shards(build, context.partition_keys)
                for event in _make(context, build, shards, selected, force=config.force):
                    if isinstance(event, dg.AssetCheckResult):
                        judged.add(str(event.check_name))
                    yield event
                if PUBLISHING in selected and not judged & MEANING_BY_CHECK.keys():
                    trouble = "shards of the dataset are still to be done"
        except HugflowError as error:
            yield from unjudged_results(name, checks, judged, error.what)
            raise to_failure(error) from None
        yield from unjudged_results(name, checks, judged, trouble)

    return stages


def _make(
    context: dg.AssetExecutionContext,
    build: Build,
    shards: Sequence[Shard],
    stages: AbstractSet[str],
    *,
    force: bool,
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckResult]:
    """Make the shards, and yield an event for each stage and shard as it is done.

    Finished partitions yield events too, so that a selected one turns green again.
    """
    shard_stages = [stage for stage in SHARD_STAGES if stage in stages]
    failed: list[ShardFailed] = []
    rows_made = rows_failed = 0
    tracker = Tracker(build)
    progress = RunProgress(build.name, tracker.rows, tracker.total_rows)

    def track(outcomes: Sequence[Outcome]) -> None:
        tracker.add(outcomes)
        progress.add(outcomes)

    with tracker.watch() as ended:
        prepare_tree_alone(build)
        if FLOWS in stages:
            # Before hours of encoding, where the code of the steps is here already.
            refuse_unknown_classes(build)
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
        if any(key.name == FAILED_ROWS for key in context.selected_asset_check_keys):
            yield failed_rows_result(build.name, rows_made, rows_failed)
        if failed:
            raise ShardsFailed(build, failed)
        if FLOWS in stages:
            yield from _run_steps(build, shards, tracker)
        if PUBLISHING in stages:
            published = yield from _publish(build, read_resources(context)[0])
            if published is not None:
                ended("completed")
                build = published.build
                events = processed_materializations(build, shards, published.manifest)
                yield from yield_together(context.instance, events)
            else:
                _explain_unpublished(context, build, shards)
        elif find_published(build) is not None:
            # Files that are made again may have other bytes, so the manifest is written again.
            publish(build)
            ended("completed")
        yield from unrecorded(context.instance, build, find_published(build))


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


def _describe(stage: str) -> tuple[str, str, str]:
    """A stage's name, what is there once it is done, and its kind."""
    if stage == FLOWS:
        return FLOWS, "Every row has been through the steps of the request.", "python"
    found = next(each for each in STAGES if each.name == stage)
    return found.name, found.words, found.kind


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


@dataclass(frozen=True, slots=True)
class _Common:
    """Metadata that all assets of a request share, computed once."""

    name: str
    quotation: str
    group: str
    owners: list[str]
    metadata: Metadata

    @classmethod
    def of(cls, request: AddRequest, origin: Metadata, group: str) -> Self:
        owner = request.owner
        return cls(
            name=request.name,
            # The words come from strangers, and Dagster renders markdown.
            quotation=quote_markdown(request.description),
            group=group,
            owners=[owner] if owner and is_valid_owner(owner) else [],
            metadata={
                "hub": dg.MetadataValue.url(request_url(request)),
                "hf_id": request.hf_id,
                "subset": request.subset or "none",
                "split": request.split,
                "revision": request.revision,
                **({"owner": owner} if owner else {}),
                **origin,
            },
        )

    def spec(self, stage: str, words: str, *, kind: str, deps: list[dg.AssetKey]) -> dg.AssetSpec:
        spec = dg.AssetSpec(
            key=dg.AssetKey([self.name, stage]),
            description=f"{words}\n\n{self.quotation}",
            group_name=self.group,
            kinds={kind},
            owners=self.owners,
            tags={STAGE_TAG: stage},
            metadata=self.metadata,
            skippable=stage != "plan",
            deps=deps,
        )
        return translated(spec)


def _range_of_all(build: Build) -> str:
    keys = list(build.plan.shard_by_key())
    return f"{keys[0]}...{keys[-1]}" if keys else "no partition: the dataset has no file"


def _tell_what_is_next(build: Build, metadata: dict[str, object]) -> str:
    if "partition_range" not in metadata:
        return f"{build.name}: planned; it has no shards"
    rows = "rows" if build.plan.rows is None else f"{build.plan.rows} rows"
    return (
        f"{build.name}: {rows} in {len(build.plan.shards)} shards at commit "
        f"{build.plan.commit}\n"
        f"--partition-range {metadata['partition_range']}\n"
        f"all of it:   {metadata['materialize_all']}\n"
        f"one shard:   {metadata['materialize_one']}"
    )
