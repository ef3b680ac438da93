"""The trash: removed datasets are kept here for some days, and can be restored.

    STATE_DIR/trash/<id>/entry.json
                         tree/  next/           STORAGE_ROOT/<name>, STORAGE_ROOT/.next/<name>
                         samples/               STORAGE_ROOT/samples/<name>
                         versions/              STORAGE_ROOT/.versions/<name>
                         plans/  ledger/  raw/  progress.json
    STORAGE_ROOT/.trash/<id>/tree/  ...         if STATE_DIR is on another file system

Nothing is ever copied: each part is moved by one rename. `entry.json`:

    {
      "version": 1,
      "id": "20261122T010203123456Z-acme__speech__split_train__rev_main",
      "name": "acme__speech__split_train__rev_main",
      "phase": "gone",                  going: a removal has begun; gone: it is done; returning: an
                                        undo has begun
      "removed_at": "2026-11-22T01:02:03.123456+00:00",
      "by": "ada@host", "reason": "replaced with v12",
      "files": 2010, "bytes": 45678901,     of the dataset before the removal
      "was_linked": true,               it had a link in PROCESSED_ROOT
      "has_tree": true,                 it had a tree in STORAGE_ROOT
      "places": ["/data/.hugflow-state/trash/2026...", "..."]     folders of the parts, for people
    }

The parts themselves show what is done: a part at its place has not been moved, or was restored; a
part in the trash has been moved. So after a kill the next removal finishes the work, or an undo
reverses it.
"""

import errno
import logging
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from hugflow.errors import CannotWrite, Locked, StateUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors, make_folder, sync_folder
from hugflow.store.layout import Places
from hugflow.store.locks import hold
from hugflow.store.records import Moment, RecordForm

log = logging.getLogger(__name__)

TIME_TO_LIVE = timedelta(days=7)
ENTRY_FILE = "entry.json"
# No dataset name has a tilde, so no dataset can look as if its deletion had begun.
DELETING_SUFFIX = "~deleting"

Phase = Literal["going", "gone", "returning"]

# No dataset name is hidden or has a slash, so an entry cannot lead elsewhere.
_ID = re.compile(r"\d{8}T\d{12}Z-(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]{0,199})")


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """One removal of one dataset; the module shows the file."""

    id: str
    name: str
    phase: Phase
    removed_at: Moment
    by: str
    reason: str | None
    files: int
    bytes: int
    was_linked: bool
    has_tree: bool
    places: tuple[str, ...] = field(default=(), compare=False)

    @property
    def expires_at(self) -> datetime:
        """When it may be deleted for good."""
        return self.removed_at + TIME_TO_LIVE


ENTRY = RecordForm(
    TrashEntry,
    "the note",
    version=1,
    mend="look into its folder, and restore by hand what should stay",
)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a dataset: its place, and where it may be in the trash."""

    place: Path
    in_trash: tuple[Path, ...]

    @property
    def lies_at(self) -> Path | None:
        """Its path in the trash; None if it is not there."""
        return next((path for path in self.in_trash if stands(path)), None)


def entry_id(name: str, now: datetime) -> str:
    """The id of a removal that begins now; ids sort by time."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}Z-{name}"


def write_entry(places: Places, entry: TrashEntry) -> None:
    """Write the file of an entry; makes its folder if it is missing."""
    _refuse_link(places.trash)
    lies_in = sorted({str(path.parent) for path in parts_in_trash(places, entry)})
    ENTRY.write(places.trash / entry.id / ENTRY_FILE, replace(entry, places=tuple(lies_in)))


def read_entries(places: Places) -> list[TrashEntry]:
    """All entries, oldest first; a folder without a valid entry is skipped."""
    found = [_read_entry(path) for path in _folders(places.trash)]
    return [entry for entry in found if entry is not None]


def latest_entry(places: Places, name: str) -> TrashEntry | None:
    """The last removal under a name."""
    return next((e for e in reversed(read_entries(places)) if e.name == name), None)


def parts_in_trash(places: Places, entry: TrashEntry) -> list[Path]:
    """Paths of the parts of an entry that are in the trash."""
    return [path for part in _parts(places, entry) if (path := part.lies_at) is not None]


def parts_in_both(places: Places, entry: TrashEntry) -> list[Path]:
    """Places where something else exists while the part is in the trash."""
    return [
        part.place
        for part in (*_tree_parts(places, entry), *_state_parts(places, entry))
        if stands(part.place) and part.lies_at is not None
    ]


def move_tree_in(places: Places, entry: TrashEntry) -> None:
    """Move the dataset's tree, any new tree for it, and its samples into the trash."""
    for part in _tree_parts(places, entry):
        _move_in(places, part)


def move_state_in(places: Places, entry: TrashEntry) -> None:
    """Move plans, ledger, fetched bytes and the progress file into the trash."""
    for part in (*_state_parts(places, entry), _progress_part(places, entry)):
        _move_in(places, part)


def move_out(places: Places, entry: TrashEntry) -> None:
    """Move every part back to its place, the state first; the places must be free."""
    for part in (*_state_parts(places, entry), *_tree_parts(places, entry)):
        _move_out(part)
    # Last: this view replaces the one that says `removed`.
    _move_out(_progress_part(places, entry))


