"""Opening a build from the command line: settings, requests, Hub, plan."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hugflow.cli.asked import (
    as_listed,
    publish_to_by_name,
    read_project_requests,
    read_refused,
    refuse_refused,
    request_path_by_name,
)
from hugflow.cli.output import set_up_logging
from hugflow.errors import HugflowError, Locked, PlanOutOfDate, RequestInvalid
from hugflow.lean_start import collect_now, keep_pandas_out
from hugflow.requests.collect import AddFile, RequestSet
from hugflow.requests.match_names import find_names, fits_several, match_name, no_such_dataset
from hugflow.requests.model import AddRequest
from hugflow.requests.problems import Problem, RequestFileInvalid
from hugflow.requests.refused import RefusedFile, find_refused
from hugflow.settings import ProjectSettings, load_settings
from hugflow.store.layout import Places

if TYPE_CHECKING:
    from hugflow.clients.hub import Hub
    from hugflow.stages.build.build import Build
    from hugflow.stages.standing.status import DatasetStatus

log = logging.getLogger(__name__)


def open_project() -> ProjectSettings:
    """The project of the working directory. Sets up its logging and the Hub's environment."""
    project = load_settings()
    set_up_logging(project.settings.log_level, project.settings.log_format)
    for warning in project.warnings:
        log.warning("%s", warning)
    project.export_hub_environment()
    return project


def open_hub(project: ProjectSettings) -> "Hub":
    """A client of the Hub, made from the project's settings."""
    # Imported only for a valid request: this loads the Hub's client.
    from hugflow.clients.hub import Hub

    return Hub(token=project.hf_token)


def open_request(
    project: ProjectSettings,
    request: AddRequest,
    *,
    wait_s: float = 0.0,
    update: bool = False,
    digest: str | None = None,
) -> "Build":
    """The build of a request; plans it first when there is no plan.

    update: plan again at the commit that the revision points to now.
    digest: the digest that the plan must have.
    """
    keep_pandas_out()
    from hugflow.stages.planning.open_build import open_build
    from hugflow.stages.standing.drift import told_when_gone

    options, hub = replace(project.options, lock_wait_s=wait_s), open_hub(project)
    with (
        told_when_obstructed(project.places, request),
        told_when_gone(project.places, request.name, datetime.now(UTC)),
    ):
        build = open_build(request, project.places, hub, options, update=update, digest=digest)
    collect_now()
    return build


@contextmanager
def told_when_obstructed(places: Places, request: AddRequest) -> Iterator[None]:
    """Keep for `status` why a request could not be planned."""
    from hugflow.stages.standing.obstacles import obstacle_of, write_obstacle

    try:
        yield
    except (Locked, PlanOutOfDate):
        raise
    except HugflowError as error:
        with suppress(OSError, HugflowError):
            obstacle = obstacle_of(error, request.digest, datetime.now(UTC))
            write_obstacle(places, request.name, obstacle)
        raise


def refuse_removed(project: ProjectSettings, request: AddRequest) -> None:
    """Raise RequestInvalid when the project has a removal request for the same dataset."""
    for removal in read_project_requests(project).removals:
        if removal.identity == request.identity:
            raise RequestInvalid(
                f"{request.name} stays removed",
                why=f"while {removal.path} exists, its dataset is not made",
                mend=f"delete {removal.path} to have the dataset again",
            )


def find_add(project: ProjectSettings, name: str) -> AddFile:
    """The request for the dataset that `name` means, as `match_name` reads it.

    Raises UsageWrong when there is none, RequestInvalid when it is refused or a removal request
    for it exists.
    """
    requests = read_project_requests(project)
    files = request_path_by_name(requests)
    name = as_listed(project, requests, name)
    found = match_name(name, files, files)
    for file in requests.adds:
        if file.request.name == found:
            return file
    for file in requests.shadowed:
        if file.request.name == found:
            refuse_removed(project, file.request)
    refused = refuse_refused(project, requests, name)
    raise no_such_dataset(name, _all_known(files, files, refused))


def choose_statuses(
    project: ProjectSettings, requests: RequestSet, wanted: Sequence[str] | None
) -> "list[DatasetStatus]":
    """The status of every dataset, or of those that are meant; UsageWrong for no match.

    wanted: as `match_name` reads them, or folders of request files. Raises RequestFileInvalid for
    one that means refused request files only.
    """
    statuses, problems = choose_datasets(project, requests, wanted)
    if problems and not statuses and wanted:
        raise RequestFileInvalid(problems)
    return statuses


def entry_of(status: "DatasetStatus") -> dict[str, Any]:
    """The fields by which every `--json` names a dataset."""
    return {"name": status.name, "request": status.request, "state": status.state}


def choose_one(project: ProjectSettings, requests: RequestSet, wanted: str) -> "DatasetStatus":
    """As `choose_statuses`, of one dataset; UsageWrong also where `wanted` means several."""
    statuses = choose_statuses(project, requests, [wanted])
    if len(statuses) > 1:
        raise fits_several(wanted, [status.name for status in statuses])
    return statuses[0]


def choose_datasets(
    project: ProjectSettings, requests: RequestSet, wanted: Sequence[str] | None
) -> "tuple[list[DatasetStatus], list[Problem]]":
    """As `choose_statuses`, with why request files are refused that are meant too."""
    from hugflow.stages.standing.status import read_status
    from hugflow.stages.standing.stored import list_names

    files = request_path_by_name(requests)
    digests = {file.request.name: file.request.digest for file in requests.adds}
    places = publish_to_by_name(requests)
    names = sorted({*files, *list_names(project.places)})
    problems = list(requests.problems)
    if wanted:
        wanted = [as_listed(project, requests, each) for each in wanted]
        names, problems = _choose(names, files, read_refused(project, requests), wanted)
    statuses = [
        read_status(project.places, name, files.get(name), digests.get(name, ""), places.get(name))
        for name in names
    ]
    return statuses, problems


def _choose(
    names: Sequence[str],
    files: Mapping[str, str],
    refused: Sequence[RefusedFile],
    wanted: Sequence[str],
) -> tuple[list[str], list[Problem]]:
    """The datasets that are meant, and the problems of the refused files that are meant."""
    chosen: dict[str, None] = {}
    problems: dict[Problem, None] = {}
    for each in wanted:
        found = find_names(each, names, files)
        meant = find_refused(refused, each, found)
        if not found and not meant:
            raise no_such_dataset(each, _all_known(names, files, refused))
        chosen |= dict.fromkeys(found)
        problems |= dict.fromkeys(problem for file in meant for problem in file.problems)
    return list(chosen), list(problems)


def _all_known(
    names: Iterable[str], files: Mapping[str, str], refused: Sequence[RefusedFile]
) -> list[str]:
    """The names and the request files that an unknown NAME is compared with."""
    of_refused = [each for file in refused for each in (file.name, file.path) if each is not None]
    return [*names, *files.values(), *of_refused]
