"""One dataset as assets: `plan`, and `raw -> audio -> metadata -> processed` for each shard."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, Self, TypeVar

import dagster as dg

from hugflow.errors import HugflowError
from hugflow.flows.locked_version import locked_version
from hugflow.ledger.stages import FLOWS, STAGES, asset_names
from hugflow.names import dataset_groups, op_name
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.planning.open_build import open_build
from hugflow_assets.flowed import build_flowed
from hugflow_assets.making import (
    RESOURCES,
    STAGES_SCHEMA,
    Event,
    make_stages,
    name_actor,
    read_resources,
    tag_run,
    to_failure,
)
from hugflow_assets.reporting.checks import check_specs, plan_check_spec, planned_result
from hugflow_assets.reporting.glimpses import Metadata
from hugflow_assets.reporting.links import request_url
from hugflow_assets.reporting.markdown import quote_markdown
from hugflow_assets.reporting.materializations import (
    partitions_name,
    plan_metadata,
    register_partitions,
    unrecorded,
)
from hugflow_assets.run_log import tell_run
from hugflow_resources.asset_keys import stage_key, translated
from hugflow_resources.dagster_private import is_valid_owner
from hugflow_resources.instance import POOL
from hugflow_resources.tags import STAGE_TAG


class PlanConfig(dg.Config):
    """Run config of `plan`. update: plan at the commit that the revision points to now."""

    update: bool = False


# If Dagster read it from the functions' signatures, it would do so for each of a thousand datasets.
PLAN_SCHEMA = PlanConfig.to_fields_dict()
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


def of_context(function: AnyFunction) -> AnyFunction:
    """Set a ready-made signature without annotations on a function that takes only `context`.

    Dagster asks for both a dozen times per function. With a thousand datasets that is a fifth of
    the loading time.
    """
    function.__signature__ = CONTEXT_ALONE  # type: ignore[attr-defined]  # PEP 362
    function.__annotations__ = {}
    return function


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
            with tell_run(context, ["plan"]):
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
    name, names = common.name, asset_names(has_flows=bool(request.flows))
    partitions = dg.DynamicPartitionsDefinition(name=partitions_name(name))
    specs = [
        common.spec(
            stage,
            words,
            kind=kind,
            deps=[stage_key(name, before)],
            partitions=partitions,
            code_version=_steps_version(request, root) if stage == FLOWS else None,
        )
        for before, (stage, words, kind) in zip(
            ("plan", *names), map(_describe, names), strict=False
        )
    ]
    checks = check_specs(name, is_pushed=request.publish_to is not None)
    if request.flows:
        return build_flowed(request, common.group, specs, checks)

    @dg.multi_asset(
        name=op_name(common.group, "stages"),
        specs=specs,
        check_specs=checks,
        config_schema=STAGES_SCHEMA,
        required_resource_keys=RESOURCES,
        can_subset=True,
        pool=POOL,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    @of_context
    def stages(context: dg.AssetExecutionContext) -> Iterator[Event]:
        yield from make_stages(context, request, names)

    return stages


def _steps_version(request: AddRequest, root: Path | None) -> str:
    """So that the UI shows the asset as out of date when its steps or their code are others."""
    modules = [step.use for step in request.flows if step.use is not None]
    locked = locked_version(root, modules) if root is not None else ""
    return "-".join(filter(None, (request.flows_digest, locked)))


def _describe(stage: str) -> tuple[str, str, str]:
    """A stage's name, what is there once it is done, and its kind."""
    if stage == FLOWS:
        return FLOWS, "Every row has been through the steps of the request.", "python"
    found = next(each for each in STAGES if each.name == stage)
    return found.name, found.words, found.kind


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

    def spec(
        self,
        stage: str,
        words: str,
        *,
        kind: str,
        deps: list[dg.AssetKey],
        partitions: dg.PartitionsDefinition[str] | None = None,
        code_version: str | None = None,
    ) -> dg.AssetSpec:
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
            partitions_def=partitions,
            code_version=code_version,
        )
        return translated(spec)


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
