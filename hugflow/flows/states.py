"""How the synced modules are: what `hugflow flows list` shows, and `sync --check` compares."""

from collections.abc import Iterator
from typing import Literal

from hugflow.flows.dependencies import read_dependencies
from hugflow.flows.names import is_commit_of
from hugflow.flows.places import FlowPlaces
from hugflow.flows.present import read_present
from hugflow.flows.records import LockEntry, read_lock
from hugflow.flows.staging import ModuleSource
from hugflow.flows.trust import Trust
from hugflow.late_dataclass import dataclass

State = Literal["synced", "modified", "local", "missing"]


@dataclass(frozen=True, slots=True)
class ModuleState:
    """One line of flow.mod, what became of its folder, and whether its code may run."""

    entry: LockEntry
    state: State
    is_allowed: bool


def read_states(places: FlowPlaces, trust: Trust) -> list[ModuleState]:
    """Every module of flow.mod, by name; nobody is asked. Raises StateUnreadable."""
    entries = read_lock(places.lock_file)
    return [
        ModuleState(entry, _state(places, entry), _is_allowed(entry, trust))
        for _, entry in sorted(entries.items())
    ]


def find_differences(places: FlowPlaces, source: ModuleSource) -> Iterator[str]:
    """What a sync of the same modules would change or keep, a line each; asks for the branches."""
    entries = read_lock(places.lock_file)
    for module, entry in sorted(entries.items()):
        synced, state = entry.synced, _state(places, entry)
        if state == "missing":
            yield f"{synced}: its folder is gone"
            continue
        if state == "modified":
            yield f"{synced}: its files were changed here"
        if not synced.is_local and not is_commit_of(synced.revision, synced.commit):
            commit = source.fetch_commit(module, synced.revision)
            if commit != synced.commit:
                yield f"{synced}: commit {commit[:7]}, and {synced.commit[:7]} is synced"
        for asked in read_dependencies(places.module(module), module):
            if asked.module not in entries:
                yield f"{synced}: asks for {asked}, which is not synced"


def _state(places: FlowPlaces, entry: LockEntry) -> State:
    present = read_present(places, entry.synced.module, entry)
    if present.kind == "link":
        return "local" if places.module(entry.synced.module).is_dir() else "missing"
    if present.kind == "absent":
        return "missing"
    return "modified" if present.is_modified else "synced"


def _is_allowed(entry: LockEntry, trust: Trust) -> bool:
    if entry.synced.is_local:
        return trust.allow_local
    return any(each.covers(entry.synced) for each in trust.allowed)
