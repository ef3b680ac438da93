"""Kept versions: complete trees that another tree has replaced.

    STORAGE_ROOT/.versions/<name>/<version>/      a whole tree, with its manifest

A version is the digest of its manifest without `run`: equal rows give the same version. Files that
two trees share are one file with two names, so a version costs what has changed since.

The name of a folder is only for people: after a kill it may be the version that the folder held
before. What counts is the manifest in it. Where a system cannot exchange two names in one call, a
kill may leave the replaced tree at `replaced_tree`; the next exchange moves it among the versions.

A replaced tree whose manifest is damaged may be the only complete one. It is moved among the
versions as `unreadable-<n>`, and stays there until a person deletes it.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hugflow.errors import CannotWrite
from hugflow.late_dataclass import dataclass
from hugflow.shards.plan import Plan
from hugflow.stages.tree.exchange import delete_tree, rename_aside, swap_trees, write_standing
from hugflow.stages.tree.exclusive import wait_for_shards
from hugflow.stages.tree.manifest import (
    Manifest,
    ManifestRun,
    look_at_manifest,
    render_manifest,
)
from hugflow.store.atomic import disk_errors, make_folder, sync_folder
from hugflow.store.layout import DatasetFolder, Places
from hugflow.store.trash import is_folder, stands

log = logging.getLogger(__name__)

VERSION_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Version:
    """A complete tree of a dataset. id: see the module."""

    id: str
    folder: DatasetFolder
    manifest: Manifest

    @property
    def finished_at(self) -> str:
        """When it was completed, as ISO 8601; "" if its manifest does not say."""
        return self.manifest.run.finished_at or ""


def _age(version: Version) -> tuple[str, int]:
    # Two may be completed within one second; moving a tree does not touch its manifest.
    return version.finished_at, version.folder.manifest.stat().st_mtime_ns


def version_id(manifest: Manifest) -> str:
    """The version of a tree with this manifest: 16 hex digits."""
    text = render_manifest(replace(manifest, run=ManifestRun()))
    return hashlib.sha256(text.encode()).hexdigest()[:VERSION_LENGTH]


def read_version(folder: DatasetFolder, name: str) -> Version | None:
    """The version in a folder; None unless it is a complete tree of the dataset.

    Raises StateUnreadable where its manifest cannot be read from the disk.
    """
    with disk_errors(folder.root, "read"):
        if not is_folder(folder.root):
            return None
    manifest = look_at_manifest(folder.manifest)
    if manifest is None or manifest.dataset != name or manifest.sample is not None:
        return None
    return Version(version_id(manifest), folder, manifest)


def list_versions(places: Places, name: str) -> list[Version]:
    """The kept versions of a dataset, the latest first; the tree in use is not among them."""
    return sorted(_read_all(places.versions(name), name), key=_age, reverse=True)


def find_version_of(places: Places, name: str, plan_id: str) -> Version | None:
    """The latest kept version that a plan made."""
    return next((v for v in list_versions(places, name) if v.manifest.plan == plan_id), None)


def take_place(places: Places, plan: Plan, *, wait_s: float) -> None:
    """Replace the existing tree with the complete tree of `plan`.

    The caller holds the dataset's lock. Raises Locked while a process works on a shard.
    """
    name = plan.dataset
    # After this, a process that starts a shard of the old plan finds the plan out of force.
    wait_for_shards(places, name, wait_s)
    shelve_replaced(places, name)
    swap_trees(places, name, places.next_tree(name, plan.id).root)
    write_standing(places, plan)


def use_version(places: Places, version: Version) -> None:
    """Exchange the tree in use and a kept version.

    The caller holds the dataset's lock, has called `shelve_replaced`, and no process works on a
    shard.
    """
    name = version.manifest.dataset
    swap_trees(places, name, version.folder.root)
    shelve_replaced(places, name)


def shelve_replaced(places: Places, name: str) -> None:
    """Keep the complete tree that an exchange has left at `replaced_tree`.

    Only a tree without any manifest is deleted there, as it was never complete. Each kept tree gets
    the name of its version. The caller holds the dataset's lock. Raises StateUnreadable where a
    manifest cannot be read from the disk.
    """
    tidy_versions(places, name)
    left = DatasetFolder(places.replaced_tree(name))
    version = read_version(left, name)
    if version is None:
        _keep_unreadable(places, name, left)
    if version is not None and not _move(version, places.versions(name)):
        kept = read_version(DatasetFolder(places.versions(name) / version.id), name)
        if kept is None or kept.id != version.id:
            raise CannotWrite(
                f"{left.root} is in the way of the next exchange",
                why=f"{places.versions(name) / version.id} holds something else",
                mend="move the latter away, then run the same command again",
            )
        # After a kill in the middle, the rest must not pass for a complete tree.
        left.manifest.unlink(missing_ok=True)
    delete_tree(left.root)


def keep_replaced(places: Places, name: str, keep: int) -> list[Path]:
    """Keep the complete tree that was just replaced, and only the `keep` latest versions.

    Returns paths to delete after the dataset's lock is released. The caller holds the lock.
    """
    replaced = list(_read_all(places.next_trees(name), name)) if keep else []
    if keep:
        _keep_all_unreadable(places, name)
    current = read_version(places.dataset(name), name) if replaced else None
    for version in replaced:
        if current is None or version.manifest.plan != current.manifest.plan:
            _move(version, places.versions(name))
    tidy_versions(places, name)
    return [rename_aside(version.folder.root) for version in list_versions(places, name)[keep:]]


def tidy_versions(places: Places, name: str) -> None:
    """Give each kept tree the name of its version."""
    for version in [*_read_all(places.versions(name), name)]:
        if version.folder.root.name != version.id:
            _move(version, places.versions(name))


def _read_all(parent: Path, name: str) -> Iterator[Version]:
    if not is_folder(parent):
        return
    for path in sorted(parent.iterdir()):
        if version := read_version(DatasetFolder(path), name):
            yield version


def _keep_all_unreadable(places: Places, name: str) -> None:
    """Move every replaced tree that `read_version` does not know, and that has a manifest."""
    parent = places.next_trees(name)
    for path in sorted(parent.iterdir()) if is_folder(parent) else ():
        folder = DatasetFolder(path)
        if read_version(folder, name) is None:
            _keep_unreadable(places, name, folder)


def _keep_unreadable(places: Places, name: str, folder: DatasetFolder) -> None:
    """Move a tree among the versions if it has a manifest, which the caller could not use."""
    with disk_errors(folder.root, "read"):
        if not is_folder(folder.root) or not stands(folder.manifest):
            return
    parent = places.versions(name)
    make_folder(parent)
    with disk_errors(parent):
        number = 1
        while stands(target := parent / f"unreadable-{number}"):
            number += 1
        folder.root.rename(target)
        sync_folder(folder.root.parent)
        sync_folder(parent)
    log.warning("%s is kept as %s: its manifest cannot be used", folder.root, target)


def _move(version: Version, parent: Path) -> bool:
    """Move a tree to its place among the versions; False if something is there already."""
    target = parent / version.id
    make_folder(parent)
    with disk_errors(target):
        if target.exists():
            return False
        version.folder.root.rename(target)
        sync_folder(version.folder.root.parent)
        sync_folder(parent)
    return True
