"""Removal of a stored dataset: into the trash, step by step.

Each step is one rename, or one file written whole:

    record   STATE_DIR/removed/<name>.json, and the entry in the trash: no process fetches it again
    link     PROCESSED_ROOT/<name> is deleted, if it is a link to the dataset's tree
    tree     STORAGE_ROOT/<name> moves into the trash, with new trees for it and its samples
    state    plans, ledger and fetched bytes too; the progress file says `removed`
    end      the entry in the trash is complete

So a dataset is never half visible. After a kill, the next removal finishes the work, or an undo
reverses it.
"""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from hugflow.audit import Deed, record
from hugflow.errors import HugflowError, StateUnreadable
from hugflow.late_dataclass import dataclass
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
from hugflow.stages.telling.told import forget_told
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
    """What the removal of a dataset takes away.

    folder: its tree; None if there is none.
    size: of all its trees.
    link: the link in PROCESSED_ROOT that is deleted.
    other_link: something else in the link's place, which stays.
    uses: users of the dataset, which prevent the removal.
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

    requests: digests of the add requests for the dataset.
    removal: digest of the removal request.
    """

    by: str
    at: datetime
    reason: str | None = None
    requests: tuple[str, ...] = ()
    removal: str | None = None


def find_meant(places: Places, removal: RemoveRequest) -> tuple[Identity, ...]:
    """The datasets that a removal request may mean: none, one, or several to choose from.

    Of one with `expand`, all of them are meant.

    Looked for among datasets with a tree in storage, then among those with a plan, then among those
    whose removal was stopped by a kill.
    """
    if removal.expand is not None:
        known = [*read_stored(places), *read_planned(places), *_half_removed(places)]
        return match_removal(removal, known)
    return (
        match_removal(removal, read_stored(places))
        or match_removal(removal, read_planned(places))
        or match_removal(removal, _half_removed(places))
    )


def plan_removal(places: Places, identity: Identity) -> Removal | None:
    """What the removal of a dataset would take away; None if there is nothing to remove.

    Raises NotOurs for a folder that we may not have made, and CannotWrite if its disk is missing.
    """
    name = identity.name
    refuse_foreign(places, identity)
    stored = glance_at_dataset(places, name)
    refuse_away(places, name, is_complete=stored.manifest is not None)
    folder, published = stored.folder.root, places.link(name)
    leads_here = published.is_symlink() and os.path.realpath(published) == os.path.realpath(folder)
    trees = (folder, places.next_trees(name), places.samples(name), places.versions(name))
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
    """Move a dataset into the trash; None if there is nothing to remove.

    on_step: called with the name of each finished step.

    Raises Locked while another process works on the dataset, DatasetInUse if something uses it, and
    the errors of `plan_removal`; nothing is touched then. If the disk refuses a step, the finished
    steps are reversed.
    """
    with hold_whole(places, identity.name, wait_s):
        removal = plan_removal(places, identity)
        if removal is None:
            return None
        refuse_used(removal.name, removal.uses)
        # First, so that no dataset is removed whose removal cannot be recorded.
        record(places, _removed(removal, order))
        entry = _to_entry(places, removal, order)
        try:
            forget_told(places, removal.name)
            _begin(places, removal, order, entry)
            on_step("record")
            _carry_out(places, removal, entry, on_step)
        except (OSError, HugflowError):
            _take_back(places, entry)
            raise
        # Before the last step: after it no later call would record the removal.
        _announce(places, removal, order)
        entry = replace(entry, phase="gone")
        write_entry(places, entry)
        on_step("end")
        return entry


def _announce(places: Places, removal: Removal, order: RemovalOrder) -> None:
    """Write the notices of the removal."""
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
    """The entry in the trash; if a kill stopped an earlier removal, that removal's entry."""
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
    """Record the removal before anything is moved."""
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
    """Reverse a removal that the disk refused, as far as possible."""
    try:
        restore(places, entry)
        result = {"trash": entry.id, "why": "the disk refused"}
        record(places, Deed(entry.by, "brought back", entry.name, result=result))
    except (OSError, HugflowError) as error:
        log.warning("%s: `hugflow undo` brings it back: %s", entry.name, error)


def _begun_entry(places: Places, name: str) -> TrashEntry | None:
    """The entry of a removal that a kill stopped, unless the dataset was made again since."""
    entry = latest_entry(places, name)
    if entry is None or entry.phase == "gone" or parts_in_both(places, entry):
        return None
    return entry


def _half_removed(places: Places) -> Iterator[Identity]:
    """The datasets whose removal a kill stopped."""
    for entry in read_entries(places):
        try:
            removed = read_removed(places, entry.name) if entry.phase == "going" else None
        except StateUnreadable:
            continue
        if removed is not None:
            yield removed.identity
