"""Commands about request files."""

from pathlib import Path
from typing import Annotated

import typer

from hugflow.cli.output import print_data, print_json, print_talk
from hugflow.errors import RequestInvalid
from hugflow.requests.collect import RequestSet, collect_requests
from hugflow.requests.model import AddRequest
from hugflow.requests.problems import Problem, RequestFileInvalid
from hugflow.requests.read import read_request, read_request_bytes

EXIT_INVALID = RequestInvalid.exit_code

RequestFiles = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Request files, or folders of them.")
]


def validate(
    files: RequestFiles,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check request files without carrying them out. Nothing is fetched.

    Ends with exit code 4 when one of them is refused; each finding names file, line and field.
    """
    paths = list_request_files(files)
    found, unreadable = _collect(paths)
    problems = [*unreadable, *found.problems]
    refused = {problem.path for problem in problems}
    if as_json:
        print_json(
            {
                "valid": not problems,
                "datasets": [
                    {"name": file.request.name, "request": file.path, "state": "pending"}
                    for file in found.adds
                ],
                "problems": [_to_json(problem) for problem in problems],
                "warnings": [_to_json(problem) for problem in found.warnings],
            }
        )
    else:
        for file in found.adds:
            print_data(f"{file.path}: valid, adds {file.request.name}")
        for removal in found.removals:
            print_data(f"{removal.path}: valid, removes {removal.request.hf_id}")
        for warning in found.warnings:
            if warning.path not in refused:
                print_talk(f"warning: {warning.render()}")
        for problem in problems:
            print_talk(problem.render())
    if problems:
        raise typer.Exit(EXIT_INVALID)


def list_request_files(files: list[Path]) -> list[Path]:
    """The files themselves, and the YAML files below those that are folders, in order."""
    paths: list[Path] = []
    for file in files:
        if file.is_dir() and not file.is_symlink():
            below = (path for path in file.rglob("*") if path.suffix.lower() in (".yaml", ".yml"))
            paths += sorted(path for path in below if not path.is_dir())
        else:
            paths.append(file)
    return paths


def read_add_request(file: Path) -> AddRequest:
    """Read one file that must be an add; raises RequestFileInvalid."""
    request = read_request(file)
    if not isinstance(request, AddRequest):
        raise RequestInvalid(
            f"{file} asks for a removal",
            why="only a request that adds a dataset can be planned and synced",
            mend="name a file from requests/add/",
        )
    return request


def _collect(paths: list[Path]) -> tuple[RequestSet, list[Problem]]:
    contents: dict[str, bytes] = {}
    unreadable: list[Problem] = []
    for path in paths:
        try:
            contents[str(path)] = read_request_bytes(path)
        except RequestFileInvalid as error:
            unreadable += error.problems
    return collect_requests(contents), unreadable


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
