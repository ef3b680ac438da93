"""The requests that a project's `format: requests` sources are composed of.

Each is a request file with a path that says where it comes from:

    input/corpora/speech.yaml                       the project's own
    parent1/grandparent1:corpora/speech.yaml        of a parent: the path of parents, source, name

Composing has settled which files count, so two of them that ask for one dataset in two ways are an
error of the requests, which names both paths.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from hugflow.hierarchy.access import Access
from hugflow.hierarchy.compose import Composition, compose_project
from hugflow.hierarchy.composed import FileRef
from hugflow.hierarchy.errors import ConfigError
from hugflow.late_dataclass import dataclass
from hugflow.project_file import ProjectFile
from hugflow.requests.read import read_request_bytes, request_kind
from hugflow.trees.tree import Node

FORMAT = "requests"


@dataclass(frozen=True, slots=True)
class ComposedRequest:
    """A request file, and where it comes from.

    repository: the location of the parent that has it, as its child writes it; None for the
    project's own. commit: the parent's; None for a folder, or an archive without one.
    """

    path: str
    data: bytes
    repository: str | None = None
    commit: str | None = None


def has_request_sources(file: ProjectFile) -> bool:
    """Whether a project file may have sources of requests; the rest of it is not checked."""
    sources = file.nodes.get("sources")
    if sources is None or not isinstance(sources.value, Mapping):
        return False
    return any(_format_of(source) == FORMAT for source in sources.value.values())


def compose_requests(
    root: Path,
    *,
    locked: bool | None = None,
    access: Access | None = None,
    environ: Mapping[str, str] | None = None,
) -> dict[str, ComposedRequest]:
    """The composed requests of the project in a folder, by path.

    Arguments and errors as for `compose_project`; other sources are not looked at.
    """
    composition = compose_project(
        root, locked=locked, access=access, environ=environ, formats=frozenset({FORMAT})
    )
    found: dict[str, ComposedRequest] = {}
    for source in composition.sources.values():
        for file in source.files():
            request = _to_request(composition, file)
            found.setdefault(request.path, request)
    return dict(sorted(found.items()))


def _to_request(composition: Composition, file: FileRef) -> ComposedRequest:
    node = composition.nodes[file.node]
    if not file.origin:
        path = file.path.relative_to(composition.project.root).as_posix()
    else:
        path = f"{'/'.join(file.origin)}:{file.source}/{file.path.name}"
    if request_kind(PurePosixPath(path)) != "add":
        raise ConfigError(
            f"the requests of {path.rpartition('/')[0]} would be read as removals",
            why="a folder called remove holds requests to remove datasets",
            mend="give the parent or the source another name",
            **composition.project.error_place("sources"),
        )
    return ComposedRequest(
        path,
        read_request_bytes(file.path),
        node.location.text if node.location is not None else None,
        node.fetched.rev if node.fetched is not None else None,
    )


def _format_of(source: Node) -> object:
    if not isinstance(source.value, Mapping):
        return None
    node = source.value.get("format")
    return node.value if node is not None else None
