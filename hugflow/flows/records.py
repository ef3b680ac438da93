"""What is written down about a synced module.

`FLOW_MODULE_ID`, in the module's folder, which it appears and moves with:

    # hugflow flow module 1: id:revision, commit, digest
    saibo/ChatFlows:main
    4c9f1f0c8f7fd6b0a5c4d2f7a9e1b3c5d7e9f1a3
    sha256:0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8

`flow_modules/flow.mod`, one line a module, separated by tabs; asked by is `project`, modules, or both,
separated by commas; of a linked folder the commit is NO_COMMIT_HASH and the digest `-`:

    # hugflow flow.mod 1: module, revision, commit, digest, folder, asked by
    saibo/ChatFlows	main	4c9f...	sha256:0e57...	saibo/ChatFlows	project
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from hugflow.errors import FlowModuleIdInvalid, StateUnreadable
from hugflow.flows.module_files import ID_FILE
from hugflow.flows.names import ModuleId, is_local, parse_module_id, parse_revision
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors, read_file, write_if_changed

NO_COMMIT = "NO_COMMIT_HASH"
NO_DIGEST = "-"
PROJECT = "project"
ID_HEADER = "# hugflow flow module 1: id:revision, commit, digest"
LOCK_HEADER = "# hugflow flow.mod 1: module, revision, commit, digest, folder, asked by"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Synced:
    """One module as it was synced: which commit, and the digest over its files then."""

    module: ModuleId
    revision: str
    commit: str
    digest: str

    def __str__(self) -> str:
        """Give `user/repo:revision`, which people know it by."""
        return f"{self.module}:{self.revision}"

    @property
    def is_local(self) -> bool:
        """Whether it is a link to a folder of this machine."""
        return self.commit == NO_COMMIT


@dataclass(frozen=True, slots=True)
class LockEntry:
    """One line of flow.mod.

    by_project: whether the project's own list has it. by_modules: the modules whose lists have it.
    """

    synced: Synced
    by_project: bool = False
    by_modules: tuple[ModuleId, ...] = ()


def render_id(synced: Synced) -> str:
    """The text of a FLOW_MODULE_ID."""
    return "\n".join((ID_HEADER, str(synced), synced.commit, synced.digest, ""))


def read_id(folder: Path) -> Synced | None:
    """What a module's FLOW_MODULE_ID says; None where there is none, or where it is damaged."""
    try:
        lines = read_file(folder / ID_FILE).decode("utf-8").splitlines()
        header, name, commit, digest = lines
        module, _, revision = name.partition(":")
        if header != ID_HEADER:
            return None
        return _to_synced(module, revision, commit, digest)
    except (OSError, ValueError):
        return None


def render_lock(entries: Iterable[LockEntry]) -> str:
    """The text of flow.mod, sorted by module."""
    lines = sorted(_render_line(entry) for entry in entries)
    return "\n".join((LOCK_HEADER, *lines, ""))


def read_lock(path: Path) -> dict[ModuleId, LockEntry]:
    """The modules that flow.mod names; none where the file is missing.

    Raises StateUnreadable with the path and the line of what cannot be read.
    """
    try:
        with disk_errors(path, "read"):
            lines = read_file(path).decode("utf-8").split("\n")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise _damaged(path, 1, "it is no text") from error
    if lines[0] != LOCK_HEADER:
        raise _damaged(path, 1, "it does not begin with the line that says what the file is")
    entries: dict[ModuleId, LockEntry] = {}
    for number, line in enumerate(lines[1:], 2):
        if line:
            try:
                entry = _parse_line(line)
            except ValueError as error:
                raise _damaged(path, number, "it is not the line of a module") from error
            entries[entry.synced.module] = entry
    return entries


def write_lock(path: Path, entries: Mapping[ModuleId, LockEntry]) -> None:
    """Write flow.mod whole, unless it already says this."""
    write_if_changed(path, render_lock(entries.values()))


def _render_line(entry: LockEntry) -> str:
    synced = entry.synced
    asked_by = [*([PROJECT] if entry.by_project else []), *map(str, sorted(entry.by_modules))]
    fields = (
        str(synced.module),
        synced.revision,
        synced.commit,
        synced.digest,
        str(synced.module.path),
        ",".join(asked_by),
    )
    return "\t".join(fields)


def _parse_line(line: str) -> LockEntry:
    module, revision, commit, digest, folder, asked_by = line.split("\t")
    synced = _to_synced(module, revision, commit, digest)
    if folder != str(synced.module.path):
        raise ValueError(folder)
    names = asked_by.split(",") if asked_by else []
    modules = tuple(parse_module_id(name) for name in names if name != PROJECT)
    return LockEntry(synced, PROJECT in names, modules)


def _to_synced(name: str, revision: str, commit: str, digest: str) -> Synced:
    """Check the four words. Raises ValueError."""
    module = parse_module_id(name)
    parse_revision(revision, module)
    is_linked = commit == NO_COMMIT and digest == NO_DIGEST and is_local(revision)
    if not is_linked and not (_COMMIT.fullmatch(commit) and _DIGEST.fullmatch(digest)):
        raise FlowModuleIdInvalid(f"{name}: {commit!r}", why="it is no commit", mend="sync it")
    return Synced(module, revision, commit, digest)


def _damaged(path: Path, line: int, why: str) -> StateUnreadable:
    return StateUnreadable(
        f"{path}:{line}: this line cannot be read",
        why=why,
        mend="delete the file and run `hugflow flows sync` again: it is made from the modules' own "
        "FLOW_MODULE_ID files; the modules stay as they are",
    )
