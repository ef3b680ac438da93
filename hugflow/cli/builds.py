"""Opening a build from the command line: settings, requests, Hub, plan."""

import logging
import os.path
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hugflow.cli.asked import read_project_requests, request_path_by_name
from hugflow.cli.output import set_up_logging
from hugflow.errors import RequestInvalid, UsageWrong
from hugflow.nearest import nearest_name
from hugflow.requests.collect import AddFile, RequestSet
from hugflow.requests.model import AddRequest
from hugflow.settings import ProjectSettings, load_settings

if TYPE_CHECKING:
    from hugflow.clients.hub import Hub
    from hugflow.stages.build.build import Build
    from hugflow.stages.standing.status import DatasetStatus

log = logging.getLogger(__name__)

# The names that an error lists.
_MOST_NAMED = 5


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
    from hugflow.stages.planning.open_build import open_build
    from hugflow.stages.standing.drift import told_when_gone

    options, hub = replace(project.options, lock_wait_s=wait_s), open_hub(project)
    with told_when_gone(project.places, request.name, datetime.now(UTC)):
        return open_build(request, project.places, hub, options, update=update, digest=digest)


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

    Raises UsageWrong when there is none, RequestInvalid when a removal request for it exists.
    """
    requests = read_project_requests(project)
    files = request_path_by_name(requests)
    found = match_name(name, files, files)
    for file in requests.adds:
        if file.request.name == found:
            return file
    for file in requests.shadowed:
        if file.request.name == found:
            refuse_removed(project, file.request)
    raise no_such_dataset(name, [file.request.name for file in requests.adds])


def choose_statuses(
    project: ProjectSettings, requests: RequestSet, name: str | None
) -> "list[DatasetStatus]":
    """The status of every dataset, or of the one that `name` means; UsageWrong for no match."""
    from hugflow.stages.standing.status import read_statuses

    files = request_path_by_name(requests)
    statuses = read_statuses(project.places, files)
    if name is None:
        return statuses
    names = [status.name for status in statuses]
    found = match_name(name, names, files)
    if found is None:
        raise no_such_dataset(name, names)
    return [status for status in statuses if status.name == found]


def match_name(wanted: str, names: Iterable[str], file_by_name: Mapping[str, str]) -> str | None:
    """The dataset that a person means; None if there is none.

    wanted: a name, an hf_id, a request file, or the beginning of a name.
    Raises UsageWrong if several datasets fit.
    """
    known = sorted(set(names))
    if wanted in known or not wanted:
        return wanted or None
    file = os.path.normpath(wanted)
    found = [name for name in known if file_by_name.get(name) == file]
    if not found:
        # A dataset's name begins with its hf_id: `owner/name` is `owner__name__...`.
        start = f"{wanted.replace('/', '__')}__" if "/" in wanted else wanted
        found = [name for name in known if name.startswith(start)]
    if len(found) > 1:
        raise UsageWrong(
            f"{wanted!r} fits {len(found)} datasets",
            why=f"they are {', '.join(found[:_MOST_NAMED])}{', ...' * (len(found) > _MOST_NAMED)}",
            mend="give the whole name of one of them",
        )
    return found[0] if found else None


def no_such_dataset(
    name: str,
    known: Iterable[str],
    *,
    why: str = "it is neither requested, planned, stored nor removed here",
) -> UsageWrong:
    """The error for an unknown dataset name; it suggests the nearest known name."""
    # Also compare with the name on the Hub.
    near = nearest_name(name.replace("/", "__"), known)
    return UsageWrong(
        f"no dataset is called {name!r}",
        why=why,
        mend=f"did you mean {near}?" if near else "`hugflow status` lists the names",
    )
