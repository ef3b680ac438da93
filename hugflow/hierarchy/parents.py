"""The parents of a project: listed, added, and given another location."""

from collections.abc import Iterator
from pathlib import Path

from hugflow.hierarchy.access import Access
from hugflow.hierarchy.edit_file import set_value
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.load import Project, load_project
from hugflow.hierarchy.location import ARCHIVE_SUFFIXES, with_ref
from hugflow.hierarchy.lock import LockReport, update_lock
from hugflow.hierarchy.lockfile import Lock, LockNode, read_lock
from hugflow.late_dataclass import dataclass
from hugflow.nearest import nearest_name
from hugflow.store.atomic import write_file


@dataclass(frozen=True, slots=True)
class ParentState:
    """A parent, or a parent's parent, by its path; node: in the lock, None if not locked."""

    trail: tuple[str, ...]
    location: str
    node: LockNode | None

    @property
    def state(self) -> str:
        """Its locked state in a few words."""
        if self.node is None:
            return "not locked"
        if self.node.kind == "path":
            return "a folder, read as it is"
        pinned = self.node.rev or f"tree {(self.node.sha256 or '')[:12]}"
        return pinned[: 12 if self.node.rev else None] + (", a branch" if self.node.live else "")


def list_parents(path: str | Path = ".") -> list[ParentState]:
    """Every parent in the project file, and below it what the lock says; nothing is fetched."""
    project = load_project(path)
    lock = read_lock(project.root)
    found: list[ParentState] = []
    for name, ref in project.config.parents.items():
        node = lock.nodes.get(lock.parents.get(name, "")) if lock is not None else None
        is_current = node is not None and node.is_at(ref.location)
        found.append(ParentState((name,), ref.location, node if is_current else None))
        if lock is not None and node is not None and is_current:
            found += _list_below(lock, node, (name,))
    return found


def _list_below(lock: Lock, node: LockNode, trail: tuple[str, ...]) -> Iterator[ParentState]:
    for name, target in node.parents.items():
        below = lock.nodes[target]
        yield ParentState((*trail, name), below.location, below)
        yield from _list_below(lock, below, (*trail, name))


def add_parent(path: str | Path, name: str, location: str, access: Access) -> LockReport:
    """Write a new parent into the project file, and lock it."""
    project = load_project(path)
    if name in project.config.parents:
        raise ConfigError(
            f"there is a parent {name} already",
            why=f"its location is {project.config.parents[name].location}",
            mend=f"run `hugflow parents set {name} LOCATION` to change it",
            **project.error_place("parents", name),
        )
    return _write_location(project, name, location, access)


def set_parent(path: str | Path, name: str, reference: str, access: Access) -> LockReport:
    """Give a parent another location, or its location another ref, and lock it.

    reference: a location, or a branch, tag or commit.
    """
    project = load_project(path)
    ref = project.config.parents.get(name)
    if ref is None:
        near = nearest_name(name, project.config.parents)
        raise ConfigError(
            f"there is no parent {name}",
            why=f"the parents are {', '.join(project.config.parents) or 'none'}",
            mend=f"did you mean {near}?" if near else f"run `hugflow parents add {name} LOCATION`",
            **project.error_place("parents"),
        )
    location = reference
    if not is_location(reference):
        changed = with_ref(ref.location, reference)
        if changed is None:
            raise ConfigError(
                f"{ref.location} has no ref that could be {reference}",
                why="it is a folder or an archive",
                mend="name a whole location; a folder begins with ./ or ../",
                **project.error_place("parents", name, "location"),
            )
        location = changed
    return _write_location(project, name, location, access)


def is_location(text: str) -> bool:
    """Whether a text is a whole location, and not only a ref."""
    return (
        "://" in text
        or text.startswith((".", "/", "~", "github:", "file:"))
        or text.endswith(ARCHIVE_SUFFIXES)
    )


def _write_location(project: Project, name: str, location: str, access: Access) -> LockReport:
    """Write a location, check the file, and lock; the file stays as it was if that fails."""
    file = project.config_file
    before = file.read_bytes()
    edited = set_value(before, file.name, ("parents", name, "location"), location)
    write_file(file, edited)
    try:
        load_project(project.root)
        return update_lock(project.root, access=access)
    except BaseException:
        write_file(file, before)
        raise
