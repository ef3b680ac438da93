"""A module appears whole: fetched beside its place, then put there in one step.

A kill at any point leaves the old module or the new one, under its name, and at most a folder whose
name begins with `.stage-` or `.old-`, which the next sync deletes, or takes back.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hugflow.clients.repository import PublishedFile
from hugflow.flows.dependencies import Dependency
from hugflow.flows.module_files import (
    ID_FILE,
    INIT_FILE,
    choose_files,
    digest_tree,
)
from hugflow.flows.names import ModuleId
from hugflow.flows.places import OLD_PREFIX, STAGE_PREFIX, FlowPlaces
from hugflow.flows.records import Synced, render_id
from hugflow.store.atomic import disk_errors, make_folder, sync_folder, write_file, write_if_changed
from hugflow.store.swap import swap

# It gives synced code the name `flows`, which the code is written with.
PACKAGE_TEXT = '''"""Flow modules, written by `hugflow flows sync`; change them as you like, not this file."""

from hugflow.flows.alias import install

install()
'''


class ModuleSource(Protocol):
    """Where modules come from: the Hub, or what a test puts in its place."""

    def fetch_commit(self, module: ModuleId, revision: str) -> str:
        """The commit of a revision."""

    def list_files(self, module: ModuleId, commit: str) -> Sequence[PublishedFile]:
        """Every file at a commit."""

    def fetch_file(self, module: ModuleId, commit: str, file: PublishedFile, target: Path) -> None:
        """Bring one file to `target`, verified and on the disk."""


def stage_module(
    places: FlowPlaces, source: ModuleSource, asked: Dependency, commit: str
) -> Synced:
    """Fetch a module's files to its stage; gives what its FLOW_MODULE_ID says there.

    Raises FlowModuleRefused before anything is fetched, and what the source raises.
    """
    module, stage = asked.module, places.stage(asked.module)
    files = choose_files(source.list_files(module, commit), str(asked))
    delete(stage)
    make_folder(stage)
    for file in files:
        target = stage / file.path
        source.fetch_file(module, commit, file, target)
    if not (stage / INIT_FILE).exists():
        write_file(stage / INIT_FILE, "")
    synced = Synced(module, asked.revision, commit, digest_tree(stage))
    write_file(stage / ID_FILE, render_id(synced))
    return synced


def stage_link(places: FlowPlaces, module: ModuleId, target: Path) -> None:
    """Put a link to a local folder on a module's stage; inside the root it is a relative one."""
    stage = places.stage(module)
    delete(stage)
    make_folder(stage.parent)
    is_inside = target.is_relative_to(places.root)
    place = places.module(module).parent
    with disk_errors(stage):
        stage.symlink_to(os.path.relpath(target, place) if is_inside else target)


def prepare_package(places: FlowPlaces) -> None:
    """Make `flow_modules` a package, and keep it out of git where nobody has said otherwise."""
    write_if_changed(places.package_file, PACKAGE_TEXT)
    if not places.ignore_file.exists():
        write_file(places.ignore_file, "*\n")


def put_in_place(places: FlowPlaces, module: ModuleId) -> None:
    """Let what is on a module's stage take its place, in one step; delete what was there."""
    stage, place = places.stage(module), places.module(module)
    if not places.user_file(module).exists():
        write_file(places.user_file(module), "")
    with disk_errors(place):
        if not os.path.lexists(place):
            stage.rename(place)
        elif not swap(stage, place):
            place.rename(places.old(module))
            stage.rename(place)
        sync_folder(place.parent)
        sync_folder(stage.parent)
    delete(stage)
    delete(places.old(module))


def keep_copy(places: FlowPlaces, module: ModuleId) -> Path:
    """Copy what is at a module's place to where replaced changes are kept; gives the copy."""
    copy = places.replaced(module)
    unfinished = copy.with_name(f".{copy.name}.tmp")
    delete(unfinished)
    make_folder(copy.parent)
    place = places.module(module)
    with disk_errors(copy):
        if place.is_dir():
            shutil.copytree(place, unfinished, symlinks=True)
        else:
            shutil.copy2(place, unfinished)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                sync_folder(path)
        delete(copy)
        unfinished.rename(copy)
    sync_folder(copy.parent)
    return copy


def recover(places: FlowPlaces) -> None:
    """Delete what a killed sync left behind, or take back what it had moved away.

    The caller holds the lock.
    """
    if not places.modules.is_dir():
        return
    for path in sorted(places.modules.iterdir()):
        if path.name.startswith(STAGE_PREFIX):
            delete(path)
        elif path.name.startswith(OLD_PREFIX):
            place = places.path_of_old(path)
            if os.path.lexists(place):
                delete(path)
            else:
                with disk_errors(place):
                    path.rename(place)
                sync_folder(place.parent)


def delete(path: Path) -> None:
    """Delete a folder, or a link or file itself, where there is one."""
    with disk_errors(path):
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)
