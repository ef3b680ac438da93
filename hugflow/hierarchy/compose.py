"""The composed sources of a project, from stored data only: nothing is pulled here."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path

from hugflow.hierarchy.access import Access, read_access
from hugflow.hierarchy.composed import ComposedSource, FileRef
from hugflow.hierarchy.errors import (
    ConfigError,
    FormatMismatchError,
    LockError,
    MissingFileError,
)
from hugflow.hierarchy.graph import Node, build_graph
from hugflow.hierarchy.load import Project, load_project
from hugflow.hierarchy.lockfile import NAME, ROOT, read_lock
from hugflow.hierarchy.merge import Part, merge_parts
from hugflow.hierarchy.overrides import read_overrides
from hugflow.hierarchy.parent_hosts import parent_hosts_of
from hugflow.hierarchy.project_config import SourceBase
from hugflow.hierarchy.storage import PATTERN, OwnFile, own_files, stored_suffix
from hugflow.hierarchy.walk import Rules
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.store.digest import file_sha256


@dataclass(frozen=True, slots=True)
class Composition:
    """A project with everything that it is composed of.

    nodes: the repositories, by name in the lock; `root` is the project.
    """

    project: Project
    nodes: Mapping[str, Node]
    sources: Mapping[str, ComposedSource]


def compose(
    path: str | Path = ".",
    *,
    overrides: Mapping[str, str | Path] | None = None,
    locked: bool | None = None,
) -> dict[str, ComposedSource]:
    """Every source of the project in a folder, with the files of its parents' sources.

    overrides: local folders for paths of parents, relative to the project.
    locked: True: by the lock, which must be there; False: by what the locations mean now; None: by
        the lock if there is one.

    Raises ConfigError, with the path of parents, the file and the key.
    """
    return dict(compose_project(path, overrides=overrides, locked=locked).sources)


def compose_project(
    path: str | Path = ".",
    *,
    overrides: Mapping[str, str | Path] | None = None,
    locked: bool | None = None,
    access: Access | None = None,
    environ: Mapping[str, str] | None = None,
    formats: frozenset[str] | None = None,
) -> Composition:
    """What `compose` gives, with the repositories.

    access: None reads the environment. formats: those of the sources to compose; None: all.
    """
    environ = os.environ if environ is None else environ
    project = load_project(path)
    nodes = resolve_nodes(
        project,
        overrides=read_overrides(project.root, environ, overrides),
        locked=locked,
        access=access or read_access(environ, parent_hosts=parent_hosts_of(project)),
    )
    composer = _Composer(nodes)
    sources = {
        name: composer.compose(name)
        for name, source in project.config.sources.items()
        if formats is None or source.format in formats
    }
    return Composition(project, nodes, sources)


def resolve_nodes(
    project: Project,
    *,
    overrides: Mapping[tuple[str, ...], Path],
    locked: bool | None,
    access: Access,
) -> dict[str, Node]:
    """The repositories of a project; see `compose`."""
    lock = None if locked is False else read_lock(project.root)
    if locked and lock is None and project.config.parents:
        raise LockError(
            f"{project.root} has no {NAME}",
            why="without it nothing says which state of the parents is meant",
            mend="run `hugflow lock`, and commit the file",
        )
    rules = Rules(access, overrides, must_be_locked=lock is not None)
    return build_graph(project, lock, rules)


def compose_parts(
    nodes: Mapping[str, Node], wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Part]:
    """The files of sources of any repository, each after its own composition.

    nodes: of a `Composition`. wanted: pairs of a node's name and a source of it.
    """
    composer = _Composer(nodes)
    return {(node, source): composer.part(node, source) for node, source in wanted}


@dataclass(slots=True)
class _Composer:
    """Composes sources of the nodes; each once."""

    nodes: Mapping[str, Node]
    _parts: dict[tuple[str, str], Part] = field(default_factory=dict)
    _digests: dict[Path, str] = field(default_factory=dict)

    def compose(self, name: str) -> ComposedSource:
        part = self.part(ROOT, name)
        source = self.nodes[ROOT].project.config.sources[name]
        files = [*part.files_list, *(file for each in part.files_dict.values() for file in each)]
        return ComposedSource(
            name,
            source.format,
            list(part.files_list),
            part.files_dict,
            self._is_overridden(ROOT, name) or any(self.nodes[f.node].overridden for f in files),
            part.replaced,
        )

    def part(self, node_name: str, source_name: str) -> Part:
        key = (node_name, source_name)
        if key not in self._parts:
            self._parts[key] = self._make(self.nodes[node_name], source_name)
        return self._parts[key]

    def _make(self, node: Node, source_name: str) -> Part:
        project = node.project
        source = project.config.sources[source_name]
        parts: list[Part] = []
        for number, reference in enumerate(source.parent_sources):
            parent_name, _, wanted = reference.partition(".")
            parent = self.nodes[node.parents[parent_name]]
            place = project.error_place("sources", source_name, "parent_sources", number)
            _check_source(parent, reference, wanted, source, place)
            parts.append(_from_parent(self.part(parent.name, wanted), parent_name))
        parts.append(self._own(node, source_name, source))
        try:
            return merge_parts(source_name, source, parts)
        except ConfigError as error:
            raise type(error)(
                error.what,
                why=error.why,
                mend=error.mend,
                **project.error_place("sources", source_name),
            ) from None

    def _own(self, node: Node, source_name: str, source: SourceBase) -> Part:
        files: list[FileRef] = []
        keyed: dict[str, list[FileRef]] = {key: [] for key in source.files_dict if key != PATTERN}
        for own in own_files(node.project, source_name):
            file = self._find(node, source_name, own)
            (files if own.key is None else keyed.setdefault(own.key, [])).append(file)
        return Part(files, keyed)

    def _find(self, node: Node, source_name: str, own: OwnFile) -> FileRef:
        project = node.project
        suffix = stored_suffix(project.config.sources[source_name].format)
        path = project.input / source_name / f"{own.name}{suffix}"
        if path not in self._digests:
            self._digests[path] = _digest(project, source_name, own, path)
        return FileRef(own.name, path, self._digests[path], (), node.name, source_name)

    def _is_overridden(self, node_name: str, source_name: str) -> bool:
        """Whether a way from this source up to any other goes through an override."""
        node = self.nodes[node_name]
        source = node.project.config.sources[source_name]
        for reference in source.parent_sources:
            parent_name, _, wanted = reference.partition(".")
            parent = self.nodes[node.parents[parent_name]]
            if parent.overridden or self._is_overridden(parent.name, wanted):
                return True
        return False


def _check_source(
    parent: Node,
    reference: str,
    wanted: str,
    source: SourceBase,
    place: dict[str, object],
) -> None:
    """Raise unless a parent has the source, in the same format."""
    theirs = parent.project.config.sources
    if wanted not in theirs:
        is_foreign = wanted in parent.project.foreign_sources
        near = nearest_name(wanted, theirs)
        raise ConfigError(
            f"{reference}: the parent has no source {wanted}"
            + (" of a format that is read here" if is_foreign else ""),
            why=f"its sources are {', '.join(theirs) or 'none'}",
            mend=f"did you mean {near}?" if near else "name one of them",
            **place,  # type: ignore[arg-type]  # made by error_place
        )
    here, there = getattr(source, "format", None), theirs[wanted].format
    if here != there:
        raise FormatMismatchError(
            f"{reference} has the format {there}, not {here}",
            why="a source has files of one format",
            mend="name a source of the same format",
            **place,  # type: ignore[arg-type]  # made by error_place
        )


def _from_parent(part: Part, parent: str) -> Part:
    """A parent's files with the parent in front of their origin."""

    def moved(file: FileRef) -> FileRef:
        return replace(file, origin=(parent, *file.origin))

    return Part(
        [moved(file) for file in part.files_list],
        {key: [moved(file) for file in value] for key, value in part.files_dict.items()},
        tuple(
            replace(each, lost=tuple(map(moved, each.lost)), won=tuple(map(moved, each.won)))
            for each in part.replaced
        ),
    )


def _digest(project: Project, source_name: str, own: OwnFile, path: Path) -> str:
    """The sha256 of a stored file. Raises MissingFileError if there is none in the repository."""
    place = project.error_place("sources", source_name)
    shown = path.relative_to(project.root)
    if not path.is_file():
        raise MissingFileError(
            f"{shown} is not there",
            why=f"{own.reference[:80]!r} is not pulled, or was not committed",
            mend="run `hugflow pull` in that repository, and commit its input folder",
            **place,
        )
    if not path.resolve().is_relative_to(project.root.resolve()):
        raise ConfigError(
            f"{shown} is a link out of the repository",
            why="a repository's data is inside it",
            mend="store the file itself",
            **place,
        )
    return file_sha256(path)
