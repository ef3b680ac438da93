"""Allow entries of parents: which flow modules may run because a parent's list names them.

    parents:
      org: {location: github:acme/flows@refs/tags/1.0.0}
    flows:
      allow: ["alice/TextTools"]
      allow_parents: [org]           the entries of org's own `flows: allow:` count too

A parent contributes only where its child names it, and only entries: `allow_local` and everything
else below its `flows:` are never read. Its own `allow_parents` counts, as its sources do. The
entries are those of the content that `hugflow.lock` has, so they change by a change of the lock.
A folder has no such content, and a folder in place of a parent (`overrides`) contributes nothing.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from hugflow.errors import HugflowError, SettingInvalid
from hugflow.flows.project_key import KEY, allow_parents_of, inheritable_of, trust_of
from hugflow.flows.trust import Allowed, Trust, with_entries
from hugflow.hierarchy.access import Access, read_access
from hugflow.hierarchy.compose import resolve_nodes
from hugflow.hierarchy.errors import ConfigError
from hugflow.hierarchy.graph import Node
from hugflow.hierarchy.load import load_project
from hugflow.hierarchy.lockfile import NAME as LOCK_NAME
from hugflow.hierarchy.lockfile import ROOT
from hugflow.hierarchy.overrides import read_overrides
from hugflow.hierarchy.parent_hosts import parent_hosts_of
from hugflow.project_file import ProjectFile

log = logging.getLogger(__name__)


def composed_trust(
    root: Path | None, file: ProjectFile, *, warn: Callable[[str], None] = log.warning
) -> Trust:
    """What may run by a project's own list and those of the parents that it names.

    Parents that cannot be read contribute nothing, and `warn` is told why: what the project's own
    list allows may still run. Raises SettingInvalid for the project's own file.
    """
    trust = trust_of(file)
    if root is None or not allow_parents_of(file):
        return trust
    try:
        return with_entries(trust, inherited_entries(root, file))
    except HugflowError as error:
        fix = f"{error.what} ({error.why}). To fix it: {error.mend}"
        warn(f"the allow lists of parents do not count: {fix}")
        return trust


def inherited_entries(
    root: Path,
    file: ProjectFile,
    *,
    access: Access | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Allowed, ...]:
    """The entries of the parents that a project file names, each once.

    access: None reads the environment. A parent that is not cached is fetched.
    Raises ConfigError, with the path of parents, where one cannot be read or is not locked.
    """
    names = allow_parents_of(file)
    if not names:
        return ()
    environ = os.environ if environ is None else environ
    project = load_project(root)
    nodes = resolve_nodes(
        project,
        overrides=read_overrides(project.root, environ),
        locked=True,
        access=access or read_access(environ, parent_hosts=parent_hosts_of(project)),
    )
    return tuple(dict.fromkeys(_entries_of(nodes, nodes[ROOT], names)))


def _entries_of(nodes: Mapping[str, Node], child: Node, names: Sequence[str]) -> Iterator[Allowed]:
    for name in names:
        parent = nodes[child.parents[name]]
        trail = "/".join(parent.trail)
        if parent.overridden:
            log.warning("the allow list of %s does not count: a folder is in its place", trail)
            continue
        _refuse_unlocked(parent, child, name)
        try:
            entries, above = inheritable_of(parent.project.file)
        except SettingInvalid as error:
            raise ConfigError(
                error.what, why=error.why, mend=error.mend, trail=parent.trail
            ) from error
        yield from _entries_of(nodes, parent, above)
        yield from entries


def _refuse_unlocked(parent: Node, child: Node, name: str) -> None:
    if parent.fetched is None or parent.fetched.sha256 is None:
        raise ConfigError(
            f"{name} is a folder, and its allow list cannot count",
            why=f"{LOCK_NAME} pins no content of a folder: what it allows could change unseen",
            mend="give the parent a location with a commit, such as git or an archive",
            **child.project.error_place(KEY, "allow_parents"),
        )
