"""Commands about request files."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from hugflow.amounts import count
from hugflow.cli.asked import find_beside
from hugflow.cli.completion import complete_request_file
from hugflow.cli.options import AsJson
from hugflow.cli.output import print_data, print_json, print_talk, print_warning
from hugflow.cli.validated import added, find_places, known_members, removed
from hugflow.errors import HugflowError, RequestInvalid, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.project_file import ProjectFile, read_project_file
from hugflow.project_requests import read_composed_requests, read_requests
from hugflow.project_root import PROJECT_FILES, find_root
from hugflow.requests.collect import AddFile, ParsedFiles, RequestSet, collect_requests
from hugflow.requests.flow_steps import FlowStep
from hugflow.requests.folder import REQUESTS_FOLDER
from hugflow.requests.match_names import find_names, no_such_dataset
from hugflow.requests.model import AddRequest
from hugflow.requests.problems import Problem, RequestFileInvalid, show_path
from hugflow.requests.read import (
    Request,
    parse_request,
    read_request,
    read_request_bytes,
    request_kind,
)
from hugflow.requests.refused import collect_refused, find_refused
from hugflow.settings import refuse_project_file

if TYPE_CHECKING:
    from hugflow.flows.trust import Trust

EXIT_INVALID = RequestInvalid.exit_code

RequestFiles = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE|NAME]...",
        help="Request files, folders of them, or datasets; without one, all of the project.",
        autocompletion=complete_request_file,
    ),
]


def validate(
    files: RequestFiles = None,
    as_json: AsJson = False,
    is_online: Annotated[
        bool, typer.Option("--online", help="Ask the Hub too: dataset, revision, split, columns.")
    ] = False,
) -> None:
    """Check request files without carrying them out. Nothing is fetched.

    Exits with 4 when a file is refused; each finding names file, line and field.
    Exits with 2 when the project file cannot be read, as every command does.
    With --online the Hub's refusals have their own codes: 5 access denied, 7 not reachable.
    """
    root = find_root(Path.cwd(), os.environ)
    refuse_project_file(root)
    if not files and root is None:
        raise UsageWrong(
            "there is nothing to check",
            why="no file is named, and here is no project",
            mend="name request files, or go into a project",
        )
    paths = [path for file in files or [_from_here(root)] for path in _paths_of(root, file)]
    checked = _check_steps(_check(paths))
    if is_online:
        checked = _ask_hub(checked)
    if as_json:
        print_json(_report(checked))
    else:
        _print_findings(checked)
    print_talk(
        f"{count(checked.files, 'file')}: "
        f"{checked.files - len(checked.refused):,} valid, {len(checked.refused):,} refused"
    )
    if checked.problems:
        raise typer.Exit(checked.exit_code)


def _from_here(root: Path | None) -> Path:
    """The project's folder, as a person in the working directory names it."""
    return Path(os.path.relpath(root)) if root is not None else Path()


def _paths_of(root: Path | None, wanted: Path) -> list[Path]:
    """The request files of a NAME, several only if some are refused; a path stays as it is."""
    if os.path.lexists(wanted) or wanted.suffix in (".yaml", ".yml") or root is None:
        return [wanted]
    name, data = str(wanted), read_requests(root)
    found = collect_requests(data)
    refused = collect_refused(found.problems, data)
    files = {file.request.name: file.path for file in (*found.adds, *found.shadowed)}
    accepted = find_names(name, files, files)
    paths = [files[each] for each in accepted]
    paths += [each.path for each in find_refused(refused, name, accepted)]
    if not paths:
        known = [*files, *(each.name for each in refused if each.name is not None)]
        why = "no request file here asks for it, and there is no such file"
        raise no_such_dataset(name, known, why=why)
    # An inherited request has no file here; its path says where it comes from.
    inherited = read_composed_requests(root)
    return [Path(each if each in inherited else os.path.relpath(root / each)) for each in paths]


