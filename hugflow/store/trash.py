"""The trash: what was removed lies here for some days, and can be brought back.

    STATE_DIR/trash/<id>/entry.json
                         tree/  next/           STORAGE_ROOT/<name>, STORAGE_ROOT/.next/<name>
                         samples/               STORAGE_ROOT/samples/<name>
                         plans/  ledger/  raw/  progress.json
    STORAGE_ROOT/.trash/<id>/tree/  ...         there, when STATE_DIR is on another file system

Nothing is ever copied: each part comes and goes by one rename. `entry.json`:

    {
      "version": 1,
      "id": "20261122T010203123456Z-acme__speech__split_train__rev_main",
      "name": "acme__speech__split_train__rev_main",
      "phase": "gone",                  going: a removal has begun; gone: it is done; returning: an
                                        undo has begun
      "removed_at": "2026-11-22T01:02:03.123456+00:00",
      "by": "ada@host", "reason": "replaced with v12",
      "files": 2010, "bytes": 45678901,     of the dataset, as it stood then
      "was_linked": true,               its link in PROCESSED_ROOT stood
      "has_tree": true,                 its tree in STORAGE_ROOT stood
      "places": ["/data/.hugflow-state/trash/2026...", "..."]     for people; where the parts lie
    }

A part that is in its place has not gone yet, or has come back; one that stands here has gone.
So every call that a kill ended half-way is finished by the next one, or taken back by an undo.
"""

import errno
import logging
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from hugflow.errors import CannotWrite, Locked, StateUnreadable
from hugflow.store.atomic import disk_errors, make_folder, sync_folder
from hugflow.store.layout import Places
from hugflow.store.locks import hold
from hugflow.store.records import Moment, RecordForm

log = logging.getLogger(__name__)

TIME_TO_LIVE = timedelta(days=7)
ENTRY_FILE = "entry.json"
# No name has a tilde: a dataset whose revision ends in the suffix would be taken for half-deleted.
DELETING_SUFFIX = "~deleting"

Phase = Literal["going", "gone", "returning"]

# No dataset is hidden, and none has a slash in its name: an entry leads nowhere else.
_ID = re.compile(r"\d{8}T\d{12}Z-(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]{0,199})")


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """One removal of one dataset; see the module for its form as a file."""

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
        """From when on it may be deleted for good."""
        return self.removed_at + TIME_TO_LIVE


ENTRY = RecordForm(
    TrashEntry,
    "the note",
    version=1,
    mend="look into its folder, and restore by hand what should stay",
)


@dataclass(frozen=True, slots=True)
class _Part:
    """Something of a dataset: where it stands, and where it may lie in the trash."""

    place: Path
    in_trash: tuple[Path, ...]

    @property
    def lies_at(self) -> Path | None:
        """Where it lies in the trash; None when it is not there."""
        return next((path for path in self.in_trash if stands(path)), None)


def entry_id(name: str, now: datetime) -> str:
    """The id of what is removed now; ids sort by time."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}Z-{name}"


def write_entry(places: Places, entry: TrashEntry) -> None:
    """Write the entry's own file; its folder is made when it is missing."""
    _refuse_link(places.trash)
    lies_in = sorted({str(path.parent) for path in parts_in_trash(places, entry)})
    ENTRY.write(places.trash / entry.id / ENTRY_FILE, replace(entry, places=tuple(lies_in)))


def read_entries(places: Places) -> list[TrashEntry]:
    """What lies in the trash, the oldest first; a folder without a sound entry is passed over."""
    found = [_read_entry(path) for path in _folders(places.trash)]
    return [entry for entry in found if entry is not None]


def latest_entry(places: Places, name: str) -> TrashEntry | None:
    """What was removed last under a name."""
    return next((e for e in reversed(read_entries(places)) if e.name == name), None)


def parts_in_trash(places: Places, entry: TrashEntry) -> list[Path]:
    """Which parts of an entry lie in the trash, and where."""
    return [path for part in _parts(places, entry) if (path := part.lies_at) is not None]


def parts_in_both(places: Places, entry: TrashEntry) -> list[Path]:
    """Places that are taken by something else while their part lies in the trash."""
    return [
        part.place
        for part in (*_tree_parts(places, entry), *_state_parts(places, entry))
        if stands(part.place) and part.lies_at is not None
    ]


def move_tree_in(places: Places, entry: TrashEntry) -> None:
    """Move the dataset's tree, one made to take its place, and its samples into the trash."""
    for part in _tree_parts(places, entry):
        _move_in(places, part)


def move_state_in(places: Places, entry: TrashEntry) -> None:
    """Move plans, ledger, fetched bytes and the progress file into the trash."""
    for part in (*_state_parts(places, entry), _progress_part(places, entry)):
        _move_in(places, part)


def move_out(places: Places, entry: TrashEntry) -> None:
    """Bring every part back to its place, the state first; there must be nothing in the way."""
    for part in (*_state_parts(places, entry), *_tree_parts(places, entry)):
        _move_out(part)
    # A view, which replaces the one that says `removed`.
    _move_out(_progress_part(places, entry))


def delete_entry(places: Places, entry: TrashEntry) -> None:
    """Delete an entry, with all that still lies in it, for good."""
    # What was renamed is finished by the next call, should this one be killed.
    for folder in (places.storage_trash, places.trash):
        path = folder / entry.id
        if stands(path):
            path.rename(path.with_name(path.name + DELETING_SUFFIX))
    _sweep(places)


def delete_expired(places: Places, now: datetime) -> list[TrashEntry]:
    """Delete what has lain in the trash long enough, and what a killed call left half-deleted.

    What cannot be deleted now is left to a later call, with a warning. Nothing is deleted while
    STORAGE_ROOT is away, nor what somebody is bringing back.
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
    """Whether there is anything at `path`, a link that leads nowhere included.

    Raises OSError when that cannot be seen: being unable to look is not an answer.
    """
    return _mode(path) is not None


def is_folder(path: Path) -> bool:
    """Whether a folder stands at `path`, and not a link to one; raises as `stands` does."""
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
        why=f"neither {' nor '.join(str(path.parent) for path in part.in_trash)} lies on its file "
        "system, and nothing is ever copied there",
        mend="let STATE_DIR and STORAGE_ROOT each lie on one file system",
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
    """Take back a folder that was made for nothing; one that holds something stays."""
    if not any(folder.iterdir()):
        folder.rmdir()


def _refuse_link(folder: Path) -> None:
    """Refuse a trash that leads elsewhere: what goes in would leave the place it belongs to."""
    if folder.is_symlink():
        raise CannotWrite(
            f"{folder} is a link",
            why="what is removed stays in STORAGE_ROOT or STATE_DIR, whatever leads out of them",
            mend="move the link away; the folder is made again",
        )


def _sweep(places: Places) -> None:
    """Delete what is marked for it. Links that lie in it go; what they lead to is not touched."""
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
    """The folders of entries in a trash, the oldest first; links are none."""
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
    # Its words are taken, but never where they lead.
    named = _ID.fullmatch(folder.name)
    return entry if named and (folder.name, named["name"]) == (entry.id, entry.name) else None


def _reason(error: Exception) -> str:
    if isinstance(error, Locked):
        return error.why
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
