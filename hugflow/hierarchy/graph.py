"""The hierarchy as a graph: the root and every repository that it is composed of.

A repository that is reached in two ways is one node: repositories are one if their trees have one
hash (folders: one real path) and their parents are the same nodes.
"""

import hashlib
import json
from collections import deque
from collections.abc import Container, Mapping

from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.fetch import Fetched
from hugflow.hierarchy.load import Project
from hugflow.hierarchy.location import Declarer, Location
from hugflow.hierarchy.lockfile import ROOT, Lock, LockNode
from hugflow.hierarchy.walk import Pins, Rules, Visit, Walker
from hugflow.late_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """One repository of the graph.

    name: in the lock. parents: its parents' names, to nodes. trail: the shortest path of parents.
    overridden: a local folder was given in its place. is_affected: it, or a repository above it,
    is overridden. ways: every way from the root to it.
    """

    name: str
    project: Project
    parents: Mapping[str, str]
    trail: tuple[str, ...] = ()
    location: Location | None = None
    fetched: Fetched | None = None
    overridden: bool = False
    is_affected: bool = False
    ways: tuple["Visit", ...] = ()

    def to_lock(self) -> LockNode:
        """The node in the lock."""
        if self.location is None or self.fetched is None:
            raise ValueError("the root has only parents in the lock")
        return LockNode(
            location=self.location.text,
            kind=self.location.kind,
            rev=self.fetched.rev,
            sha256=self.fetched.sha256,
            live=any(way.fetched is not None and way.fetched.is_live for way in self.ways),
            parents=dict(self.parents),
            also=sorted(self._locations() - {self.location.text}),
        )

    def _locations(self) -> set[str]:
        return {way.location.text for way in self.ways if way.location is not None}


def build_graph(root: Project, lock: Lock | None, rules: Rules) -> dict[str, Node]:
    """Every repository by its name in the lock; the root is first.

    Raises ConfigError with the path of parents.
    """
    builder = Walker(rules)
    pins = Pins(lock, lock.parents, is_own=True) if lock is not None else None
    top = Visit(root, ())
    builder.visit_parents(top, Declarer(root.root), pins, [str(root.root.resolve())])
    unknown = [trail for trail in rules.overrides if trail not in builder.trails]
    if unknown:
        raise ConfigError(
            f"there is no parent {'/'.join(unknown[0])} to override",
            why=f"the paths of parents are {', '.join(map('/'.join, builder.trails)) or 'none'}",
            mend="correct the override, or delete it",
        )
    return _name_nodes(top)


def _name_nodes(top: Visit) -> dict[str, Node]:
    """Nodes by name, in the order of the shortest ways from the root."""
    _give_key(top)
    name_by_key = {top.key: ROOT}
    ways: dict[str, list[Visit]] = {ROOT: [top]}
    queue = deque([top])
    while queue:
        visit = queue.popleft()
        for name, parent in visit.parents.items():
            if parent.key not in name_by_key:
                name_by_key[parent.key] = _unused(name, ways)
            ways.setdefault(name_by_key[parent.key], []).append(parent)
            queue.append(parent)
    first = {name: visits[0] for name, visits in ways.items()}
    return {
        name: Node(
            name,
            visit.project,
            {each: name_by_key[parent.key] for each, parent in visit.parents.items()},
            visit.trail,
            visit.location,
            visit.fetched,
            visit.overridden,
            _is_affected(visit),
            tuple(ways[name]),
        )
        for name, visit in first.items()
    }


def _give_key(visit: Visit) -> None:
    """Set what makes two visits one node: what is read there, and its parents."""
    for parent in visit.parents.values():
        _give_key(parent)
    identity = visit.fetched.identity if visit.fetched is not None else ""
    parents = {name: parent.key for name, parent in visit.parents.items()}
    text = json.dumps([identity, parents, visit.overridden], sort_keys=True)
    visit.key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_affected(visit: Visit) -> bool:
    return visit.overridden or any(_is_affected(parent) for parent in visit.parents.values())


def _unused(name: str, taken: Container[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
