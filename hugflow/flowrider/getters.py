"""Results of runs, by code: the artifact of exactly the run that a `.run_id` names."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias

from hugflow.flowrider.cache import Get, cache_getter_fn
from hugflow.flowrider.config import FlowConfig, parse_config
from hugflow.flowrider.errors import FlowConfigError
from hugflow.flowrider.metaflow_runs import read_artifact
from hugflow.flowrider.places import YAML_SUFFIXES, PipelinePlaces, find_places, run_id_path_for
from hugflow.flowrider.run_ids import load_run_id
from hugflow.flowrider.run_values import read_run_value, values_folder

CacheStrategy: TypeAlias = Callable[[Get], Get]

# Its own object, so that None can mean "no cache".
_DEFAULT: Final[CacheStrategy] = cache_getter_fn


def auto_getter(
    flow: type | str,
    config_path: Path | str,
    artifact: str,
    module: ModuleType | str | Path,
    cache_strategy: CacheStrategy | None = _DEFAULT,
) -> Any:
    """The artifact of the run that is pinned beside a YAML.

    flow: the flow's class, or the name of it; for the engine dagster, the name of the flow's file.
    config_path: relative to the folder of `module`; the suffix may be missing.
    artifact: its name; for the engine dagster, the key of the asset, joined by `/`.
    module: the package that has the config: itself, its name, or its folder.
    cache_strategy: decorates `get(flow_name, run_id, artifact)`; None keeps nothing.

    No hook runs. Raises RunNotFound if no run is pinned, or the run has no such artifact.
    """
    places = find_places(module)
    path = places.package / config_path
    run_id = load_run_id(run_id_path_for(path))
    name = flow if isinstance(flow, str) else flow.__name__
    get: Get = partial(_get, places, path)
    if cache_strategy is cache_getter_fn:
        get = cache_getter_fn(_named(get), root=places.root)
    elif cache_strategy is not None:
        get = cache_strategy(_named(get))
    return get(name, run_id, artifact)


def _named(get: Get) -> Get:
    """A plain function, as decorators expect."""

    def get_artifact(flow_name: str, run_id: str, artifact: str) -> Any:
        return get(flow_name, run_id, artifact)

    return get_artifact


def _get(places: PipelinePlaces, path: Path, flow_name: str, run_id: str, artifact: str) -> Any:
    folder = values_folder(places.state, run_id)
    if folder.is_dir():
        return read_run_value(folder, artifact)
    return read_artifact(places.root, _read_config(path), flow_name, run_id, artifact)


def _read_config(path: Path) -> FlowConfig:
    """The YAML, for where the run's data is; the getter needs no YAML that can be run."""
    stem = run_id_path_for(path).with_suffix("")
    for suffix in YAML_SUFFIXES:
        try:
            return parse_config(stem.with_name(stem.name + suffix))
        except FlowConfigError:
            continue
    return FlowConfig()
