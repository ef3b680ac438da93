"""The request files of a project, wherever they come from.

They are those of its own `requests/` folder, and those that its `format: requests` sources are
composed of, which includes requests of parent repositories. Shells read requests only here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hugflow.project_file import read_project_file
from hugflow.requests.folder import read_folder

if TYPE_CHECKING:
    from hugflow.hierarchy.composed_requests import ComposedRequest


def read_requests(root: Path | None) -> Mapping[str, bytes]:
    """The bytes of a project's request files, by path relative to its root.

    The path of an inherited request says where it comes from, as `parent1:corpora/speech.yaml`.
    root: None outside of a project; then there are no requests. Raises RequestFileInvalid if a file
        cannot be read, ConfigError if the sources cannot be composed: being unable to look is not
        an empty answer.
    """
    if root is None:
        return {}
    composed = read_composed_requests(root)
    return {**read_folder(root), **{path: each.data for path, each in composed.items()}}


def read_composed_requests(root: Path | None) -> "Mapping[str, ComposedRequest]":
    """The requests of a project's sources, by path, each with the repository that has it."""
    if root is None:
        return {}
    file = read_project_file(root)
    if "sources" not in file.nodes or file.problems:
        return {}
    # Imported only for projects with sources: it reads parents.
    from hugflow.hierarchy.composed_requests import compose_requests, has_request_sources

    return compose_requests(root) if has_request_sources(file) else {}
