"""The assets, jobs and checks of a project's hierarchy."""

import os
from pathlib import Path

import dagster as dg

from hugflow.hierarchy.compose import resolve_nodes
from hugflow.hierarchy.graph import Node
from hugflow.hierarchy.load import Project, load_project
from hugflow.hierarchy.lockfile import ROOT, read_lock
from hugflow.hierarchy.overrides import read_overrides
from hugflow_assets.hierarchy.checks import build_checks
from hugflow_assets.hierarchy.ops import (
    Overrides,
    build_compose,
    build_pull,
    build_steps,
    find_access,
)
from hugflow_assets.hierarchy.specs import View


def build_hierarchy_defs(
    path: str | Path, overrides: Overrides | None = None, *, offline: bool = False
) -> dg.Definitions:
    """Give the assets of the project in a folder: own data, parents, composed sources, steps.

    overrides: local folders for paths of parents.
    offline: leave out parents that are not in the cache, instead of fetching them.

    Jobs: `pull`, `compose`, and `pipeline`, which composes and runs the steps. Raises ConfigError.
    """
    project = load_project(path)
    nodes = {} if offline and not _is_cached(project) else _find_nodes(project, overrides)
    view = View(project, nodes)
    pulled, composed = build_pull(view), build_compose(view, overrides)
    steps = build_steps(view, overrides)
    assets_by_job = {
        "pull": _given(pulled),
        "compose": _given(composed),
        "pipeline": _given(composed, steps),
    }
    return dg.Definitions(
        assets=_given(pulled, composed, steps),
        asset_checks=build_checks(view, overrides),
        jobs=[
            dg.define_asset_job(name, dg.AssetSelection.assets(*chosen))
            for name, chosen in assets_by_job.items()
            if chosen
        ],
    )


def _given(*assets: dg.AssetsDefinition | None) -> list[dg.AssetsDefinition]:
    return [each for each in assets if each is not None]


def _find_nodes(project: Project, overrides: Overrides | None) -> dict[str, Node]:
    return resolve_nodes(
        project,
        overrides=read_overrides(project.root, os.environ, overrides),
        locked=None,
        access=find_access(project.root),
    )


def _is_cached(project: Project) -> bool:
    """Whether the parents can be read without the network."""
    if not project.config.parents:
        return True
    lock = read_lock(project.root)
    if lock is None:
        return False
    snapshots = find_access(project.root).cache / "snapshots"
    return all(
        node.sha256 is None or (snapshots / node.sha256).is_dir()
        for name, node in lock.nodes.items()
        if name != ROOT
    )
