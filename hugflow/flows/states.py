"""How the synced modules are: what `hugflow flows list` shows, and `sync --check` compares."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from hugflow.errors import HugflowError
from hugflow.flows.dependencies import Dependency, read_dependencies
from hugflow.flows.local import find_folder
from hugflow.flows.names import ModuleId, is_commit_of
from hugflow.flows.places import FlowPlaces
from hugflow.flows.present import read_present
from hugflow.flows.records import LockEntry, Synced, read_lock
from hugflow.flows.staging import ModuleSource
from hugflow.flows.trust import Trust
from hugflow.late_dataclass import dataclass

log = logging.getLogger(__name__)

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


def find_differences(
    places: FlowPlaces, source: ModuleSource, asked: Sequence[Dependency] = ()
) -> Iterator[str]:
    """What a sync would change or keep, a line each; asks for the branches.

    asked: the modules to compare with flow.mod, with those that they need; none: all of flow.mod, at
    the revisions it has.

    Raises the Hub's error for a module that it does not show, after all others were compared.
    """
    unanswered: HugflowError | None = None
    entries = read_lock(places.lock_file)
    wanted = {each.module: each for each in asked}
    for module, each in wanted.items():
        if module not in entries:
            yield f"{each}: is not synced"
    for module in _find_closure(places, entries, wanted) if wanted else sorted(entries):
        synced, state = entries[module].synced, _state(places, entries[module])
        if state == "missing":
            yield f"{synced}: its folder is gone"
            continue
        if state == "modified":
            yield f"{synced}: its files were changed here"
        each = wanted.get(module, Dependency(module, synced.revision))
        if each.is_local or synced.is_local:
            if module in wanted:
                yield from _compare_folder(places, each, synced)
        elif not is_commit_of(each.revision, synced.commit):
            try:
                commit = source.fetch_commit(module, each.revision)
            except HugflowError as error:
                if unanswered is not None:
                    log.warning("%s", unanswered.what)
                unanswered = error
            else:
                if commit != synced.commit:
                    yield f"{each}: commit {commit[:7]}, and {synced.commit[:7]} is synced"
        for needed in read_dependencies(places.module(module), module):
            if needed.module not in entries:
                yield f"{synced}: asks for {needed}, which is not synced"
    if unanswered is not None:
        raise unanswered


def _find_closure(
    places: FlowPlaces, entries: Mapping[ModuleId, LockEntry], wanted: Iterable[ModuleId]
) -> list[ModuleId]:
    """The synced ones of the wanted modules, with those that they need."""
    found: set[ModuleId] = set()
    waiting = list(wanted)
    while waiting:
        module = waiting.pop()
        if module in found or module not in entries:
            continue
        found.add(module)
        if places.module(module).is_dir():
            waiting += [each.module for each in read_dependencies(places.module(module), module)]
    return sorted(found)


def _compare_folder(places: FlowPlaces, asked: Dependency, synced: Synced) -> Iterator[str]:
    """Whether a module is linked to the folder that is asked for."""
    if not (asked.is_local and synced.is_local):
        yield f"{asked}: is asked for, and {synced} is synced"
    elif places.module(asked.module).resolve() != find_folder(places, asked):
        yield f"{asked}: is asked for, and {synced} is linked"


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