@dataclass(frozen=True, slots=True)
class _Checked:
    """The result of checking files: their number, their requests, and the problems."""

    files: int
    found: RequestSet
    problems: tuple[Problem, ...]
    exit_code: int = EXIT_INVALID

    @property
    def refused(self) -> frozenset[str]:
        return frozenset(problem.path for problem in self.problems)


def list_request_files(files: Sequence[Path]) -> list[Path]:
    """The files themselves, and the YAML files below those that are folders, in order.

    For a project's root, only its `requests/`. Raises RequestFileInvalid when a folder cannot be
    listed, so that no file is skipped silently.
    """
    paths: list[Path] = []
    for file in files:
        if file.is_dir() and not file.is_symlink():
            is_root = any((file / name).is_file() for name in PROJECT_FILES)
            paths += sorted(_list_below(file / REQUESTS_FOLDER if is_root else file))
        else:
            paths.append(file)
    return list(dict.fromkeys(paths))


def read_add_request(file: Path) -> AddRequest:
    """Read one file that must be an add; raises RequestFileInvalid if it is not.

    What is no file may be an inherited request: its path as `hugflow status` shows it, or the name
    of its dataset.
    """
    if os.path.lexists(file):
        request: Request = read_request(file)
    elif (inherited := _find_composed(str(file))) is not None:
        request = inherited
    else:
        raise _no_such_file(file)
    if not isinstance(request, AddRequest):
        raise RequestInvalid(
            f"{file} asks for a removal",
            why="only a request that adds a dataset can be planned and synced",
            mend="name a file from requests/add/",
        )
    return request


def _no_such_file(file: Path) -> RequestFileInvalid:
    """The error for a request file that does not exist; it names the nearest one of the project."""
    root = find_root(Path.cwd(), os.environ)
    known: list[str] = []
    with suppress(RequestFileInvalid):
        if root is not None and (root / REQUESTS_FOLDER).is_dir():
            known = [os.path.relpath(each) for each in _list_below(root / REQUESTS_FOLDER)]
    near = nearest_name(os.path.normpath(file), known)
    what, why = "cannot be read: no such file", "a request is read from a file of its own"
    mend = f"did you mean {near}?" if near else "name a file that holds a request"
    return RequestFileInvalid([Problem(str(file), None, None, None, what, why, mend)])


def _find_composed(asked: str) -> Request | None:
    """The request of the project's sources that has a path or a dataset's name."""
    for path, composed in read_composed_requests(find_root(Path.cwd(), os.environ)).items():
        if path == asked:
            return parse_request(composed.data, path)
        with suppress(RequestFileInvalid):
            request = parse_request(composed.data, path)
            if isinstance(request, AddRequest) and request.name == asked:
                return request
    return None


def _read_composed(files: Sequence[Path]) -> dict[str, bytes]:
    """The requests of the project's sources that are to be checked: the named ones, or all."""
    root = find_root(Path.cwd(), os.environ)
    if root is None:
        return {}
    wholes = {root.resolve(), (root / REQUESTS_FOLDER).resolve()}
    is_whole = any(file.resolve() in wholes for file in files)
    named = {str(file) for file in files if not os.path.lexists(file)}
    composed = read_composed_requests(root) if is_whole or named else {}
    return {path: each.data for path, each in composed.items() if is_whole or path in named}


def _is_root_without_requests(file: Path) -> bool:
    return find_root(file, {}) == file.resolve() and not os.path.lexists(file / REQUESTS_FOLDER)


def _check(files: Sequence[Path]) -> _Checked:
    composed = _read_composed(files)
    # A project may have inherited requests only.
    if composed:
        files = [
            file
            for file in files
            if not _is_root_without_requests(file) and str(file) not in composed
        ]
    paths = list_request_files(files)
    contents: dict[str, bytes] = {}
    unreadable: list[Problem] = []
    for path in paths:
        try:
            if not os.path.lexists(path):
                raise _no_such_file(path)
            contents[str(path)] = read_request_bytes(path)
        except RequestFileInvalid as error:
            unreadable += error.problems
    # The kind of a request follows from its folder, whatever path was given.
    kinds = {name: request_kind(_in_full(name)) for name in contents}
    found = collect_requests(composed | contents, kinds=kinds)
    conflicts, warnings = _look_beside(found, contents)
    return _Checked(
        len(paths) + len(composed),
        replace(found, warnings=(*found.warnings, *warnings)),
        (*unreadable, *found.problems, *conflicts),
    )


