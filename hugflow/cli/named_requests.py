"""The add requests that arguments name: files, folders, datasets; without arguments, all."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from hugflow.cli.asked import (
    find_conflicts,
    read_project_requests,
    read_refused,
    request_path_by_name,
)
from hugflow.cli.expand import expand_at_hub
from hugflow.cli.output import print_warning
from hugflow.cli.requests import list_request_files, read_add_request
from hugflow.errors import HugflowError, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.requests.collect import AddFile, RequestSet
from hugflow.requests.grammar import HF_ID_PATTERN
from hugflow.requests.match_names import match_name, no_such_dataset
from hugflow.requests.model import AddRequest
from hugflow.requests.problems import Problem, RequestFileInvalid
from hugflow.requests.read import request_kind
from hugflow.requests.refused import RefusedFile, find_refused
from hugflow.settings import ProjectSettings


@dataclass(frozen=True, slots=True)
class NamedRequest:
    """One request, or why it cannot be read.

    path: as a person would type it.
    asked: the dataset's name in a refused file, if it can be read and no other file asks for it.
    """

    path: str
    found: AddRequest | HugflowError
    asked: str | None = None

    @property
    def name(self) -> str | None:
        """The dataset's name; None if it cannot be read."""
        return self.found.name if isinstance(self.found, AddRequest) else self.asked

    @property
    def label(self) -> str:
        """The dataset's name, else the path."""
        return self.name or self.path

    def get(self) -> AddFile:
        """The request with its path; raises why it cannot be read."""
        if isinstance(self.found, AddRequest):
            return AddFile(self.path, self.found)
        raise self.found


def read_named(
    project: ProjectSettings, wanted: Sequence[str | Path], *, update: bool = False
) -> list[NamedRequest]:
    """The requests that are meant, each once, in order.

    wanted: request files, folders of them (whose removals are passed over), or NAMEs; empty means
    all requests of the project. A request that asks for several datasets becomes one of each.
    update: ask the Hub again which they are.
    Raises UsageWrong for a NAME that fits none or several.
    """
    return [each for named in _read(project, wanted) for each in _expand(project, named, update)]


def _expand(project: ProjectSettings, named: NamedRequest, update: bool) -> Iterator[NamedRequest]:
    if not isinstance(named.found, AddRequest) or not named.found.is_several:
        yield named
        return
    try:
        for member in expand_at_hub(project, named.path, named.found, update=update):
            yield NamedRequest(named.path, member)
    except HugflowError as error:
        yield NamedRequest(named.path, error)


def _read(project: ProjectSettings, wanted: Sequence[str | Path]) -> list[NamedRequest]:
    if not wanted:
        return _read_all(project)
    requests: RequestSet | None = None
    found: dict[tuple[str, str | None], NamedRequest] = {}
    for each in map(str, wanted):
        if os.path.lexists(each) or each.endswith((".yaml", ".yml")):
            for named in _read_files(Path(each)):
                found.setdefault((named.path, named.name), _beside_others(project, named))
            continue
        requests = requests or read_project_requests(project)
        for named in _find_named(project, requests, each):
            found.setdefault((named.path, named.name), named)
    return list(found.values())


def _read_all(project: ProjectSettings) -> list[NamedRequest]:
    requests = read_project_requests(project)
    found = [NamedRequest(file.path, file.request) for file in requests.adds]
    refused = read_refused(project, requests)
    adds = [each for each in refused if request_kind(PurePath(each.path)) == "add"]
    found += _refused(requests, adds)
    for problem in _passed_over(requests, refused):
        print_warning(problem.render())
    if not found:
        raise _nothing_asked(project, requests)
    return sorted(found, key=lambda each: each.path)


def _refused(requests: RequestSet, files: Sequence[RefusedFile]) -> list[NamedRequest]:
    accepted = request_path_by_name(requests)
    return [
        NamedRequest(
            file.path,
            RequestFileInvalid(file.problems),
            None if file.name in accepted else file.name,
        )
        for file in files
    ]


def _passed_over(requests: RequestSet, refused: Sequence[RefusedFile]) -> list[Problem]:
    """Why files ask for no dataset: they are removals, or a removal shadows them."""
    removals = [each for each in refused if request_kind(PurePath(each.path)) == "remove"]
    shadowed = {file.path for file in requests.shadowed}
    warnings = [each for each in requests.warnings if each.path in shadowed]
    return [*warnings, *(problem for file in removals for problem in file.problems)]


def _nothing_asked(project: ProjectSettings, requests: RequestSet) -> UsageWrong:
    if requests.shadowed:
        return UsageWrong(
            "no request asks for a dataset",
            why=f"removals shadow {', '.join(file.path for file in requests.shadowed)}",
            mend="`hugflow validate` names the removals; delete one to have its dataset again",
        )
    return UsageWrong(
        "there is no request",
        why="requests/add/ of this project has no file" if project.root else "here is no project",
        mend="`hugflow add OWNER/NAME` writes one" if project.root else "run `hugflow init`",
    )


def _read_files(path: Path) -> Iterator[NamedRequest]:
    is_folder = path.is_dir()
    for file in list_request_files([path]) if is_folder else [path]:
        if is_folder and request_kind(file.absolute()) == "remove":
            continue
        try:
            yield NamedRequest(str(file), read_add_request(file))
        except HugflowError as error:
            yield NamedRequest(str(file), error)


def _beside_others(project: ProjectSettings, named: NamedRequest) -> NamedRequest:
    """The request, or the error that another file of the project asks for it differently."""
    if not isinstance(named.found, AddRequest):
        return named
    problems = find_conflicts(project.root, Path(named.path), named.found)
    return NamedRequest(named.path, RequestFileInvalid(problems)) if problems else named


def _find_named(project: ProjectSettings, requests: RequestSet, wanted: str) -> list[NamedRequest]:
    """The request for the dataset that `wanted` means, also one that a removal blocks.

    Several only if they are refused.
    """
    files = request_path_by_name(requests)
    name = match_name(wanted, files, files)
    for file in (*requests.adds, *requests.shadowed):
        if file.request.name == name:
            return [NamedRequest(file.path, file.request)]
    refused = read_refused(project, requests)
    if meant := find_refused(refused, wanted):
        return _refused(requests, meant)
    why, names = "no request file here asks for it, and there is no such file", "`hugflow status`"
    if re.fullmatch(HF_ID_PATTERN, wanted) and not wanted.endswith((".yaml", ".yml")):
        mend = f"`hugflow add {wanted}` writes a request for it; {names} lists those that are there"
    else:
        mend = f"{names} lists the names"
    known = [*files, *(each.name for each in refused if each.name is not None)]
    raise no_such_dataset(wanted, known, why=why, mend=mend)
