"""Removing a stored dataset: into the trash, step by step.

Each step is one rename, or one file written whole:

    record   STATE_DIR/removed/<name>.json, and the entry in the trash: nothing fetches it again
    link     PROCESSED_ROOT/<name> goes, where it is a link that leads to the dataset's tree
    tree     STORAGE_ROOT/<name> moves into the trash, with the trees beside it and its samples
    state    plans, ledger and fetched bytes too; the progress file says `removed`
    end      the entry in the trash is complete

So a dataset is never half visible. What a kill left is finished by the next removal, or taken back
by an undo.
"""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from hugflow.audit import Deed, record
from hugflow.errors import HugflowError, StateUnreadable
from hugflow.ledger.progress import Progress, Status, write_progress
from hugflow.notify.notices import Notice, write_notice
from hugflow.removal.ours import refuse_away, refuse_foreign
from hugflow.removal.undo import restore
from hugflow.removal.uses import Use, find_uses, refuse_used
from hugflow.requests.collect import match_removal
from hugflow.requests.model import Identity, RemoveRequest
from hugflow.stages.standing.measure import Measured, measure_dataset
from hugflow.stages.standing.removal_records import Removed, read_removed, write_removed
from hugflow.stages.standing.status import to_status
from hugflow.stages.standing.stored import read_planned, read_stored
from hugflow.stages.tree.exclusive import hold_whole
from hugflow.stages.tree.stored_dataset import glance_at_dataset
from hugflow.store.atomic import disk_errors, sync_folder
from hugflow.store.layout import Places
from hugflow.store.trash import (
    TrashEntry,
    entry_id,
    latest_entry,
    move_state_in,
    move_tree_in,
    parts_in_both,
    read_entries,
    stands,
    write_entry,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes when a dataset is removed.

    folder: its tree, None where there is none. size: of all its trees. link: what goes from
    PROCESSED_ROOT; other_link: what stands there instead, and stays. uses: what keeps it from
    being removed.
    """

    identity: Identity
    state: Status
    folder: Path | None
    size: Measured
    link: Path | None
    other_link: Path | None
    uses: tuple[Use, ...]

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.identity.name


@dataclass(frozen=True, slots=True)
class RemovalOrder:
    """Who removes a dataset, when and why.

    requests: digests of those that ask for it. removal: the removal request's own.
    """

    by: str
    at: datetime
    reason: str | None = None
    requests: tuple[str, ...] = ()
    removal: str | None = None


def find_meant(places: Places, removal: RemoveRequest) -> tuple[Identity, ...]:
    """The datasets that a removal request may mean: none, the one, or several to choose from.

    Of those with a tree in storage, else of those with a plan, else of those whose removal a kill
    ended half-way.
    """
    return (
        match_removal(removal, read_stored(places))
        or match_removal(removal, read_planned(places))
        or match_removal(removal, _half_removed(places))
    )


def plan_removal(places: Places, identity: Identity) -> Removal | None:
    """What would go with a dataset; None when there is nothing to remove.

    Raises NotOurs for a folder that we cannot be known to have made, and CannotWrite when its
    disk is away.
    """
    name = identity.name
    refuse_foreign(places, identity)
    stored = glance_at_dataset(places, name)
    refuse_away(places, name, is_complete=stored.manifest is not None)
    folder, published = stored.folder.root, places.link(name)
    leads_here = published.is_symlink() and os.path.realpath(published) == os.path.realpath(folder)
    trees = (folder, places.next_trees(name), places.samples(name))
    parts = (*trees, *places.state_folders(name).values())
    is_there = leads_here or any(stands(part) for part in parts)
    if not is_there and _begun_entry(places, name) is None:
        return None
    return Removal(
        identity=identity,
        state=to_status(places, stored).state,
        folder=folder if stands(folder) else None,
        size=measure_dataset(places, name, stored.manifest),
        link=published if leads_here else None,
        other_link=published if stands(published) and not leads_here else None,
        uses=find_uses(places, name),
    )


def remove_dataset(
    places: Places,
    identity: Identity,
    order: RemovalOrder,
    *,
    wait_s: float = 0.0,
    on_step: Callable[[str], None] = lambda step: None,
) -> TrashEntry | None:
    """Move a dataset into the trash; None when there is nothing to remove.

    on_step: called with the name of each step that is done.

    Raises Locked while somebody is at work on it, DatasetInUse while something uses it, and what
    `plan_removal` raises; nothing is touched then. Where the disk refuses a step, what went is
    brought back.
    """
    with hold_whole(places, identity.name, wait_s):
        removal = plan_removal(places, identity)
        if removal is None:
            return None
        refuse_used(removal.name, removal.uses)
        # Before anything goes: what nobody can be told of is not removed.
        record(places, _removed(removal, order))
        entry = _to_entry(places, removal, order)
        try:
            _begin(places, removal, order, entry)
            on_step("record")
            _carry_out(places, removal, entry, on_step)
        except (OSError, HugflowError):
            _take_back(places, entry)
            raise
        # Before the end: after it nobody comes back to say so.
        _announce(places, removal, order)
        entry = replace(entry, phase="gone")
        write_entry(places, entry)
        on_step("end")
        return entry


def _announce(places: Places, removal: Removal, order: RemovalOrder) -> None:
    """Let those hear of it who tell others."""
    try:
        hf_id = removal.identity.hf_id
        write_notice(
            places,
            Notice(removal.name, hf_id, "removed", order.at, request=order.removal),
        )
    except HugflowError as error:
        log.warning("the removal of %s cannot be announced: %s", removal.name, error.what)


def _removed(removal: Removal, order: RemovalOrder) -> Deed:
    size = removal.size
    result = {"rows": size.rows, "files": size.files, "bytes": size.all_bytes}
    return Deed(order.by, "removed", removal.name, result={**result, "reason": order.reason})


def _to_entry(places: Places, removal: Removal, order: RemovalOrder) -> TrashEntry:
    """The removal as the trash keeps it, or the one again that a kill ended half-way."""
    begun = _begun_entry(places, removal.name)
    if begun is not None:
        return replace(
            begun,
            phase="going",
            removed_at=order.at,
            was_linked=begun.was_linked or removal.link is not None,
            has_tree=begun.has_tree or removal.folder is not None,
        )
    return TrashEntry(
        id=entry_id(removal.name, order.at),
        name=removal.name,
        phase="going",
        removed_at=order.at,
        by=order.by,
        reason=order.reason,
        files=removal.size.files,
        bytes=removal.size.all_bytes,
        was_linked=removal.link is not None,
        has_tree=removal.folder is not None,
    )


def _begin(places: Places, removal: Removal, order: RemovalOrder, entry: TrashEntry) -> None:
    """Record that it goes, before anything does."""
    write_entry(places, entry)
    write_removed(
        places,
        Removed(
            name=removal.name,
            identity=removal.identity,
            requests=order.requests,
            removal=order.removal,
            reason=order.reason,
            removed_at=order.at,
            by=order.by,
            trash_id=entry.id,
        ),
    )


def _carry_out(
    places: Places, removal: Removal, entry: TrashEntry, on_step: Callable[[str], None]
) -> None:
    if removal.link is not None:
        with disk_errors(removal.link):
            removal.link.unlink()
        sync_folder(removal.link.parent)
    on_step("link")
    move_tree_in(places, entry)
    on_step("tree")
    move_state_in(places, entry)
    view = Progress(removal.name, "removed", (), removal.size.rows)
    write_progress(places.progress(removal.name), view)
    on_step("state")


def _take_back(places: Places, entry: TrashEntry) -> None:
    """Undo a removal that the disk refused, as far as the disk lets us."""
    try:
        restore(places, entry)
        result = {"trash": entry.id, "why": "the disk refused"}
        record(places, Deed(entry.by, "brought back", entry.name, result=result))
    except (OSError, HugflowError) as error:
        log.warning("%s: `hugflow undo` brings it back: %s", entry.name, error)


def _begun_entry(places: Places, name: str) -> TrashEntry | None:
    """A removal that a kill ended half-way, unless the dataset was made again since."""
    entry = latest_entry(places, name)
    if entry is None or entry.phase == "gone" or parts_in_both(places, entry):
        return None
    return entry


def _half_removed(places: Places) -> Iterator[Identity]:
    """The datasets whose removal a kill ended half-way."""
    for entry in read_entries(places):
        try:
            removed = read_removed(places, entry.name) if entry.phase == "going" else None
        except StateUnreadable:
            continue
        if removed is not None:
            yield removed.identity
