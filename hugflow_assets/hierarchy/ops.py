"""What materializes the assets of a hierarchy: three ops, each a shell over one plain function."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import dagster as dg

from hugflow.hierarchy.access import Access, read_access
from hugflow.hierarchy.compose import Composition, compose_parts, compose_project
from hugflow.hierarchy.load import load_project
from hugflow.hierarchy.parent_hosts import parent_hosts_of
from hugflow.hierarchy.pulling.pull import pull
from hugflow.hierarchy.pulling.record import read_record, record_path
from hugflow.hierarchy.readers.google_sheets import GoogleSheets
from hugflow.hierarchy.steps.run import run_steps
from hugflow.settings import load_settings
from hugflow_assets.hierarchy.specs import (
    INPUT,
    PARENTS,
    View,
    input_key,
    input_specs,
    node_metadata,
    parent_specs,
    source_specs,
    step_key,
    step_specs,
)
from hugflow_assets.hierarchy.tables import files_metadata, files_version
from hugflow_resources.surprises import no_secret_in_errors

Overrides: TypeAlias = Mapping[str, str | Path]
Materialized: TypeAlias = dg.MaterializeResult[None]


def build_pull(view: View) -> dg.AssetsDefinition | None:
    """The own data of the sources; None if no source has any."""
    root, specs = view.project.root, input_specs(view)
    if not specs:
        return None

    @dg.multi_asset(name="hierarchy_pull", specs=specs, can_subset=True)
    def hierarchy_pull(context: dg.AssetExecutionContext) -> Iterator[Materialized]:
        chosen = sorted(key.path[1] for key in context.selected_asset_keys)
        with no_secret_in_errors():
            report = pull(root, chosen, google=find_google(root))
        project = load_project(root)
        pulled = read_record(record_path(project)).sources
        for name in chosen:
            files = dict(pulled[name].files) if name in pulled else {}
            yield dg.MaterializeResult(
                input_key(name),
                metadata={
                    word: sum(path.startswith(f"{name}/") for path in paths)
                    for word, paths in (
                        ("written", report.written),
                        ("unchanged", report.unchanged),
                        ("removed", report.removed),
                    )
                }
                | {INPUT: dg.MetadataValue.path(str(project.input / name))},
                data_version=dg.DataVersion(_digest(sorted(files.items()))),
            )

    return hierarchy_pull


def build_compose(view: View, overrides: Overrides | None) -> dg.AssetsDefinition | None:
    """The sources of parents and of the root; None if there are none."""
    root, specs = view.project.root, [*parent_specs(view), *source_specs(view)]
    if not specs:
        return None

    @dg.multi_asset(name="hierarchy_compose", specs=specs, can_subset=True)
    def hierarchy_compose(context: dg.AssetExecutionContext) -> Iterator[Materialized]:
        with no_secret_in_errors():
            composition = compose_here(root, overrides)
        keys = context.selected_asset_keys
        pairs = [(key.path[1], key.path[2]) for key in keys if key.path[0] == PARENTS]
        # A parent that has gone since the assets were loaded has nothing to show.
        known = [
            (node, source)
            for node, source in sorted(pairs)
            if node in composition.nodes
            and source in composition.nodes[node].project.config.sources
        ]
        for (node, source), part in compose_parts(composition.nodes, known).items():
            yield dg.MaterializeResult(
                dg.AssetKey([PARENTS, node, source]),
                metadata={
                    **node_metadata(composition.nodes[node]),
                    **files_metadata(part.files_list, part.files_dict, composition.nodes),
                },
                data_version=files_version(part.files_list, part.files_dict),
            )
        for key in sorted(keys):
            if key.path[0] == PARENTS or key.path[1] not in composition.sources:
                continue
            composed = composition.sources[key.path[1]]
            yield dg.MaterializeResult(
                key,
                metadata={
                    "overridden": composed.overridden,
                    **files_metadata(composed.files_list, composed.files_dict, composition.nodes),
                },
                data_version=files_version(composed.files_list, composed.files_dict),
            )

    return hierarchy_compose


def build_steps(view: View, overrides: Overrides | None) -> dg.AssetsDefinition | None:
    """The steps of the root, in one op: each gets what the previous one gave. None without steps."""
    root, specs = view.project.root, step_specs(view)
    if not specs:
        return None

    @dg.multi_asset(name="hierarchy_steps", specs=specs)
    def hierarchy_steps(context: dg.AssetExecutionContext) -> Iterator[Materialized]:
        with no_secret_in_errors():
            composition = compose_here(root, overrides)
            result = run_steps(composition.project, composition.sources, tell=context.log.info)
        for step in result.steps[:-1]:
            yield dg.MaterializeResult(step_key(step))
        paths = [path.relative_to(root).as_posix() for path in result.outputs]
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in result.outputs]
        yield dg.MaterializeResult(
            step_key(result.steps[-1]),
            metadata={"outputs": dg.MetadataValue.json(paths)},
            data_version=dg.DataVersion(_digest(digests)),
        )

    return hierarchy_steps


def compose_here(root: Path, overrides: Overrides | None) -> Composition:
    """The composition of a project, with the tokens of its settings."""
    return compose_project(root, overrides=overrides, access=find_access(root))


def find_access(root: Path) -> Access:
    """What reading parents may use, from the project's settings."""
    project = load_settings(root)
    token = project.settings.github_token
    return read_access(
        parent_hosts=parent_hosts_of(load_project(root)),
        github_token=token.get_secret_value() if token is not None else None,
        hub_token=project.hf_token,
    )


def find_google(root: Path) -> GoogleSheets:
    """Where Google's sheets are exported from, from the project's settings."""
    settings = load_settings(root).settings
    key = settings.credentials
    return GoogleSheets(
        settings.google_sheets_url, key.get_secret_value() if key is not None else None
    )


def _digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()