def delete_entry(places: Places, entry: TrashEntry) -> None:
    """Delete an entry for good, with everything that is still in it."""
    # If this call is killed, the next one deletes the renamed folders.
    for folder in (places.storage_trash, places.trash):
        path = folder / entry.id
        if stands(path):
            path.rename(path.with_name(path.name + DELETING_SUFFIX))
    _sweep(places)


def delete_expired(places: Places, now: datetime) -> list[TrashEntry]:
    """Delete expired entries, and finish deletions that a kill stopped.

    What cannot be deleted now is left for a later call, with a warning. Nothing is deleted while
    STORAGE_ROOT is missing, and no entry is deleted during its undo.
    """
    if not places.storage_root.is_dir():
        return []
    deleted = []
    for entry in read_entries(places):
        if entry.expires_at > now or entry.phase == "returning":
            continue
        try:
            with hold(places.dataset_lock(entry.name), f"the dataset {entry.name}"):
                delete_entry(places, entry)
        except (Locked, OSError) as error:
            log.warning("%s stays in the trash for now: %s", entry.id, _reason(error))
            continue
        deleted.append(entry)
    _sweep(places)
    return deleted


def stands(path: Path) -> bool:
    """Whether anything exists at `path`, even a broken link.

    Raises OSError if that cannot be seen: being unable to look is not an answer.
    """
    return _mode(path) is not None


def is_folder(path: Path) -> bool:
    """Whether a folder exists at `path`, not a link to one; raises as `stands` does."""
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _parts(places: Places, entry: TrashEntry) -> Iterator[_Part]:
    yield from _tree_parts(places, entry)
    yield from _state_parts(places, entry)
    yield _progress_part(places, entry)


def _tree_parts(places: Places, entry: TrashEntry) -> Iterator[_Part]:
    place_by_part = {
        "tree": places.dataset(entry.name).root,
        "next": places.next_trees(entry.name),
        "samples": places.samples(entry.name),
        "versions": places.versions(entry.name),
    }
    for part, place in place_by_part.items():
        folders = (places.trash / entry.id, places.storage_trash / entry.id)
        yield _Part(place, tuple(folder / part for folder in folders))


def _state_parts(places: Places, entry: TrashEntry) -> Iterator[_Part]:
    for part, place in places.state_folders(entry.name).items():
        yield _Part(place, (places.trash / entry.id / part,))


def _progress_part(places: Places, entry: TrashEntry) -> _Part:
    return _Part(places.progress(entry.name), (places.trash / entry.id / "progress.json",))


def _move_in(places: Places, part: _Part) -> None:
    """Move a part to the first place in the trash that is on its file system."""
    if not stands(part.place) or part.lies_at is not None:
        return
    for path in part.in_trash:
        for trash in (places.trash, places.storage_trash):
            _refuse_link(trash)
        make_folder(path.parent)
        try:
            _rename(part.place, path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _remove_empty(path.parent)
        else:
            return
    raise CannotWrite(
        f"{part.place} cannot be moved into the trash",
        why=f"neither {' nor '.join(str(path.parent) for path in part.in_trash)} is on its file "
        "system, and nothing is ever copied there",
        mend="put all of STATE_DIR on one file system, and all of STORAGE_ROOT too",
    )


def _move_out(part: _Part) -> None:
    path = part.lies_at
    if path is not None:
        make_folder(part.place.parent)
        _rename(path, part.place)


def _rename(source: Path, target: Path) -> None:
    with disk_errors(source):
        source.rename(target)
    sync_folder(source.parent)
    sync_folder(target.parent)


def _remove_empty(folder: Path) -> None:
    """Delete a folder if it is empty."""
    if not any(folder.iterdir()):
        folder.rmdir()


def _refuse_link(folder: Path) -> None:
    """Refuse a trash that is a link: its content would leave STORAGE_ROOT or STATE_DIR."""
    if folder.is_symlink():
        raise CannotWrite(
            f"{folder} is a link",
            why="what is removed stays in STORAGE_ROOT or STATE_DIR, whatever leads out of them",
            mend="move the link away; the folder is made again",
        )


def _sweep(places: Places) -> None:
    """Delete everything that is marked for it. Links in it are deleted, their targets are not."""
    for folder in (places.storage_trash, places.trash):
        for path in _folders(folder, suffix=DELETING_SUFFIX):
            try:
                shutil.rmtree(path)
            except FileNotFoundError:
                # Another process is deleting it too.
                continue
            except OSError as error:
                log.warning("%s cannot be deleted now: %s", path, error.strerror)


def _folders(trash: Path, suffix: str = "") -> list[Path]:
    """The folders of entries in a trash, oldest first; links are skipped."""
    if not is_folder(trash):
        return []
    return sorted(
        path
        for path in trash.iterdir()
        if path.name.endswith(suffix)
        and _ID.fullmatch(path.name.removesuffix(suffix))
        and is_folder(path)
    )


def _read_entry(folder: Path) -> TrashEntry | None:
    try:
        entry = ENTRY.require(folder / ENTRY_FILE)
    except StateUnreadable as error:
        log.warning("%s: %s", error.what, error.why)
        return None
    # The file may not name another entry than its folder does.
    named = _ID.fullmatch(folder.name)
    return entry if named and (folder.name, named["name"]) == (entry.id, entry.name) else None


def _reason(error: Exception) -> str:
    if isinstance(error, Locked):
        return error.why
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