def _look_beside(found: RequestSet, given: Collection[str]) -> tuple[list[Problem], list[Problem]]:
    """Errors and warnings of the given files because of other files of the project."""
    root = find_root(Path.cwd(), os.environ)
    problems: list[Problem] = []
    warnings: list[Problem] = []
    with suppress(HugflowError):
        files = read_requests(root)
        if root is None or files.keys() <= {_shown_in(root, path) for path in given}:
            return [], []
        refused = {problem.path for problem in found.problems}
        warned = {problem.path for problem in found.warnings}
        for add in (*found.adds, *found.shadowed):
            if add.path in given and add.path not in refused:
                errors, oddities = find_beside(root, Path(add.path), add.request, files)
                problems += [replace(each, path=add.path) for each in errors]
                oddities = [] if add.path in warned else oddities
                warnings += [replace(each, path=add.path) for each in oddities]
    return problems, warnings


def _shown_in(root: Path, path: str) -> str:
    return os.path.relpath(Path(path).resolve(), root.resolve())


def _check_steps(checked: _Checked) -> _Checked:
    """Add what is wrong with the row steps of the adds; a missing allowance is a warning.

    Only what the files say counts: the allow list may come with the same pull request.
    """
    adds = [file for file in (*checked.found.adds, *checked.found.shadowed) if file.request.flows]
    if not adds:
        return checked
    from hugflow.flows.check_steps import find_conflicts, find_unallowed, find_wrong_names
    from hugflow.hierarchy.inherited_allow import composed_trust

    root = find_root(Path.cwd(), os.environ)
    file = read_project_file(root) if root is not None else ProjectFile()
    trust = composed_trust(root, file, warn=print_warning)
    problems = [
        _step_problem(file.path, step, error)
        for file in adds
        for step, error in find_wrong_names(file.request.flows)
    ]
    problems += [
        _step_problem(file.path, step, error)
        for file, step, error in find_conflicts(checked.found.adds)
    ]
    warnings = [
        Problem(
            file.path,
            None,
            None,
            "flows",
            f"step {step.name!r}: {step.use} is not on the allow list",
            "its code will not run, so the dataset will not be published",
            "review its code, and name it in flows: allow: of hugflow.yaml",
        )
        for file in adds
        for step in find_unallowed(file.request.flows, trust)
    ]
    if root is not None:
        warnings += _untrusted(root, adds, trust)
        warnings += _unknown_classes(root, adds)
    found = replace(checked.found, warnings=(*checked.found.warnings, *warnings))
    return replace(checked, found=found, problems=(*checked.problems, *problems))


def _untrusted(root: Path, adds: Sequence[AddFile], trust: "Trust") -> Iterator[Problem]:
    """A warning for each step whose module may not run, or asks for one that may not."""
    from hugflow.flows.check_steps import find_untrusted
    from hugflow.flows.places import FlowPlaces

    for file in adds:
        for step, error in find_untrusted(FlowPlaces(root), file.request.flows, trust):
            yield _step_problem(file.path, step, error)


def _unknown_classes(root: Path, adds: Sequence[AddFile]) -> Iterator[Problem]:
    """A warning for each step whose class is not in its file: the code may come later."""
    from hugflow.flows.class_names import find_unknown_classes
    from hugflow.flows.places import FlowPlaces

    for file in adds:
        for step, unknown in find_unknown_classes(FlowPlaces(root), file.request.flows):
            yield Problem(
                file.path,
                None,
                None,
                "flows",
                f"step {step.name!r}: {unknown.what}",
                "the step cannot run, so the dataset will not be published",
                unknown.mend,
            )


