"""Proof that a folder is a dataset's tree that we made: nothing else is ever removed."""

import os
from pathlib import Path

from hugflow.errors import CannotWrite, HugflowError, StateUnreadable
from hugflow.requests.model import Identity
from hugflow.shards.plans import read_current_plan
from hugflow.stages.tree.manifest import read_manifest_name
from hugflow.store.layout import Places
from hugflow.store.trash import is_folder, stands


class NotOurs(HugflowError):
    """There is no proof that we made the folder at the dataset's place."""


def refuse_foreign(places: Places, identity: Identity) -> None:
    """Raise NotOurs unless the folder at the dataset's place is provably its tree.

    Proof is a real folder directly in STORAGE_ROOT with a manifest that names this dataset. Without
    a manifest, a plan and a ledger in STATE_DIR are proof.
    """
    why = _why_foreign(places, identity)
    if why is not None:
        raise NotOurs(
            f"{places.dataset(identity.name).root} is not removed",
            why=why,
            mend="look at it, and move it away by hand if it should go",
        )
    folders = (places.next_trees, places.samples, places.versions)
    for beside in (folder(identity.name).parent for folder in folders):
        if beside.is_symlink():
            raise NotOurs(
                f"{beside} is a link",
                why="what it leads to is not in STORAGE_ROOT",
                mend="move the link away",
            )


def refuse_away(places: Places, name: str, *, is_complete: bool) -> None:
    """Raise CannotWrite if the disk of the dataset's tree or link is missing.

    is_complete: the dataset has a manifest.
    """
    rows_were_made = stands(places.state_folders(name)["ledger"])
    if rows_were_made and not places.storage_root.is_dir():
        raise _away(places.storage_root, "STORAGE_ROOT", "what is stored")
    if is_complete and not places.processed_root.is_dir():
        raise _away(places.processed_root, "PROCESSED_ROOT", "what links to the dataset")


def _why_foreign(places: Places, identity: Identity) -> str | None:
    name = identity.name
    folder = places.dataset(name)
    if folder.root.parent != places.storage_root or name in ("", ".", ".."):
        return "it is not a folder directly in STORAGE_ROOT"
    if not stands(folder.root):
        return None
    if not is_folder(folder.root):
        return "it is a link or a file, and a dataset's tree is a folder"
    if folder.manifest.is_symlink():
        return "its manifest.json is a link"
    named = read_manifest_name(folder.manifest)
    if named is not None and named.identity == identity:
        return None
    if named is not None and named.dataset != name:
        return f"its manifest names another dataset, {named.dataset[:200]!r}"
    if _has_ledger(places, name) or _is_bare(folder.root):
        return None
    return "it has no manifest that can be read, and STATE_DIR has no plan and ledger of it"


def _has_ledger(places: Places, name: str) -> bool:
    """Whether our state shows that we made, or began to make, rows of this dataset."""
    try:
        plan = read_current_plan(places, name)
    except StateUnreadable:
        return False
    return plan is not None and is_folder(places.state_folders(name)["ledger"])


def _is_bare(folder: Path) -> bool:
    """Whether a folder holds no file at any depth: it was made, and nothing was written."""

    def refuse(error: OSError) -> None:
        raise error

    return not any(files for _, _, files in os.walk(folder, onerror=refuse))


def _away(root: Path, setting: str, unseen: str) -> CannotWrite:
    return CannotWrite(
        f"{root} is not there",
        why=f"without {setting} it is unknown {unseen}",
        mend=f"bring its disk back, or set {setting} to where it is now",
    )
