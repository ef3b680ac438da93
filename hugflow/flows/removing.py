"""Removing a synced module: refused while something uses it; a copy of it is kept.

A kill leaves the module whole, or not there: its folder is first moved to a name that the next sync
deletes.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from hugflow.errors import FlowModuleInUse, FlowModuleNotFound
from hugflow.flows.module_files import CACHE_FOLDER, INIT_FILE
from hugflow.flows.names import ModuleId
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import LockEntry, read_lock, write_lock
from hugflow.flows.staging import delete, keep_copy, recover
from hugflow.flows.sync import WAIT_S
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors, sync_folder
from hugflow.store.locks import hold


@dataclass(frozen=True, slots=True)
class Removed:
    """A removed module. copy: None for a link. unused: modules that only this one asked for."""

    copy: Path | None
    unused: tuple[ModuleId, ...]


def remove_module(places: FlowPlaces, module: ModuleId, uses: Sequence[str]) -> Removed:
    """Remove a module from `flow_modules/`; the folder that a link leads to stays.

    uses: what uses it beside other modules, such as request files.
    Raises FlowModuleInUse, naming every use, and FlowModuleNotFound.
    """
    with hold(places.sync_lock, f"the sync of {places.modules}", wait_s=WAIT_S):
        recover(places)
        entries = read_lock(places.lock_file)
        place = places.module(module)
        if module not in entries and not os.path.lexists(place):
            raise FlowModuleNotFound(
                f"{module} is not synced",
                why=f"neither {places.lock_file} nor {place} has it",
                mend="`hugflow flows list` shows the modules that are synced",
            )
        _refuse_used(module, [*map(str, _asking(entries, module)), *uses])
        copy = None
        if place.is_symlink():
            delete(place)
        elif place.exists():
            copy = keep_copy(places, module)
            with disk_errors(place):
                place.rename(places.stage(module))
            sync_folder(place.parent)
        entries.pop(module, None)
        unused = _forget_asker(entries, module)
        write_lock(places.lock_file, entries)
        delete(places.stage(module))
        _delete_empty_user(places, module)
    return Removed(copy, unused)


def _asking(entries: dict[ModuleId, LockEntry], module: ModuleId) -> list[ModuleId]:
    """The synced modules that ask for a module."""
    entry = entries.get(module)
    return [each for each in entry.by_modules if each in entries] if entry is not None else []


def _refuse_used(module: ModuleId, uses: Sequence[str]) -> None:
    if uses:
        raise FlowModuleInUse(
            f"{module} is used by {', '.join(uses)}",
            why="what uses it could not run any more; nothing was removed",
            mend="remove those first, or let them use another module",
        )


def _forget_asker(entries: dict[ModuleId, LockEntry], module: ModuleId) -> tuple[ModuleId, ...]:
    """Take a module off the lists of askers; the modules that nothing asks for any more."""
    unused = []
    for other, entry in entries.items():
        if module in entry.by_modules:
            left = tuple(each for each in entry.by_modules if each != module)
            entries[other] = replace(entry, by_modules=left)
            if not left and not entry.by_project:
                unused.append(other)
    return tuple(sorted(unused))


def _delete_empty_user(places: FlowPlaces, module: ModuleId) -> None:
    """Delete a user's folder when it holds no module any more."""
    folder = places.module(module).parent
    if not folder.is_dir():
        return
    if {path.name for path in folder.iterdir()} <= {INIT_FILE, CACHE_FOLDER}:
        with suppress(OSError):
            delete(folder)
