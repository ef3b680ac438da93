"""The assets of a hierarchy, as specifications: keys, groups, kinds and lineage.

    ["input", source]             own data                  (pull)
    ["parents", node, source]     a source of a parent, with what it takes from its own parents
    ["sources", source]           the composed source
    ["steps", id]                 a step, after the previous one

A node is a repository of the lock, so one that is reached in two ways is one asset.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dagster as dg

from hugflow.hierarchy.graph import Node
from hugflow.hierarchy.load import Project
from hugflow.hierarchy.lockfile import ROOT
from hugflow.hierarchy.project_config import SourceBase

INPUT, PARENTS, SOURCES, STEPS = "input", "parents", "sources", "steps"


@dataclass(frozen=True, slots=True)
class View:
    """What the assets are made from.

    nodes: the repositories by name in the lock; only the root's if its parents are not known yet.
    """

    project: Project
    nodes: Mapping[str, Node]


def input_key(source: str) -> dg.AssetKey:
    """The key of a source's own data."""
    return dg.AssetKey([INPUT, source])


def parent_key(node: str, source: str) -> dg.AssetKey:
    """The key of a source of a parent."""
    return dg.AssetKey([PARENTS, node, source])


def source_key(source: str) -> dg.AssetKey:
    """The key of a composed source of the root."""
    return dg.AssetKey([SOURCES, source])


def step_key(step: str) -> dg.AssetKey:
    """The key of a step."""
    return dg.AssetKey([STEPS, step])


def has_own_files(source: SourceBase) -> bool:
    """Whether a source names files itself."""
    return bool(source.files_list or source.files_dict)


def input_specs(view: View) -> list[dg.AssetSpec]:
    """An asset for each source with files of its own."""
    return [
        dg.AssetSpec(
            input_key(name),
            group_name=INPUT,
            kinds={source.format},
            skippable=True,
            description=f"The own data of the source {name}, as `hugflow pull` stores it.",
        )
        for name, source in view.project.config.sources.items()
        if has_own_files(source)
    ]


def parent_specs(view: View) -> list[dg.AssetSpec]:
    """An asset for each source of each parent."""
    specs = []
    for node in view.nodes.values():
        if node.name == ROOT or node.location is None:
            continue
        for name, source in node.project.config.sources.items():
            specs.append(
                dg.AssetSpec(
                    parent_key(node.name, name),
                    deps=list(_parent_keys(view, node, source)),
                    group_name=_group(f"parent_{node.name}"),
                    kinds={source.format, node.location.kind},
                    skippable=True,
                    metadata=node_metadata(node),
                    description=f"The source {name} of {'/'.join(node.trail)}, composed there.",
                )
            )
    return specs


def source_specs(view: View) -> list[dg.AssetSpec]:
    """An asset for each composed source of the root."""
    specs = []
    for name, source in view.project.config.sources.items():
        own = [input_key(name)] if has_own_files(source) else []
        root = view.nodes.get(ROOT)
        specs.append(
            dg.AssetSpec(
                source_key(name),
                deps=[*(_parent_keys(view, root, source) if root is not None else ()), *own],
                group_name=SOURCES,
                kinds={source.format},
                skippable=True,
                description=f"The source {name}: its parents' files, then its own.",
            )
        )
    return specs


def step_specs(view: View) -> list[dg.AssetSpec]:
    """An asset for each step of the root."""
    config = view.project.config
    specs: list[dg.AssetSpec] = []
    for number, step in enumerate(config.steps):
        before = [step_key(config.steps[number - 1].id)] if number else []
        used = [source_key(name) for name in step.sources if name in config.sources]
        specs.append(
            dg.AssetSpec(
                step_key(step.id),
                deps=[*before, *used],
                group_name=STEPS,
                kinds={_group(step.type)},
                description=f"The step {step.id}, of the type {step.type}.",
            )
        )
    return specs


def node_metadata(node: Node) -> dict[str, str | bool]:
    """Where a parent is, and at which state it is read."""
    metadata: dict[str, str | bool] = {"overridden": node.overridden}
    if node.location is not None:
        metadata["location"] = node.location.text
    if node.fetched is not None:
        metadata["live"] = node.fetched.is_live
        metadata |= {
            name: value
            for name, value in (("commit", node.fetched.rev), ("sha256", node.fetched.sha256))
            if value is not None
        }
    return metadata


def _parent_keys(view: View, node: Node, source: SourceBase) -> Iterator[dg.AssetKey]:
    """The keys of the parents' sources that a source names; of unknown ones there are none."""
    found = dict.fromkeys(source.parent_sources)
    for reference in found:
        parent, _, name = reference.partition(".")
        above = view.nodes.get(node.parents.get(parent, ""))
        if above is not None and name in above.project.config.sources:
            yield parent_key(above.name, name)


def _group(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", text)