def _step_problem(path: str, step: FlowStep, error: HugflowError) -> Problem:
    what = f"step {step.name!r}: {error.what}"
    return Problem(path, None, None, "flows", what, error.why, error.mend)


def _ask_hub(checked: _Checked) -> _Checked:
    """Add the Hub's findings on the adds that are valid offline."""
    from hugflow.cli.builds import open_hub, open_project

    hub = open_hub(open_project())
    from hugflow.flows.check_steps import find_unknown_to_hub
    from hugflow.flows.hub_source import HubSource
    from hugflow.shards.online import check_online

    errors: list[HugflowError] = []
    problems: list[Problem] = []
    for file in checked.found.adds:
        if file.path in checked.refused:
            continue
        try:
            check_online(hub, file.request)
        except HugflowError as error:
            errors.append(error)
            problems.append(Problem(file.path, 1, None, None, error.what, error.why, error.mend))
        for step, refused in find_unknown_to_hub(file.request.flows, HubSource(hub)):
            errors.append(refused)
            problems.append(_step_problem(file.path, step, refused))
    code = EXIT_INVALID if checked.problems or not errors else errors[0].exit_code
    return replace(checked, problems=(*checked.problems, *problems), exit_code=code)


def _in_full(name: str) -> PurePath:
    return PurePath(os.path.normpath(Path(name).absolute()))


def _list_below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder, onerror=_refuse_folder):
        for name in names:
            if name.lower().endswith((".yaml", ".yml")):
                yield Path(parent, name)


def _refuse_folder(error: OSError) -> None:
    what = f"cannot be listed: {error.strerror}"
    why = "the request files in it would be passed over"
    mend = "make it a folder that you may read"
    raise RequestFileInvalid([Problem(str(error.filename), None, None, None, what, why, mend)])


def _print_findings(checked: _Checked) -> None:
    places, found = find_places(), checked.found
    for file in found.adds:
        if file.path not in checked.refused:
            print_data(f"{show_path(file.path)}: valid, adds {added(places, file.request)}")
    for file in found.shadowed:
        print_data(f"{show_path(file.path)}: valid, adds {added(places, file.request)} once it may")
    together = ParsedFiles((*found.adds, *found.shadowed), (), ())
    removals = {removal.path: removal.request for removal in found.removals}
    for path, request in removals.items():
        print_data(f"{show_path(path)}: valid, removes {removed(places, request, together)}")
    for warning in checked.found.warnings:
        if warning.path not in checked.refused:
            print_warning(warning.render())
    for problem in checked.problems:
        print_talk(problem.render())


def _report(checked: _Checked) -> dict[str, object]:
    sound = [file for file in checked.found.adds if file.path not in checked.refused]
    members = [each for file in sound for each in _list_members(file)]
    states = _read_states([name for name, _ in members if name is not None])
    return {
        "valid": not checked.problems,
        "datasets": [
            {"name": name, "request": path, "state": states.get(name or "", "pending")}
            for name, path in members
        ],
        "problems": [_to_json(problem) for problem in checked.problems],
        "warnings": [_to_json(problem) for problem in checked.found.warnings],
    }


def _list_members(file: AddFile) -> list[tuple[str | None, str]]:
    """Name and path of each dataset of a file; one without a name where they are not known."""
    members = known_members(find_places(), file.request)
    return [(None, file.path)] if members is None else [(each.name, file.path) for each in members]


def _read_states(names: Sequence[str]) -> dict[str, str]:
    """The states of datasets, by name; none when no settings name a storage."""
    places = find_places()
    if places is None:
        return {}
    from hugflow.stages.standing.status import read_status

    return {name: read_status(places, name).state for name in names}


def _to_json(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.path,
        "line": problem.line,
        "column": problem.column,
        "field": problem.field,
        "what": problem.what,
        "why": problem.why,
        "mend": problem.mend,
    }
