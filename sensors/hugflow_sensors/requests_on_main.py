"""The sensor that brings the datasets that main requests into storage.

Every tick looks at everything again: main, the disk, Dagster's runs. Nothing depends on seeing a
change happen, so a missed tick, a lost cursor or a restart loses nothing.
"""

import time
from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from hugflow.errors import HugflowError, SettingInvalid
from hugflow.flows.project_key import allow_parents_of, trust_of
from hugflow.ledger.stages import asset_names
from hugflow.requests.catalog import Catalog, read_catalog, write_catalog
from hugflow.requests.collect import AddFile
from hugflow.requests.policy import PolicyInvalid
from hugflow.stages.standing.expansions import stamp_expansions
from hugflow.stages.standing.settled_requests import read_asked
from hugflow.store.layout import Places
from hugflow_resources.asset_keys import stage_key
from hugflow_resources.hub import HubResource
from hugflow_resources.requests_repo import RequestsRepo
from hugflow_resources.storage import Storage
from hugflow_resources.surprises import no_secret_in_errors
from hugflow_sensors.decide import Memo, may_reload
from hugflow_sensors.memo import read_memo
from hugflow_sensors.overview import OverviewWatch
from hugflow_sensors.tick import Known, Tick, to_result
from hugflow_sensors.work_tree import stamp_work_tree

INTERVAL_S = 10
# Dagster gives up a tick after 60 s, and then the sensor forgets that it asked.
RELOAD_TIMEOUT_S = 40


def build_requests_on_main(
    loaded: str | None,
    root: Path | None = None,
    target: dg.AssetSelection | None = None,
    expanded: str = "",
) -> dg.SensorDefinition:
    """Give the sensor of this code location.

    loaded: digest of the catalogue that the location's assets were made from; None: no catalogue.
    target: the assets of the datasets; None: all assets.
    root: the project, whose flow runs and hierarchy are assets too.
    expanded: stamp of the expansions that the assets were made from.
    """
    loaded_tree = stamp_work_tree(root) + expanded
    # Starts empty in each process.
    known, overview = Known(), OverviewWatch()

    @dg.sensor(
        # It has no job: a job takes assets of one partitions definition, and each dataset has its
        # own.
        asset_selection=target if target is not None else dg.AssetSelection.all(),
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a dataset when its request reaches main.",
    )
    @no_secret_in_errors()
    def requests_on_main(
        context: dg.SensorEvaluationContext,
        requests_repo: RequestsRepo,
        hub: HubResource,
        storage: Storage,
    ) -> dg.SensorResult:
        memo, places = read_memo(context.cursor), storage.places
        words: list[str] = []
        catalog, is_fresh = _update_catalog(requests_repo, places, words)
        if catalog is None:
            return to_result(memo, words)
        is_readable = _is_project_file_readable(catalog, words)
        tree = stamp_work_tree(root) + stamp_expansions(places)
        if (catalog.digest, tree) != (loaded, loaded_tree):
            now, wanted = time.time(), catalog.digest + tree
            if may_reload(memo, wanted, now) and _reload(context, words):
                return to_result(Memo(memo.troubles, (wanted, now)), words)
            words.append("restart the code location to load what main asks for now")
        if not is_readable:
            return to_result(memo, words)
        requests = read_asked(places, known.parse(catalog))
        refused = (*catalog.problems, *requests.problems)
        words += [f"refused: {problem.headline}" for problem in refused]
        tick = Tick(context, catalog, storage, hub.open(), memo, known, words)
        tick.look_at_runs()
        if is_fresh:
            # Without reading main it is unknown whether a removal request still exists.
            tick.carry_out(requests, requests_repo.branch)
        tick.look_at(_loaded(context, requests.adds))
        seen = (catalog.digest, tick.settled, tuple(words), set(tick.busy))
        news = overview.find_news(places, requests, seen, is_busy=bool(tick.busy))
        if news is not None:
            tick.events.append(news)
        return tick.answer()

    return requests_on_main


def _update_catalog(
    repo: RequestsRepo, places: Places, words: list[str]
) -> tuple[Catalog | None, bool]:
    """Read main and write the catalogue; returns it and whether it is current.

    When main cannot be read, the last catalogue counts and is not current. None when there is no
    catalogue either, or when the project's settings are wrong: then nothing is done.
    """
    before: Catalog | None = None
    try:
        before = read_catalog(places)
    except HugflowError as error:
        words.append(error.what)
    try:
        catalog = repo.fetch_catalog(places, before)
    except SettingInvalid as error:
        words.append(f"nothing is changed: {error.what} ({error.why}). To fix it: {error.mend}")
        return None, False
    except HugflowError as error:
        words.append(f"main cannot be read: {error.what} ({error.why}). To fix it: {error.mend}")
        return before, False
    if catalog != before:
        write_catalog(places, catalog)
    return catalog, True


def _is_project_file_readable(catalog: Catalog, words: list[str]) -> bool:
    """Whether main's project file can be read: without it the policy of main is unknown."""
    try:
        file = catalog.parse_project_file()
    except PolicyInvalid as error:
        words.append(f"nothing is changed: {error.what} ({error.why}). To fix it: {error.mend}")
        return False
    try:
        trust_of(file)
        allow_parents_of(file)
    except SettingInvalid as error:
        words.append(f"no flow module may run: {error.what}. To fix it: {error.mend}")
    if catalog.allow_fault is not None:
        words.append(f"the allow lists of parents do not count: {catalog.allow_fault}")
    return True


def _reload(context: dg.SensorEvaluationContext, words: list[str]) -> bool:
    """Make this code location load the new catalogue; returns whether it was asked to.

    Ten thousand requests load longer than a tick may last: then the location goes on loading.
    """
    origin, begun_at = context.code_location_origin, time.monotonic()
    try:
        client = origin.create_client()  # type: ignore[union-attr]  # None raises, as others
        client.reload_code(timeout=RELOAD_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001  # whatever it is, a person can restart the location
        if time.monotonic() - begun_at >= RELOAD_TIMEOUT_S:
            words.append("main asks for something new: the code location is still reloading")
            return True
        words.append(f"this code location cannot reload itself ({type(error).__name__})")
        return False
    words.append("main asks for something new: the code location is reloading")
    return True


def _loaded(context: dg.SensorEvaluationContext, files: Iterable[AddFile]) -> list[AddFile]:
    """Give the adds whose assets this code location has loaded: only they can have a run."""
    repository = context.repository_def
    if repository is None:
        return list(files)
    graph = repository.asset_graph
    return [
        file
        for file in files
        if all(
            graph.has(stage_key(file.request.name, stage))
            for stage in ("plan", *asset_names(has_flows=bool(file.request.flows)))
        )
    ]
