"""What was changed in a synced module since its commit, and what of it may be sent back."""

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hugflow.clients.repository import PublishedFile
from hugflow.errors import FlowModuleNotFound, UsageWrong
from hugflow.flows.module_files import INIT_FILE, choose_files
from hugflow.flows.names import ModuleId
from hugflow.flows.places import FlowPlaces
from hugflow.flows.present import read_present
from hugflow.flows.records import Synced, read_lock
from hugflow.flows.sendable import Sendable, list_sendable
from hugflow.flows.staging import ModuleSource
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors, read_file

_GITIGNORE = ".gitignore"
# As git says it.
_NO_NEWLINE = "\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Changes:
    """How a folder differs from a commit, as sorted paths.

    left_out: files that would be sent, and why they are not.
    """

    folder: Path
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send."""
        return not (self.added or self.changed or self.deleted)

    @property
    def to_send(self) -> tuple[str, ...]:
        """The files whose content is sent."""
        return tuple(sorted((*self.added, *self.changed)))

    def without_deletions(self) -> "Changes":
        """The same, where files that only the commit has stay there."""
        return replace(self, deleted=())


def find_synced(places: FlowPlaces, module: ModuleId) -> Synced:
    """What is recorded of a module that was synced from the Hub.

    Raises FlowModuleNotFound, or UsageWrong for a linked folder.
    """
    entry = read_lock(places.lock_file).get(module)
    present = read_present(places, module, entry)
    if present.kind == "link" or (present.synced is not None and present.synced.is_local):
        raise UsageWrong(
            f"{module} is a link to {present.link}",
            why="it belongs to no commit that it could be compared with",
            mend=f"publish the folder: `hugflow flows publish {present.link} {module}`",
        )
    if present.synced is None:
        raise FlowModuleNotFound(
            f"{module} is not synced",
            why=f"{places.module(module)} is not there, or no sync made it",
            mend=f"run `hugflow flows sync {module}`",
        )
    return present.synced


def find_changes(places: FlowPlaces, source: ModuleSource, synced: Synced) -> Changes:
    """How a module's folder differs from its recorded commit; the Hub is asked for the listing."""
    folder = places.module(synced.module)
    whole = source.list_files(synced.module, synced.commit)
    with TemporaryDirectory(prefix="hugflow-flows-") as scratch:
        rules = _fetch_rules(source, synced, whole, Path(scratch))
        sendable = list_sendable(folder, rules)
    listed = {file.path: file for file in choose_files(whole, str(synced))}
    return compare_folder(folder, listed, sendable)


def compare_folder(
    folder: Path, listed: Mapping[str, PublishedFile], sendable: Sendable
) -> Changes:
    """Compare the files of a folder with those that a commit lists.

    The empty `__init__.py` that a sync adds is no change.
    """
    here = set(sendable.paths)
    added = [path for path in here - listed.keys() if not _is_added_by_sync(folder, path)]
    changed = [path for path in here & listed.keys() if not _is_same(folder / path, listed[path])]
    gone = [path for path in listed if not _exists(folder / path) and not _is_hidden(path)]
    left_out = {
        path: why
        for path, why in sendable.left_out.items()
        if path not in listed or not _is_same(folder / path, listed[path])
    }
    return Changes(
        folder, tuple(sorted(added)), tuple(sorted(changed)), tuple(sorted(gone)), left_out
    )


def render_diff(source: ModuleSource, synced: Synced, changes: Changes) -> Iterator[str]:
    """The changes as a patch, line by line, each with its newline."""
    listed = {file.path: file for file in source.list_files(synced.module, synced.commit)}
    with TemporaryDirectory(prefix="hugflow-flows-") as scratch:
        for path in sorted((*changes.to_send, *changes.deleted)):
            old = b""
            if path in listed:
                target = Path(scratch) / "old"
                source.fetch_file(synced.module, synced.commit, listed[path], target)
                old = read_file(target)
                target.unlink()
            new = read_file(changes.folder / path) if path not in changes.deleted else b""
            before = f"a/{path}" if path in listed else "/dev/null"
            after = f"b/{path}" if path not in changes.deleted else "/dev/null"
            yield from _diff(old, new, before, after)


def _diff(old: bytes, new: bytes, before: str, after: str) -> Iterator[str]:
    try:
        lines = [each.decode("utf-8").splitlines(keepends=True) for each in (old, new)]
    except UnicodeDecodeError:
        lines = []
    if not lines or b"\0" in old + new:
        yield f"Binary files {before} and {after} differ\n"
        return
    if not old and not new:
        yield f"--- {before}\n+++ {after}\n"
    for line in difflib.unified_diff(lines[0], lines[1], before, after):
        yield line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}"


def _fetch_rules(
    source: ModuleSource, synced: Synced, listed: Sequence[PublishedFile], scratch: Path
) -> Path | None:
    """The repository's own .gitignore, which a sync leaves out; None if it has none."""
    for file in listed:
        if file.path == _GITIGNORE:
            source.fetch_file(synced.module, synced.commit, file, scratch / "rules")
            return scratch / "rules"
    return None


def _is_added_by_sync(folder: Path, path: str) -> bool:
    return path == INIT_FILE and (folder / path).stat().st_size == 0


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _is_same(path: Path, file: PublishedFile) -> bool:
    """Whether a file on disk is the published one, by size and hash."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != file.size_bytes:
        return False
    with disk_errors(path, "read"), path.open("rb") as opened:
        if file.sha256 is not None:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
        header = b"blob %d\0" % file.size_bytes
        git = hashlib.sha1(header, usedforsecurity=False)
        git.update(opened.read())
        return git.hexdigest() == file.git_oid
