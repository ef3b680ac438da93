"""Restoring a removed dataset from the trash: tree, state, and its link if it had one."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from hugflow.audit import Deed, record, this_user
from hugflow.errors import HugflowError, StateUnreadable
from hugflow.ledger.progress import read_progress
from hugflow.removal.ours import refuse_away
from hugflow.stages.standing.removal_records import forget_removed, keep, read_removed
from hugflow.stages.tree.exclusive import hold_whole
from hugflow.stages.tree.stored_dataset import glance_at_dataset
from hugflow.store.layout import Places
from hugflow.store.links import check_link, link
from hugflow.store.trash import (
    TrashEntry,
    delete_entry,
    is_folder,
    latest_entry,
    move_out,
    parts_in_both,
    parts_in_trash,
    write_entry,
)


class CannotBringBack(HugflowError):
    """A removed dataset cannot be restored to its place."""


def bring_back(
    places: Places,
    name: str,
    *,
    by: str | None = None,
    wait_s: float = 0.0,
    on_step: Callable[[str], None] = lambda step: None,
) -> TrashEntry | None:
    """Restore the last dataset that was removed under a name; None if the trash has none.

    by: who does it; None: the present user.
    on_step: called with the name of each finished step. After a kill, the next call finishes the
        work.

    Raises CannotBringBack if something exists at the place of a part, or if the tree is no longer
    in the trash; Locked while another process works on the dataset. Nothing is touched then.
    """
    if latest_entry(places, name) is None:
        return None
    with hold_whole(places, name, wait_s):
        entry = latest_entry(places, name)
        if entry is None:
            return None
        is_complete = glance_at_dataset(places, name).manifest is not None
        refuse_away(places, name, is_complete=is_complete)
        _refuse_taken(places, entry)
        _refuse_incomplete(places, entry)
        if entry.was_linked:
            _refuse_other_link(places, name)
        record(places, Deed(by or this_user(), "brought back", name, result={"trash": entry.id}))
        restore(places, entry, on_step)
        return entry


def restore(
    places: Places, entry: TrashEntry, on_step: Callable[[str], None] = lambda step: None
) -> None:
    """Restore all parts of an entry. The caller holds the dataset's lock."""
    write_entry(places, replace(entry, phase="returning"))
    on_step("record")
    move_out(places, entry)
    _drop_view(places, entry.name)
    on_step("parts")
    folder = places.dataset(entry.name).root
    if entry.was_linked and is_folder(folder):
        link(places.link(entry.name), folder)
    on_step("link")
    _keep(places, entry.name)
    forget_removed(places, entry.name)
    # The notice says `removed`; the next notice will say the true state.
    places.notice(entry.name).unlink(missing_ok=True)
    on_step("forget")
    delete_entry(places, entry)
    on_step("end")


def _keep(places: Places, name: str) -> None:
    """Keep the removal request that took the dataset, if it still exists, from taking it again."""
    with suppress(StateUnreadable):
        removed = read_removed(places, name)
        if removed is not None and removed.removal is not None:
            keep(places, name, removed.removal)


def _drop_view(places: Places, name: str) -> None:
    """Delete the progress file that says `removed`, if the dataset had none before."""
    path = places.progress(name)
    progress = read_progress(path)
    if progress is not None and progress.status == "removed":
        path.unlink(missing_ok=True)


def _refuse_taken(places: Places, entry: TrashEntry) -> None:
    taken = parts_in_both(places, entry)
    if taken:
        raise CannotBringBack(
            f"{entry.name} cannot be restored",
            why=f"{taken[0]} is in its place",
            mend="remove the dataset that was made since, or move what is there away",
        )


def _refuse_incomplete(places: Places, entry: TrashEntry) -> None:
    """Refuse to restore a ledger of rows if the tree cannot be found."""
    has_tree = any(path.name == "tree" for path in parts_in_trash(places, entry))
    if entry.has_tree and not has_tree and not is_folder(places.dataset(entry.name).root):
        raise CannotBringBack(
            f"{entry.name} cannot be restored",
            why=f"its tree is neither in {places.trash / entry.id} nor in "
            f"{places.storage_trash / entry.id}",
            mend="set STORAGE_ROOT to what it was then, or sync the request to make it again",
        )


def _refuse_other_link(places: Places, name: str) -> None:
    published, folder = places.link(name), places.dataset(name).root
    check_link(published)
    if published.is_symlink() and os.path.realpath(published) != os.path.realpath(folder):
        raise CannotBringBack(
            f"{name} cannot be restored",
            why=f"{published} is a link that leads to {published.readlink()}",
            mend="move the link away",
        )
