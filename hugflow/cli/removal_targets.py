"""What `hugflow remove` is to remove: the datasets of a request file, or one dataset by its name."""

from pathlib import Path

from hugflow.cli.asked import (
    as_listed,
    read_project_requests,
    refuse_refused,
    request_path_by_name,
)
from hugflow.errors import HugflowError, RequestInvalid, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.requests.match_names import match_name, no_such_dataset
from hugflow.requests.model import AddRequest, Identity, RemoveRequest
from hugflow.requests.read import Request, read_request
from hugflow.settings import ProjectSettings
from hugflow.store.layout import Places

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class RemovalTarget:
    """One dataset to remove.

    file: the request file, or the name that was given when no file asks for the dataset.
    request: None when no file asks for the dataset.
    """

    project: ProjectSettings
    file: Path
    request: Request | None
    identity: Identity


def find_targets(project: ProjectSettings, wanted: Path, *, is_agreed: bool) -> list[RemovalTarget]:
    """The datasets that a request file or a NAME means; none if nothing of it is stored.

    is_agreed: nobody is asked; then a NAME must be a whole name or hf_id.
    Raises UsageWrong for a NAME that fits no dataset or several.
    """
    if wanted.is_file() or wanted.suffix in _SUFFIXES:
        return _find_of_file(project, wanted, read_request(wanted))
    return [_find_named(project, str(wanted), is_agreed=is_agreed)]


def shown_request(file: Path) -> str | None:
    """The request file as `--json` shows it; None for a dataset's name."""
    return str(file) if file.suffix in _SUFFIXES or file.exists() else None


def _find_named(project: ProjectSettings, wanted: str, *, is_agreed: bool) -> RemovalTarget:
    """The dataset of a name, from its request, else from what is stored of it."""
    from hugflow.stages.standing.removal_records import read_removed
    from hugflow.stages.standing.stored import list_names, read_identity

    places, requests = project.places, read_project_requests(project)
    files = request_path_by_name(requests)
    known = {*list_names(places), *files}
    name = match_name(as_listed(project, requests, wanted), known, files)
    if name is None:
        refuse_refused(project, requests, wanted)
        raise no_such_dataset(wanted, known)
    if is_agreed and not f"{name}__".startswith(f"{wanted.replace('/', '__')}__"):
        raise UsageWrong(
            f"{wanted!r} is only the beginning of a name",
            why=f"it fits {name}, and with --yes nobody is asked whether that is meant",
            mend=f"`hugflow remove {name} --yes`, or leave --yes out to be asked",
        )
    for add in (*requests.adds, *requests.shadowed):
        if add.request.name == name:
            return RemovalTarget(project, Path(add.path), add.request, add.request.identity)
    identity = read_identity(places, name)
    if identity is None and (removed := read_removed(places, name)) is not None:
        identity = removed.identity
    if identity is None:
        raise HugflowError(
            f"{name} is not removed",
            why="no request asks for it, and neither its manifest nor its plan can be read",
            mend=f"`hugflow verify {name}` names what is damaged; "
            "`hugflow remove` takes its add file too",
        )
    return RemovalTarget(project, Path(name), None, identity)


def _find_of_file(project: ProjectSettings, file: Path, request: Request) -> list[RemovalTarget]:
    """The removals that a request means: of each of its datasets, or of the one, or none."""
    if isinstance(request, AddRequest) and request.is_several:
        members = _find_members(project.places, file, request)
        return [RemovalTarget(project, file, each, each.identity) for each in members]
    if isinstance(request, RemoveRequest) and request.expand is not None:
        from hugflow.removal.remove import find_meant

        meant = find_meant(project.places, request)
        return [RemovalTarget(project, file, request, each) for each in meant]
    identity = _find_identity(project.places, file, request)
    return [RemovalTarget(project, file, request, identity)] if identity is not None else []


def _find_members(places: Places, file: Path, request: AddRequest) -> tuple[AddRequest, ...]:
    """The datasets that a request became; raises RequestInvalid if it is unknown."""
    from hugflow.stages.standing.expansions import read_members

    members = read_members(places, request)
    if members is None:
        raise RequestInvalid(
            f"it is not known here which datasets {file} asks for",
            why="the request was not planned here, or has changed since",
            mend=f"`hugflow plan {file}` asks the Hub and lists them; or remove them one by one",
        )
    return members


def _find_identity(places: Places, file: Path, request: Request) -> Identity | None:
    """The one stored dataset that the request means; None when none is stored."""
    if isinstance(request, AddRequest):
        return request.identity
    from hugflow.removal.remove import find_meant

    meant = find_meant(places, request)
    if len(meant) > 1:
        raise RequestInvalid(
            f"{file} may mean {len(meant)} datasets: {', '.join(each.name for each in meant)}",
            why="a removal is carried out when it means exactly one, and is never guessed",
            mend="write the revision, the subset and the split as the add file has them",
        )
    return meant[0] if meant else None
