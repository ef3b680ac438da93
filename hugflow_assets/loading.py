"""The definitions of a project: the assets of every request, the resources, the sensors.

Requests come from the catalogue, which the sensor writes from main; without a catalogue, from the
work tree's `requests/`. The network is never used, and one bad request does not affect the others.
"""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from hugflow.errors import HugflowError
from hugflow.flows.project_key import serving_of
from hugflow.names import dataset_groups
from hugflow.project_requests import read_requests
from hugflow.requests.catalog import ArrivalOnMain, Catalog, read_catalog
from hugflow.requests.collect import AddFile, RequestSet
from hugflow.requests.problems import show_path
from hugflow.settings import ProjectSettings
from hugflow.stages.standing.expansions import stamp_expansions
from hugflow.stages.standing.settled_requests import read_asked
from hugflow.store.layout import Places

log = logging.getLogger("hugflow.definitions")


def load_definitions(project: ProjectSettings) -> dg.Definitions:
    """Give the definitions for all requests of the project.

    Open the project before anything imports the Hub's libraries.
    """
    from hugflow_assets.checks import build_drift_checks
    from hugflow_assets.overlaps import build_overlaps
    from hugflow_assets.reporting.overview import build_overview
    from hugflow_assets.selection import select_datasets
    from hugflow_resources.hub import HubResource
    from hugflow_resources.notices import Notices
    from hugflow_resources.requests_repo import RequestsRepo
    from hugflow_resources.storage import Storage
    from hugflow_sensors.drift_daily import build_drift_daily
    from hugflow_sensors.outcomes import build_outcomes
    from hugflow_sensors.requests_on_main import build_requests_on_main

    catalog = find_catalog(project.places)
    files = catalog.data_by_path if catalog is not None else read_work_tree(project.root)
    requests = read_asked(project.places, files)
    tell_problems(requests, catalog)
    asked, github = catalog.asked_by_path if catalog is not None else {}, project.github_url
    groups = dataset_groups(
        {file.request.name: file.request.identity.short_name for file in requests.adds}
    )
    built = [
        (file.request, build_or_skip(file, asked.get(file.path), github, groups, project.root))
        for file in requests.adds
    ]
    loaded = [request for request, assets in built if assets]
    drift = build_drift_checks(loaded)
    others = [
        build_runs_or_none(project.root),
        build_hierarchy_or_none(project),
        build_serving_or_none(project),
    ]
    return dg.Definitions(
        assets=[
            build_overview(),
            *([build_overlaps()] if loaded else []),
            *(each for _, assets in built for each in assets),
            *(each for defs in others for each in defs.assets or ()),
        ],
        asset_checks=[*drift, *(each for defs in others for each in defs.asset_checks or ())],
        jobs=[each for defs in others for each in defs.jobs or ()],
        resources={
            "hub": HubResource(endpoint=project.settings.hf_endpoint),
            "storage": Storage.of(project, catalog),
            "requests_repo": RequestsRepo(branch=project.settings.requests_branch),
            "notices": Notices(repository=project.settings.github_repository),
            **{name: each for defs in others for name, each in (defs.resources or {}).items()},
        },
        sensors=[
            build_requests_on_main(
                loaded=catalog.digest if catalog is not None else None,
                root=project.root,
                target=select_datasets([each for _, assets in built for each in assets]),
                expanded=stamp_expansions(project.places),
            ),
            build_outcomes(),
            *([build_drift_daily(drift)] if drift else []),
            *(each for defs in others for each in defs.sensors or ()),
        ],
        # A run works on one dataset with its own threads; a process for each op would cost seconds.
        executor=dg.in_process_executor,
    )


def build_or_skip(
    file: AddFile,
    asked: ArrivalOnMain | None,
    github_url: str | None,
    groups: Mapping[str, str],
    root: Path | None,
) -> list[dg.AssetsDefinition]:
    """Give the assets of one request; if that fails, log it and give none.

    A code location that does not load has no sensor, so a fix on main would not reach it.
    """
    from hugflow_assets.datasets import build_dataset
    from hugflow_assets.reporting.links import origin_metadata

    try:
        origin = origin_metadata(file.path, asked, github_url)
        return build_dataset(file.request, origin, groups[file.request.name], root)
    except Exception:
        log.exception("%s: its assets cannot be built", show_path(file.path))
        return []


def build_runs_or_none(root: Path | None) -> dg.Definitions:
    """Give the assets and jobs of the project's flow runs; if that fails, log it and give none."""
    if root is None or not any(root.glob("*/config/pipeline")):
        # The import takes a tenth of a second, which most projects need not wait for.
        return dg.Definitions()
    from hugflow_assets.runs import build_runs

    try:
        return build_runs(root)
    except Exception:
        log.exception("the flow runs cannot be built")
        return dg.Definitions()


def build_hierarchy_or_none(project: ProjectSettings) -> dg.Definitions:
    """Give the assets of the project's sources and steps; if that fails, log it and give none."""
    if project.root is None or not project.file.nodes.keys() & {"sources", "steps"}:
        return dg.Definitions()
    from hugflow_assets.hierarchy.definitions import build_hierarchy_defs

    try:
        return build_hierarchy_defs(project.root, offline=True)
    except HugflowError as error:
        log.warning("the assets of the hierarchy cannot be built: %s", error)
    except Exception:
        log.exception("the assets of the hierarchy cannot be built")
    return dg.Definitions()


def build_serving_or_none(project: ProjectSettings) -> dg.Definitions:
    """Give the assets of what the project serves; if that fails, log it and give none."""
    if project.root is None or "flows" not in project.file.nodes:
        return dg.Definitions()
    try:
        config = serving_of(project.file)
        # An endpoint that is declared twice is one asset.
        entries = tuple({entry.endpoint: entry for entry in config.serve}.values())
        if not entries:
            return dg.Definitions()
        from hugflow_assets.serving import build_endpoints, build_worker_checks
        from hugflow_resources.flows import FlowsResource
        from hugflow_sensors.flow_directory import build_flow_directory

        state_dir = str(project.places.state_dir)
        return dg.Definitions(
            assets=build_endpoints(entries),
            asset_checks=build_worker_checks(entries),
            resources={"flows": FlowsResource(root=str(project.root), state_dir=state_dir)},
            sensors=[build_flow_directory([entry.endpoint for entry in entries])],
        )
    except HugflowError as error:
        log.warning("the assets of the served flows cannot be built: %s", error)
    except Exception:
        log.exception("the assets of the served flows cannot be built")
    return dg.Definitions()


def find_catalog(places: Places) -> Catalog | None:
    """Give the catalogue; None if it cannot be read: the sensor writes it again."""
    try:
        return read_catalog(places)
    except HugflowError as error:
        log.warning("%s", error)
        return None


def read_work_tree(root: Path | None) -> Mapping[str, bytes]:
    """Give the request files of the work tree; none when the folder cannot be read."""
    try:
        return read_requests(root)
    except HugflowError as error:
        log.warning("%s", error)
        return {}


def tell_problems(requests: RequestSet, catalog: Catalog | None) -> None:
    """Log why some request files are not carried out."""
    unread = catalog.problems if catalog is not None else ()
    for problem in (*unread, *requests.problems, *requests.warnings):
        log.warning("%s", problem.render())


# Skippable specs and owners are marked beta; Dagster would warn for each asset.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
