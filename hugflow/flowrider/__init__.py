"""Runs of flows, each described by a YAML.

from hugflow.flowrider import auto_getter, run_flow

run_flow("example/example_flow", "dev", package="project_name")
auto_getter("EnvironmentFlow", "config/pipeline/example/example_flow_dev", "info", project_name)
"""

from hugflow.flowrider.cache import cache_getter_fn
from hugflow.flowrider.command import build_argv
from hugflow.flowrider.config import FlowConfig, parse_config
from hugflow.flowrider.errors import FlowConfigError, FlowRunError, HookError, RunNotFound
from hugflow.flowrider.getters import auto_getter
from hugflow.flowrider.hooks import resolve_hooks
from hugflow.flowrider.places import config_path_for, flow_path_for
from hugflow.flowrider.run import FlowRunResult, passthrough, run_flow
from hugflow.flowrider.run_ids import load_run_id

__all__ = [
    "FlowConfig",
    "FlowConfigError",
    "FlowRunError",
    "FlowRunResult",
    "HookError",
    "RunNotFound",
    "auto_getter",
    "build_argv",
    "cache_getter_fn",
    "config_path_for",
    "flow_path_for",
    "load_run_id",
    "parse_config",
    "passthrough",
    "resolve_hooks",
    "run_flow",
]
