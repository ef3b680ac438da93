"""Flow runs in Dagster: one asset and one job for each YAML of the project's packages.

    ["runs", "example", "example_flow", "dev"]     kinds: metaflow or dagster

Loading reads YAML and flow files as text: no hook runs, and no flow is imported.
"""

import hashlib
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from hugflow.clients.git_program import READ_TIMEOUT_S, GitFailed, run_git
from hugflow.errors import HugflowError
from hugflow.flowrider import FlowRunResult, run_flow
from hugflow.flowrider.attempts import read_attempts
from hugflow.flowrider.config import FlowConfig, parse_config
from hugflow.flowrider.engines import choose_engine, find_flow_class
from hugflow.flowrider.errors import FlowRunError
from hugflow.flowrider.metaflow_runs import read_names
from hugflow.flowrider.places import PipelinePlaces, find_configs, find_packages
from hugflow.flowrider.run_values import list_run_values, values_folder
from hugflow.names import group_name, op_name
from hugflow_resources.surprises import no_secret_in_errors

log = logging.getLogger(__name__)

GROUP = "runs"
# On every re-execution, whoever asked for it.
PARENT_TAG = "dagster/parent_run_id"


class FlowRunConfig(dg.Config):
    """Run config of a flow run, for the launchpad.

    flow_kwargs: over those of the YAML; then the run is not pinned beside it.
    tags: beside those of the YAML.
    resume: continue the last attempt of this YAML, or `origin_run_id`.
    """

    flow_kwargs: dict[str, Any] = {}  # noqa: RUF012  # pydantic copies it
    tags: list[str] = []  # noqa: RUF012
    resume: bool = False
    origin_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class FlowAsset:
    """One YAML of a package, and the key of its asset."""

    places: PipelinePlaces
    flow: str
    tag: str
    key: tuple[str, ...]

    @property
    def config_path(self) -> Path:
        """The YAML."""
        return self.places.config(self.flow, self.tag)

    @property
    def job_name(self) -> str:
        """The name of its job: `run__example__example_flow__dev`."""
        return group_name("__".join(("run", *self.key[1:])))


def find_flow_assets(root: Path) -> list[FlowAsset]:
    """All configs of a project's packages; the package is in the key if two have the same one."""
    found = [
        (places, flow, tag) for places in find_packages(root) for flow, tag in find_configs(places)
    ]
    times = Counter((flow, tag) for _, flow, tag in found)
    return [
        FlowAsset(
            places,
            flow,
            tag,
            (GROUP, *([places.name] if times[flow, tag] > 1 else []), *flow.split("/"), tag),
        )
        for places, flow, tag in found
    ]


def build_runs(root: Path | None) -> dg.Definitions:
    """The assets and jobs of a project's flow runs; one that cannot be built is logged."""
    assets, jobs = [], []
    for each in find_flow_assets(root) if root is not None else ():
        try:
            assets.append(build_run(each))
        except (HugflowError, OSError) as error:
            log.warning("%s: its run is no asset: %s", each.config_path, error)
            continue
        jobs.append(
            dg.define_asset_job(each.job_name, dg.AssetSelection.assets(dg.AssetKey(each.key)))
        )
    return dg.Definitions(assets=assets, jobs=jobs)


def build_run(flow: FlowAsset) -> dg.AssetsDefinition:
    """The asset of one YAML. Raises HugflowError and OSError for files that cannot be read."""
    flow_path = flow.places.flow(flow.flow)
    texts = (flow_path.read_bytes(), flow.config_path.read_bytes())
    spec = dg.AssetSpec(
        key=dg.AssetKey(flow.key),
        group_name=GROUP,
        description=f"The run of {flow.flow} that its YAML `{flow.tag}` describes.",
        kinds={choose_engine(read_config(flow), flow_path)},
        code_version=hashlib.sha256(
            b"".join(hashlib.sha256(each).digest() for each in texts)
        ).hexdigest(),
        metadata={"config": str(flow.config_path), "flow": str(flow_path)},
    )

    @dg.multi_asset(name=op_name("__".join(flow.key), "run"), specs=[spec])
    def run(
        context: dg.AssetExecutionContext, config: FlowRunConfig
    ) -> Iterator[dg.MaterializeResult[None]]:
        try:
            with no_secret_in_errors():
                done = run_flow(
                    flow.flow,
                    flow.tag,
                    package=flow.places.package,
                    resume=config.resume,
                    origin_run_id=config.origin_run_id or find_origin(flow, context.run),
                    output=sys.stderr,
                    flow_kwargs=config.flow_kwargs,
                    tags=config.tags,
                    asked_by=context.run.run_id,
                )
        except HugflowError as error:
            raise to_failure(error) from None
        yield dg.MaterializeResult(asset_key=spec.key, metadata=run_metadata(flow, done))

    return run


def read_config(flow: FlowAsset) -> FlowConfig:
    """The YAML; an empty config, and a warning, if it is not valid: running it names the error."""
    try:
        return parse_config(flow.config_path)
    except HugflowError as error:
        log.warning("%s", error)
        return FlowConfig()


def find_origin(flow: FlowAsset, run: dg.DagsterRun) -> str | None:
    """The flow run that a re-execution continues; None if the earlier one succeeded."""
    parent = run.parent_run_id or run.tags.get(PARENT_TAG)
    if parent is None:
        return None
    for attempt in reversed(read_attempts(flow.places, flow.flow, flow.tag)):
        if attempt.asked_by == parent:
            return attempt.run_id if attempt.state != "succeeded" else None
    return None


def run_metadata(flow: FlowAsset, done: FlowRunResult) -> Mapping[str, Any]:
    """What the UI shows of a run that succeeded."""
    metadata: dict[str, Any] = {
        "run_id": done.run_id,
        "engine": done.engine,
        "tags": list(done.tags),
        "config": str(done.config_path),
        "config_sha256": hashlib.sha256(done.config_path.read_bytes()).hexdigest(),
        "log": dg.MetadataValue.path(str(done.log_path)),
    }
    with suppress(GitFailed):
        commit = run_git(flow.places.root, ["rev-parse", "HEAD"], READ_TIMEOUT_S)
        metadata["git_commit"] = commit.decode().strip()
    with suppress(HugflowError):
        metadata["artifacts"] = _read_artifact_names(flow, done)
    return metadata


def to_failure(error: HugflowError) -> dg.Failure:
    """An error as a failure of Dagster, with the flow's run id if it has one."""
    metadata: dict[str, Any] = {"why": error.why, "fix": error.mend}
    if isinstance(error, FlowRunError) and error.run_id is not None:
        metadata["run_id"] = error.run_id
    return dg.Failure(description=str(error), metadata=metadata, allow_retries=False)


def _read_artifact_names(flow: FlowAsset, done: FlowRunResult) -> list[str]:
    if done.engine == "dagster":
        return list_run_values(values_folder(flow.places.state, done.run_id))
    name = find_flow_class(flow.places.flow(flow.flow))
    config = read_config(flow)
    return read_names(flow.places.root, config, name, done.run_id) if name is not None else []
