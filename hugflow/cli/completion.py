"""What the shell offers on TAB: names of datasets and request files of the project.

    name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_name)]
    file: Annotated[Path, typer.Argument(metavar="FILE", autocompletion=complete_request_file)]

It must be fast, so it only lists folders and imports nothing heavy. It never fails. When it
offers nothing, the shell completes file names as usual.
"""

import os
from collections.abc import Iterator
from pathlib import Path


def complete_name(incomplete: str) -> list[str]:
    """Names of requested, planned, stored or removed datasets that start with the given text."""
    try:
        return sorted(name for name in set(_names()) if name.startswith(incomplete))
    except Exception:  # noqa: BLE001  # a half-written request must not break the line being typed
        return []


def complete_request_file(incomplete: str) -> list[str]:
    """Request files of the project that start with the given text, relative to the working dir."""
    try:
        return sorted(path for path in _request_files() if path.startswith(incomplete))
    except Exception:  # noqa: BLE001  # as above
        return []


def complete_request(incomplete: str) -> list[str]:
    """Request files and names of datasets that start with the given text."""
    return complete_request_file(incomplete) or complete_name(incomplete)


def _names() -> Iterator[str]:
    from hugflow.cli.asked import read_project_requests, request_path_by_name
    from hugflow.settings import load_settings
    from hugflow.stages.standing.stored import list_names

    project = load_settings()
    yield from list_names(project.places)
    yield from request_path_by_name(read_project_requests(project))


def _request_files() -> Iterator[str]:
    from hugflow.project_root import find_root
    from hugflow.requests.folder import REQUESTS_FOLDER, is_request_path

    root = find_root(Path.cwd(), os.environ)
    if root is None:
        return
    for path in (root / REQUESTS_FOLDER).rglob("*"):
        if is_request_path(path.relative_to(root)) and path.is_file():
            yield os.path.relpath(path)
