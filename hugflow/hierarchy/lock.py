"""Locking: every repository of the hierarchy is looked up and pinned in `hugflow.lock`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hugflow.hierarchy.access import Access, read_access
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.graph import Node, build_graph
from hugflow.hierarchy.load import Project, load_project
from hugflow.hierarchy.lockfile import NAME, ROOT, Lock, read_lock, render_lock, write_lock
from hugflow.hierarchy.parent_hosts import parent_hosts_of
from hugflow.hierarchy.walk import Rules
from hugflow.late_dataclass import dataclass

EVERYTHING: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LockReport:
    """What a lock is now, whether the file was written, and a line for each change."""

    lock: Lock
    is_changed: bool
    changes: tuple[str, ...]


def lock_project(path: str | Path = ".") -> dict[str, Any]:
    """Write the lock of the project in a folder; its content. What is locked stays as it is."""
    return update_lock(path).lock.to_json()


def update_lock(
    path: str | Path = ".",
    *,
    upgrade: Sequence[str] | None = None,
    writes: bool = True,
    access: Access | None = None,
    environ: Mapping[str, str] | None = None,
) -> LockReport:
    """Look up what is not locked, and write the lock.

    upgrade: paths of parents to look up again, such as `parent1/grandparent1`; none of them: all;
        None: nothing that is locked already.
    writes: False only compares. Overrides are not used: the lock is for everybody.
    """
    project = load_project(path)
    before = read_lock(project.root)
    chosen = access or read_access(
        os.environ if environ is None else environ, parent_hosts=parent_hosts_of(project)
    )
    trails = [] if upgrade is None else [_to_trail(each) for each in upgrade] or [EVERYTHING]
    nodes = build_graph(project, before, Rules(chosen, upgraded=frozenset(trails)))
    _refuse_unknown(trails, nodes)
    lock = to_lock(nodes)
    changes = describe_changes(before, lock)
    is_needed = before is not None or bool(lock.nodes)
    is_changed = is_needed and not _is_written(project, lock)
    if writes and is_changed:
        write_lock(project.root, lock)
    return LockReport(lock, is_changed, changes)


def to_lock(nodes: Mapping[str, Node]) -> Lock:
    """The lock of a graph."""
    return Lock(
        parents=dict(nodes[ROOT].parents),
        nodes={name: node.to_lock() for name, node in nodes.items() if name != ROOT},
    )


def describe_changes(before: Lock | None, after: Lock) -> tuple[str, ...]:
    """A line for each repository that is new, gone, or at another state."""
    old = before.nodes if before is not None else {}
    lines = []
    for name in sorted(old.keys() | after.nodes.keys()):
        was, now = old.get(name), after.nodes.get(name)
        if was == now:
            continue
        if was is None and now is not None:
            lines.append(f"{name}: {now.location} at {_state(now.rev, now.sha256)}")
        elif now is None:
            lines.append(f"{name}: no longer a parent")
        elif was is not None and now is not None:
            moved = f"{_state(was.rev, was.sha256)} -> {_state(now.rev, now.sha256)}"
            where = "" if was.location == now.location else f"{was.location} -> {now.location}, "
            lines.append(f"{name}: {where}{moved}")
    return tuple(lines)


def _state(rev: str | None, sha256: str | None) -> str:
    if rev is not None:
        return rev[:12]
    return f"tree {sha256[:12]}" if sha256 is not None else "a folder"


def _is_written(project: Project, lock: Lock) -> bool:
    path = project.root / NAME
    return path.is_file() and path.read_text("utf-8") == render_lock(lock)


def _to_trail(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split("/") if part)


def _refuse_unknown(trails: Sequence[tuple[str, ...]], nodes: Mapping[str, Node]) -> None:
    for trail in trails:
        name = ROOT
        for part in trail:
            parents = nodes[name].parents
            if part not in parents:
                raise ConfigError(
                    f"there is no parent {'/'.join(trail)}",
                    why=f"{name} has the parents {', '.join(parents) or 'none'}",
                    mend="name a path of parents, such as parent1/grandparent1",
                )
            name = parents[part]
