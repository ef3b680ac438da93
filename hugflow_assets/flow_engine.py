"""One flow run with Dagster: `python -P -B -m hugflow_assets.flow_engine REQUEST`.

REQUEST is a file, see `hugflow.flowrider.dagster_request`. The assets of the flow's module are made
in this process. Events go to the project's Dagster instance, if it has one.
"""

import importlib
import importlib.util
import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg

from hugflow.errors import HugflowError
from hugflow.flowrider.errors import FlowConfigError
from hugflow.flowrider.places import PipelinePlaces
from hugflow.flowrider.run_values import take_over, values_folder, write_done
from hugflow.redact import in_a_line
from hugflow_assets.flow_params import FlowParams, RunStore
from hugflow_resources.instance import has_instance, open_instance

JOB = "flow"


def main() -> int:
    """Carry out one request; the exit status."""
    request = json.loads(Path(sys.argv[1]).read_bytes())
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    try:
        return run_request(request)
    except HugflowError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def run_request(request: dict[str, Any]) -> int:
    """Make the selected assets, except those that the resumed run has made; the exit status."""
    places = PipelinePlaces(Path(request["root"], request["package"]))
    folder = values_folder(places.state, request["run_id"])
    folder.mkdir(parents=True, exist_ok=True)
    done: set[str] = set()
    if request["origin_run_id"] is not None:
        done = take_over(values_folder(places.state, request["origin_run_id"]), folder)
    flow = read_flow(places, request["flow"])
    selected = select_keys(flow.assets, request["selection"])
    wanted = without_done(flow.assets, selected, done)
    if not wanted:
        write_done(folder, done)
        return 0
    resources = {
        **flow.resources,
        "flow_params": FlowParams(values=request["flow_kwargs"]),
        "io_manager": RunStore(folder=str(folder)),
    }
    job = dg.define_asset_job(JOB, dg.AssetSelection.assets(*wanted))
    definitions = dg.Definitions(
        assets=flow.assets, resources=resources, jobs=[job], executor=dg.in_process_executor
    )
    with open_flow_instance(places.root) as instance:
        result = definitions.resolve_job_def(JOB).execute_in_process(
            run_id=request["run_id"],
            instance=instance,
            partition_key=request["partition"],
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "INFO"}}}},
            tags={"hugflow/flow": request["flow"], "hugflow/tags": ", ".join(request["tags"])},
        )
        made = {
            _name(event.asset_key)
            for event in result.get_asset_materialization_events()
            if event.asset_key is not None
        }
    write_done(folder, done | made)
    for event in result.all_events:
        if event.is_step_failure:
            sys.stderr.write(f"{event.step_key}: {describe_failure(event)}\n")
    return 0 if result.success else 1


@dataclass(frozen=True, slots=True)
class FlowModule:
    """The assets of a flow's module, and its resources."""

    assets: Sequence[Any]
    resources: Mapping[str, Any] = field(default_factory=dict)


def read_flow(places: PipelinePlaces, flow: str) -> FlowModule:
    """Import a flow's module. Raises FlowConfigError if it has no asset.

    A `dg.Definitions` in the module gives resources too; else all its assets are taken.
    """
    module = _import_flow(places, flow)
    for value in vars(module).values():
        if isinstance(value, dg.Definitions):
            return FlowModule(list(value.assets or ()), dict(value.resources or {}))
    assets = dg.load_assets_from_modules([module])
    if not assets:
        raise FlowConfigError(
            f"{places.flow(flow)} has no assets",
            why="the engine dagster makes the assets of the flow's module",
            mend="define an asset in it, or set engine: metaflow",
        )
    return FlowModule(list(assets))


def select_keys(assets: Sequence[Any], selection: str | None) -> set[dg.AssetKey]:
    """The keys of a selection in Dagster's syntax; without one, all that can be made."""
    chosen = dg.AssetSelection.from_string(selection) if selection else dg.AssetSelection.all()
    keys = set(chosen.resolve(assets))
    if not keys:
        raise FlowConfigError(
            f"the selection {selection!r} selects no asset of the flow",
            why="preflow_kwargs.selection is written in Dagster's selection syntax",
            mend="write it as key:name, or key:name+ for what follows it too",
        )
    return keys


def without_done(
    assets: Sequence[Any], selected: AbstractSet[dg.AssetKey], done: AbstractSet[str]
) -> list[dg.AssetKey]:
    """The selected assets that are not made yet; an op that cannot be split is made again."""
    wanted = {key for key in selected if _name(key) not in done}
    for each in assets:
        if isinstance(each, dg.AssetsDefinition) and not each.can_subset and each.keys & wanted:
            wanted |= each.keys & selected
    return sorted(wanted)


def describe_failure(event: dg.DagsterEvent) -> str:
    """Why a step failed, in a line; the log has the whole trace above it."""
    failure = event.step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return in_a_line(failure.user_failure_data.description)
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    return in_a_line(error.message if error is not None else "it gave no reason")


def open_flow_instance(root: Path) -> AbstractContextManager[dg.DagsterInstance]:
    """The project's instance; if it has none, one that is forgotten."""
    return open_instance(root) if has_instance(root) else dg.DagsterInstance.ephemeral()


def _import_flow(places: PipelinePlaces, flow: str) -> ModuleType:
    sys.path.insert(0, str(places.root))
    parts = [places.name, "pipeline", *flow.split("/")]
    name = ".".join(parts)
    if all(map(str.isidentifier, parts)):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(parts[-1], places.flow(flow))
    if spec is None or spec.loader is None:
        raise ImportError(f"{places.flow(flow)} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _name(key: dg.AssetKey) -> str:
    return "/".join(key.path)


if __name__ == "__main__":
    sys.exit(main())
