"""Which tree the rows of a plan go into, and how one tree replaces another.

A dataset's tree is at `STORAGE_ROOT/<name>`. When a request changes to ask for other rows, or is
planned at a later commit, the rows of the new plan go into `STORAGE_ROOT/.next/<name>/<plan id>`.
The existing tree does not change until they are complete. Then the two exchange their names in one
call. Where the system has no such call, two renames do it:

    <name>                    -> .next/<name>/replaced
    .next/<name>/<plan id>    -> <name>

After a kill between the two, the next call reverts the first.
"""

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from hugflow.errors import CannotWrite, StateUnreadable
from hugflow.exports.registry import export_folders
from hugflow.shards.plan import Plan
from hugflow.shards.plans import is_plan_id
from hugflow.stages.tree.manifest import Manifest, read_manifest
from hugflow.store.atomic import disk_errors, make_folder, sync_folder, write_file
from hugflow.store.layout import DatasetFolder, Places
from hugflow.store.locks import is_held
from hugflow.store.swap import swap

log = logging.getLogger(__name__)


def undo_half_exchange(places: Places, name: str) -> None:
    """Restore the tree of a dataset if a kill interrupted an exchange.

    The caller holds the dataset's lock. Raises CannotWrite if one of our folders is a link.
    """
    refuse_linked(places, places.next_trees(name))
    refuse_linked_folders(places, places.dataset(name))
    standing, replaced = places.dataset(name).root, places.replaced_tree(name)
    if replaced.exists() and not standing.exists():
        make_folder(standing.parent)
        with disk_errors(standing):
            replaced.rename(standing)
        sync_folder(standing.parent)


def choose_tree(places: Places, plan: Plan, standing: str | None) -> DatasetFolder:
    """The tree that the rows of `plan`, which is in force, go into.

    standing: the result of `read_standing`. The caller holds the dataset's lock.
    """
    name = plan.dataset
    next_tree = places.next_tree(name, plan.id)
    if standing not in (None, plan.id) or (standing is None and next_tree.root.is_dir()):
        return next_tree
    if standing is None and _is_begun_by_another(places, plan):
        return next_tree
    if standing is None:
        write_standing(places, plan)
    return places.dataset(name)


def find_tree(places: Places, plan: Plan, chosen: DatasetFolder) -> DatasetFolder:
    """The present path of the chosen tree: another run may have moved it into place."""
    main = places.dataset(plan.dataset)
    manifest = read_manifest(main.manifest) if chosen != main else None
    return main if manifest is not None and manifest.plan == plan.id else chosen


def refuse_linked_folders(
    places: Places, folder: DatasetFolder, mp3_folders: Iterable[Path] = ()
) -> None:
    """Raise CannotWrite if there is a link on the path to a tree, or as one of its folders."""
    for each in (folder.audio, *mp3_folders, folder.json, *export_folders(folder)):
        refuse_linked(places, each)


def refuse_linked(places: Places, folder: Path) -> None:
    """Raise CannotWrite if `folder`, or a folder between STORAGE_ROOT and it, is a link."""
    below = folder.relative_to(places.storage_root).parts
    for depth in range(1, len(below) + 1):
        path = places.storage_root.joinpath(*below[:depth])
        if path.is_symlink():
            raise CannotWrite(
                f"{path} is a link",
                why="what is written or deleted through it is outside STORAGE_ROOT",
                mend="move the link away; hugflow makes a folder there when it needs one",
            )


def read_standing(places: Places, name: str, manifest: Manifest | None, plan_id: str) -> str | None:
    """The id of the plan whose rows are in `STORAGE_ROOT/<name>`; None if there are no rows.

    manifest: of that folder.
    plan_id: used if only a ledger of that plan tells the origin of the rows.
    Raises StateUnreadable when the folder holds rows of unknown origin.
    """
    folder = places.dataset(name)
    if manifest is not None:
        return manifest.plan
    if not _has_rows(folder):
        return None
    path = _standing_path(places, name)
    if path.is_file():
        plan = path.read_text("utf-8", errors="replace").strip()
        if not is_plan_id(plan):
            raise StateUnreadable(
                f"{path} cannot be read",
                why="it should name the plan of the rows in the tree, and names none",
                mend="delete the file, then run the same command again: the ledger holds it too",
            )
        return plan
    if places.state(name, plan_id).ledger.exists():
        return plan_id
    # They may be of another commit, and mixing commits is worse than stopping.
    raise StateUnreadable(
        f"{folder.root} holds rows of unknown origin",
        why="it is not complete, and STATE_DIR has no ledger of it: the state was lost, or is "
        "another one",
        mend="point STATE_DIR to the state it was made with, or move the folder away",
    )


