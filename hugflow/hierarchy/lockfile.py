"""`hugflow.lock`: every repository of the hierarchy, pinned. Committed, and written by Hugflow.

    {"nodes": {"parent1": {"kind": "git", "live": false,
                           "location": "git+https://example.org/parent.git@refs/tags/1.0.0",
                           "parents": {"grandparent1": "grandparent1"},
                           "rev": "<commit>", "sha256": "<hash of the tree>"},
               "grandparent1": {...},
               "root": {"parents": {"parent1": "parent1"}}},
     "root": "root", "version": 1}

kind: path, zip, git or hub. rev: the commit; null for a folder, and for an archive without one.
sha256: null for a folder. live: the location is a folder or a branch, so it may mean something else
tomorrow. parents: the parent's own parents, by name, to nodes. also: other locations by which the
same tree is named; left out if there are none.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hugflow.hierarchy.errors import LockError
from hugflow.store.atomic import read_file, write_file
from hugflow.trees.from_json import parse_json

NAME = "hugflow.lock"
ROOT = "root"
VERSION = 1
LARGEST_BYTES = 4 << 20
_REWRITE = "delete it and run `hugflow lock`; if it has conflict marks, take one side first"


class LockNode(BaseModel):
    """One repository of the lock; see the module."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    location: str
    kind: Literal["path", "zip", "git", "hub"]
    rev: Annotated[str, Field(pattern=r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    live: bool
    parents: dict[str, str] = Field(default_factory=dict)
    also: list[str] = Field(default_factory=list)

    def is_at(self, location: str) -> bool:
        """Whether a location is one of the node's."""
        return location == self.location or location in self.also

    def to_json(self) -> dict[str, Any]:
        """The node in the file."""
        return self.model_dump(exclude=None if self.also else {"also"})


class Lock(BaseModel):
    """A whole lock: the root's parents, and every other node."""

    model_config = ConfigDict(frozen=True, strict=True)

    parents: dict[str, str]
    nodes: dict[str, LockNode]

    def to_json(self) -> dict[str, Any]:
        """The content of the file."""
        nodes: dict[str, Any] = {name: node.to_json() for name, node in self.nodes.items()}
        nodes[ROOT] = {"parents": self.parents}
        return {"version": VERSION, "root": ROOT, "nodes": nodes}


def render_lock(lock: Lock) -> str:
    """The text of the file: the same for the same content."""
    return json.dumps(lock.to_json(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_lock(root: Path, lock: Lock) -> None:
    """Write a project's lock."""
    write_file(root / NAME, render_lock(lock))


def read_lock(root: Path) -> Lock | None:
    """A project's lock; None if it has none. Raises LockError for a damaged one."""
    path = root / NAME
    try:
        return parse_lock(read_file(path, LARGEST_BYTES), ())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LockError(
            f"{path} cannot be read", why=error.strerror or str(error), mend=_REWRITE
        ) from error


def parse_lock(data: bytes, trail: tuple[str, ...]) -> Lock:
    """The lock in the bytes of a file. Raises LockError."""
    try:
        value = _parse_strictly(data)
        if not isinstance(value, Mapping) or value.get("version") != VERSION:
            raise ValueError(f"it is no lock of version {VERSION}")
        nodes = dict(value["nodes"])
        lock = Lock(
            parents=nodes.pop(ROOT)["parents"],
            nodes={name: LockNode.model_validate(node) for name, node in nodes.items()},
        )
        named = [*lock.parents.values()]
        named += [each for node in lock.nodes.values() for each in node.parents.values()]
        missing = [name for name in named if name not in lock.nodes]
        if missing:
            raise ValueError(f"it names {missing[0]}, which it does not have")
    except (ValueError, KeyError, TypeError) as error:
        why = (
            error.errors(include_input=False, include_url=False)[0]["msg"]
            if isinstance(error, ValidationError)
            else f"{type(error).__name__}: {error}"
        )
        raise LockError(
            f"{NAME} cannot be read", why=str(why)[:200], mend=_REWRITE, trail=trail
        ) from None
    return lock


def _parse_strictly(data: bytes) -> object:
    """A JSON value. Raises ValueError with the line, also for a key that is written twice."""
    tree = parse_json(data.decode("utf-8"))
    for fault in tree.faults:
        raise ValueError(f"line {fault.line}: {fault.what}")
    return tree.root.plain if tree.root is not None else None
