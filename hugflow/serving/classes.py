"""The class of a served flow, and what its callers may configure."""

import atexit
import importlib
import shutil
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hugflow.errors import FlowConfigInvalid
from hugflow.flows.config import Config, set_on_top
from hugflow.flows.flow import SERVED_KEYS, Flow, find_flow_class
from hugflow.flows.load import LoadedFlow, check_subflows, load_flow
from hugflow.flows.names import PACKAGE
from hugflow.flows.places import FlowPlaces
from hugflow.flows.trust import refuse_replaced
from hugflow.requests.code_keys import find_code_keys
from hugflow.serving.colink import Project
from hugflow.serving.records import LOCAL

SUBFLOWS = "subflows_config"
# Which user serves a subflow, and where: these choose no code of the owner.
PLACE_KEYS = ("user_id", "flow_endpoint")


def load_class(project: Project, dotted: str) -> type[Flow]:
    """Import a class under the project's trust rules. Raises what `load_flow` raises.

    Also UntrustedFlowModule once a module of it was synced again: a process that runs old code must
    not import new files beside it.
    """
    loaded = _load(project, dotted)
    refuse_replaced(FlowPlaces(project.root), tuple(loaded.closure.values()))
    return loaded.flow_class


@lru_cache(maxsize=256)
def _load(project: Project, dotted: str) -> LoadedFlow:
    places = FlowPlaces(project.root)
    if dotted.startswith(f"{PACKAGE}."):
        cache = Path(mkdtemp(prefix="hugflow-flows-"))
        atexit.register(shutil.rmtree, cache, ignore_errors=True)
        return load_flow(dotted, places, project.trust, cache)
    if str(project.root) not in sys.path:
        sys.path.insert(0, str(project.root))
    importlib.invalidate_caches()
    found = find_flow_class(dotted, dotted)
    return LoadedFlow(found, check_subflows(found, places, project.trust))


def configure(
    flow_class: type[Flow], overrides: Mapping[str, Any], *, may_move_subflows: bool = True
) -> Config:
    """A class's configuration with a caller's values. Raises FlowConfigInvalid.

    may_move_subflows: whether the caller may say who serves the subflows.
    """
    name = flow_class.__name__
    for path in find_code_keys(overrides):
        raise FlowConfigInvalid(
            f"{name}: {path} cannot be set",
            why="it names the code that runs, which its owner decides",
            mend="leave it out, or serve a flow of your own",
        )
    for path in () if may_move_subflows else _find_places(overrides, ""):
        raise FlowConfigInvalid(
            f"{name}: {path} cannot be set by another user",
            why="the owner would call that user under its own name",
            mend="leave it out, or ask the owner to serve it with allow_subflow_overrides=True",
        )
    defaults = flow_class.default_config()
    subflows = defaults.get(SUBFLOWS)
    if isinstance(subflows, dict):
        for settings in subflows.values():
            if isinstance(settings, dict) and "flow_endpoint" in settings:
                settings.setdefault("user_id", LOCAL)
    return set_on_top(defaults, overrides, name)


def served_subflows_of(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The subflows of a configuration that have an endpoint, by key."""
    subflows = config.get(SUBFLOWS) or {}
    return {
        key: dict(settings)
        for key, settings in subflows.items()
        if isinstance(settings, Mapping) and settings.get("flow_endpoint")
    }


def own_values(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a subflow's settings that configures it, without what says where it is."""
    return {key: value for key, value in settings.items() if key not in SERVED_KEYS}


def constructor_values(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides as a class takes them, which knows nothing of users and endpoints."""
    values = dict(overrides)
    if isinstance(values.get(SUBFLOWS), Mapping):
        values[SUBFLOWS] = {
            key: own_values(settings) if isinstance(settings, Mapping) else settings
            for key, settings in values[SUBFLOWS].items()
        }
    return values


def _find_places(overrides: Mapping[str, Any], above: str) -> Iterator[str]:
    """Where overrides say who serves a subflow, at any depth: each level passes them to the next."""
    subflows = overrides.get(SUBFLOWS)
    for key, settings in subflows.items() if isinstance(subflows, Mapping) else ():
        if isinstance(settings, Mapping):
            path = f"{above}{SUBFLOWS}.{key}."
            yield from (f"{path}{each}" for each in PLACE_KEYS if each in settings)
            yield from _find_places(settings, path)
