"""Syncing modules: choose, fetch, put in place, write down. Nothing of a module is ever run."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hugflow.errors import HugflowError
from hugflow.flows.asking import Asker
from hugflow.flows.closure import Chosen, Closure
from hugflow.flows.dependencies import Dependency, read_dependencies
from hugflow.flows.module_files import ID_FILE
from hugflow.flows.names import ModuleId
from hugflow.flows.places import FlowPlaces
from hugflow.flows.present import read_present
from hugflow.flows.records import LockEntry, read_id, read_lock, render_id, write_lock
from hugflow.flows.staging import (
    ModuleSource,
    keep_copy,
    prepare_package,
    put_in_place,
    recover,
)
from hugflow.flows.usable import warn_of_use
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import write_if_changed
from hugflow.store.locks import hold

log = logging.getLogger(__name__)

# As long as another sync may take to fetch its modules, or wait for an answer.
WAIT_S = 600.0


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync came to.

    folders: of all modules that are synced. changed: the modules that are new or were replaced.
    """

    folders: tuple[Path, ...]
    changed: tuple[ModuleId, ...]


def sync_modules(
    wanted: Sequence[Dependency], places: FlowPlaces, source: ModuleSource, asker: Asker
) -> SyncResult:
    """Bring the modules of a list, and what they need, to `flow_modules/`.

    Either all are chosen and fetched, or nothing changes; then each takes its place in one step, those
    that others need first. One sync at a time: a second one waits.
    """
    with hold(places.sync_lock, f"the sync of {places.modules}", wait_s=WAIT_S):
        recover(places)
        entries = _present_entries(places, read_lock(places.lock_file))
        try:
            chosen = Closure(places, source, asker, entries).choose(wanted)
        except BaseException:
            recover(places)
            raise
        prepare_package(places)
        for one in reversed(chosen.values()):
            if one.decision.action == "replace":
                _replace(places, one)
            elif one.decision.warning is not None:
                log.warning("%s", one.decision.warning)
            _record(places, entries, one)
        _record_askers(places, entries)
        changed = [one for one in chosen.values() if one.decision.action == "replace"]
        for one in changed:
            warn_of_use(places.module(one.asked.module), one.asked.module)
    folders = tuple(places.module(module) for module in sorted(entries))
    return SyncResult(folders, tuple(one.asked.module for one in changed))


def find_missing(places: FlowPlaces, wanted: Sequence[Dependency]) -> list[Dependency]:
    """Which of a list are not synced, at whatever revision; nobody is asked."""
    return [each for each in wanted if not places.module(each.module).is_dir()]


def _present_entries(
    places: FlowPlaces, locked: Mapping[ModuleId, LockEntry]
) -> dict[ModuleId, LockEntry]:
    """What is synced, by flow.mod and by the modules themselves; folders that are gone are not."""
    entries = {}
    for module in {*locked, *_find_modules(places)}:
        present = read_present(places, module, locked.get(module))
        if present.synced is not None and present.kind != "absent":
            entry = locked.get(module, LockEntry(present.synced))
            entries[module] = replace(entry, synced=present.synced)
    return entries


def _find_modules(places: FlowPlaces) -> list[ModuleId]:
    """The modules whose folders say what they are, also where flow.mod was lost."""
    found = (read_id(path.parent) for path in places.modules.glob(f"[!.]*/*/{ID_FILE}"))
    return [
        synced.module
        for synced in found
        if synced is not None and places.module(synced.module).is_dir()
    ]


def _replace(places: FlowPlaces, one: Chosen) -> None:
    """Let a staged module take its place; what exists nowhere else is copied first."""
    module, warning = one.asked.module, one.decision.warning
    if one.decision.keeps_copy:
        copy = keep_copy(places, module)
        warning = f"{warning}; they are kept in {copy}"
    put_in_place(places, module)
    if warning is not None:
        log.warning("%s", warning)
    if module.is_renamed:
        log.warning("%s is imported as %s", module, module.package)


def _record(places: FlowPlaces, entries: dict[ModuleId, LockEntry], one: Chosen) -> None:
    """Write down what a module is by now, in flow.mod and, of one that stayed, in its folder."""
    module, synced = one.asked.module, one.synced
    if synced is None:
        return
    if not synced.is_local:
        write_if_changed(places.module(module) / ID_FILE, render_id(synced))
    entry = entries.get(module, LockEntry(synced))
    by_project = entry.by_project or one.asked.asked_by is None
    entries[module] = replace(entry, synced=synced, by_project=by_project)
    write_lock(places.lock_file, entries)


def _record_askers(places: FlowPlaces, entries: dict[ModuleId, LockEntry]) -> None:
    """Write down which module asks for which, as their files say now."""
    askers: dict[ModuleId, set[ModuleId]] = {module: set() for module in entries}
    for module in entries:
        try:
            asked = read_dependencies(places.module(module), module)
        except HugflowError as error:
            # Its own sync refused it, or somebody is at work on it.
            log.warning("%s; what %s asks for is not known", error.what, module)
            continue
        for each in asked:
            askers.setdefault(each.module, set()).add(module)
    for module, entry in entries.items():
        entries[module] = replace(entry, by_modules=tuple(sorted(askers[module])))
    write_lock(places.lock_file, entries)