def write_standing(places: Places, plan: Plan) -> None:
    """Record that the rows of `plan` go into `STORAGE_ROOT/<name>`."""
    write_file(_standing_path(places, plan.dataset), plan.id + "\n")


def swap_trees(places: Places, name: str, new: Path) -> None:
    """Let `STORAGE_ROOT/<name>` and a complete tree change places.

    In one call where system and disk have it: then the old tree is at `new`. Else by two renames,
    between which there is no tree: then the old one is at `replaced_tree`, which must be free.
    """
    standing, replaced = places.dataset(name).root, places.replaced_tree(name)
    if standing.is_symlink():
        log.warning("%s led to %s, which stays where it is", standing, standing.readlink())
    with disk_errors(standing):
        if standing.is_dir() and not standing.is_symlink() and swap(standing, new):
            return
        if standing.exists() or standing.is_symlink():
            make_folder(replaced.parent)
            standing.rename(replaced)
            sync_folder(replaced.parent)
        new.rename(standing)
    sync_folder(standing.parent)
    sync_folder(new.parent)


def set_aside(places: Places, plan: Plan) -> list[Path]:
    """Rename what other plans of the dataset have left: their trees, ledgers and raw bytes.

    The caller holds the dataset's lock, and deletes the returned paths after releasing it.
    """
    name = plan.dataset
    state = places.state(name, plan.id)
    left = [places.next_trees(name)]
    for folder in (state.ledger.parent, state.raw.parent):
        found = folder.iterdir() if folder.is_dir() else ()
        # A sample's names begin with the plan's id.
        left += [path for path in found if not path.name.startswith(plan.id)]
    aside = [rename_aside(path) for path in left if path.is_dir() or path.is_symlink()]
    of_a_kill = _aside(places.next_trees(name))
    return [*aside, of_a_kill] if of_a_kill.is_dir() and of_a_kill not in aside else aside


def delete_aside(paths: Iterable[Path]) -> None:
    """Delete what was set aside; after a kill the next publishing deletes the rest."""
    for path in paths:
        delete_tree(path)


def delete_tree(tree: Path) -> None:
    """Delete one of our trees; if it is a link, only the link."""
    if tree.is_symlink():
        tree.unlink()
    elif tree.exists():
        with disk_errors(tree):
            shutil.rmtree(tree)


def _aside(path: Path) -> Path:
    # No dataset name has a tilde, so no dataset looks like a folder that was set aside.
    return path.with_name(f"{path.name}~deleting")


def rename_aside(path: Path) -> Path:
    """Rename one of our trees, which is to be deleted; returns its new path."""
    aside = _aside(path)
    delete_tree(aside)
    with disk_errors(path):
        path.rename(aside)
    return aside


def _is_begun_by_another(places: Places, plan: Plan) -> bool:
    """Whether a process may still write rows of another plan into the empty tree."""
    path = _standing_path(places, plan.dataset)
    is_other = path.is_file() and path.read_text("utf-8", errors="replace").strip() != plan.id
    locks = places.dataset_lock(plan.dataset).parent.glob("*-of-*.lock")
    return is_other and any(is_held(lock) for lock in locks)


def _has_rows(folder: DatasetFolder) -> bool:
    parts = [part for part in (folder.json, folder.audio) if part.is_dir()]
    # Folders of other audio columns may be there before the first row.
    return any(not path.is_dir() for part in parts for path in part.iterdir())


def _standing_path(places: Places, name: str) -> Path:
    return places.plans(name) / "standing"
