"""Which request files of the project ask for which datasets."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hugflow.errors import HugflowError
from hugflow.project_requests import read_requests
from hugflow.requests.collect import RequestSet, collect_requests
from hugflow.requests.folder import REQUESTS_FOLDER, is_request_path
from hugflow.requests.model import AddRequest
from hugflow.requests.problems import Problem, RequestFileInvalid
from hugflow.requests.read import read_request
from hugflow.requests.refused import RefusedFile, collect_refused, find_refused
from hugflow.settings import ProjectSettings
from hugflow.stages.standing.settled_requests import read_asked


def read_project_requests(project: ProjectSettings) -> RequestSet:
    """The requests in the project's `requests/`; empty outside a project."""
    return read_asked(project.places, read_requests(project.root))


def find_conflicts(root: Path | None, path: Path, request: AddRequest) -> list[Problem]:
    """Errors of a request file that asks for a dataset as another file of the project does not."""
    if root is None:
        return []
    with suppress(HugflowError):
        return find_beside(root, path, request, read_requests(root))[0]
    return []


def find_beside(
    root: Path, path: Path, request: AddRequest, files: Mapping[str, bytes]
) -> tuple[list[Problem], list[Problem]]:
    """Errors and warnings of a request file because of the project's other files.

    path: of the file; one that is no request file of the project has none. files: all of the
    project, by path; parsed are those that name the same repository, and where the request has
    `no_overlap_with`, those that have it too.
    """
    shown = os.path.relpath(path.resolve(), root.resolve())
    if request.is_several or not is_request_path(shown):
        return [], []
    words = [request.hf_id.encode()] + [b"no_overlap_with"] * bool(request.no_overlap_with)
    beside = {name: data for name, data in files.items() if any(word in data for word in words)}
    found = collect_requests(beside)
    problems = [each for each in found.problems if each.path == shown]
    return problems, [each for each in found.warnings if each.path == shown]


def as_listed(project: ProjectSettings, requests: RequestSet, wanted: str) -> str:
    """What a person typed, as `match_name` reads it; what is no request file stays as it is.

    A file of the project, or a folder of them, becomes its path from the project's root, wherever
    the person is. A removal, or a file that repeats another, becomes the dataset's name.
    """
    root = project.root
    if root is None or not os.path.lexists(wanted):
        return wanted
    path = os.path.relpath(Path(wanted).absolute(), root.resolve())
    if path != REQUESTS_FOLDER and not path.startswith(f"{REQUESTS_FOLDER}/"):
        return wanted
    removed = [each.identity for each in requests.removals if each.path == path]
    if len(removed) == 1 and removed[0] is not None:
        return removed[0].name
    known = {file.path for file in (*requests.adds, *requests.shadowed)}
    known |= {problem.path for problem in requests.problems}
    if path not in known and Path(wanted).is_file():
        with suppress(HugflowError):
            request = read_request(Path(wanted))
            if isinstance(request, AddRequest) and not request.is_several:
                return request.name
    return path


def read_refused(project: ProjectSettings, requests: RequestSet) -> tuple[RefusedFile, ...]:
    """The refused request files of the project, with the datasets that they ask for."""
    if not requests.problems:
        return ()
    return collect_refused(requests.problems, read_requests(project.root))


def refuse_refused(
    project: ProjectSettings, requests: RequestSet, wanted: str
) -> tuple[RefusedFile, ...]:
    """Raise RequestFileInvalid if `wanted` means refused request files; else return all of them.

    wanted: what means no other dataset.
    """
    refused = read_refused(project, requests)
    if meant := find_refused(refused, wanted):
        raise RequestFileInvalid([problem for each in meant for problem in each.problems])
    return refused


def request_path_by_name(requests: RequestSet) -> dict[str, str]:
    """The request file of each requested dataset, including those that a removal blocks."""
    return {file.request.name: file.path for file in (*requests.adds, *requests.shadowed)}


def publish_to_by_name(requests: RequestSet) -> dict[str, str]:
    """Where each request publishes its dataset to; "" where it does not say."""
    return {file.request.name: file.request.publish_to or "" for file in requests.adds}
