"""Which modules a list asks for, with what they ask for in turn, each at one revision.

Modules are fetched to their stages on the way, because a module's own list is in its files. Nothing
takes a place yet: an error leaves everything as it was.
"""

import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from hugflow.errors import FlowModuleConflict, FlowModuleIdInvalid, HubUnreachable
from hugflow.flows.asking import Asker
from hugflow.flows.decide import Decision, decide
from hugflow.flows.dependencies import Dependency, read_dependencies
from hugflow.flows.local import find_folder
from hugflow.flows.names import ModuleId, is_commit_of
from hugflow.flows.places import FlowPlaces
from hugflow.flows.present import Present, read_present
from hugflow.flows.records import NO_COMMIT, NO_DIGEST, LockEntry, Synced
from hugflow.flows.staging import ModuleSource, stage_link, stage_module
from hugflow.late_dataclass import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """One module of the closure: at which revision, and what becomes of its folder.

    synced: what is recorded of it from now on; None for a folder that no sync made and that stays.
    """

    asked: Dependency
    commit: str
    decision: Decision
    synced: Synced | None
    present: Present


class _Again(Exception):
    """A person chose another revision than the one that was followed; begin again with it."""


@dataclass(slots=True)
class Closure:
    """Follows dependencies to their end; `choose` gives the modules in the order they were met.

    locked: what flow.mod says, which modules of earlier syncs are part of.
    """

    places: FlowPlaces
    source: ModuleSource
    asker: Asker
    locked: Mapping[ModuleId, LockEntry]
    _settled: dict[ModuleId, Dependency] = field(default_factory=dict)
    _commits: dict[tuple[ModuleId, str], str] = field(default_factory=dict)
    _staged: dict[ModuleId, Synced] = field(default_factory=dict)
    _presents: dict[ModuleId, Present] = field(default_factory=dict)
    _answers: dict[str, bool] = field(default_factory=dict)

    def choose(self, wanted: Sequence[Dependency]) -> dict[ModuleId, Chosen]:
        """Every module of the closure of `wanted`.

        Raises FlowModuleConflict where two revisions of one module are wanted, or one over local
        changes, and nobody can be asked; and what the source raises.
        """
        wanted = _merge(wanted)
        while True:
            try:
                return self._follow(wanted)
            except _Again:
                continue

    def _follow(self, wanted: Sequence[Dependency]) -> dict[ModuleId, Chosen]:
        chosen: dict[ModuleId, Chosen] = {}
        queue = deque(wanted)
        while queue:
            asked = queue.popleft()
            asked = self._settled.get(asked.module, asked) if asked.asked_by else asked
            self._refuse_collision(asked, chosen)
            if asked.module in chosen:
                self._compare(asked, chosen[asked.module])
                continue
            if asked.asked_by is not None and self._is_projects(asked):
                continue
            one = self._choose(asked)
            if one.decision.action == "replace":
                self._compare_with_others(one, chosen)
            chosen[asked.module] = one
            queue.extend(self._read(one))
        return chosen

    def _choose(self, asked: Dependency) -> Chosen:
        present = self._present(asked.module)
        target = find_folder(self.places, asked) if asked.is_local else None
        commit = NO_COMMIT if target is not None else self._commit(asked, present)
        decision = self._ask(asked, decide(asked, commit, present, target), present)
        if decision.action == "keep":
            synced = self._kept(asked, commit, present)
        elif target is not None:
            stage_link(self.places, asked.module, target)
            revision = self.places.relative(target)
            synced = Synced(asked.module, revision, NO_COMMIT, NO_DIGEST)
        else:
            synced = self._stage(asked, commit)
        return Chosen(asked, commit, decision, synced, present)

    def _ask(self, asked: Dependency, decision: Decision, present: Present) -> Decision:
        """Settle what only a person can decide."""
        if decision.action != "ask":
            return decision
        what = present.synced or f"{asked.module.path} (which no sync made)"
        conflict = FlowModuleConflict(
            f"{asked} is asked for, and {what} has local changes",
            why=f"{self.places.module(asked.module)} holds changes that exist nowhere else",
            mend=f"keep them (`hugflow flows sync {asked} --keep`), replace them (`--replace`; a copy "
            "is kept), or say `overwrite: True` in the dependency",
        )
        question = f"{what} has local changes. Replace them with {asked}?"
        if self._answer(question, conflict):
            return Decision("replace", decision.warning, keeps_copy=True)
        return Decision("keep", f"kept {what} with its local changes; {asked} was asked for")

    def _kept(self, asked: Dependency, commit: str, present: Present) -> Synced | None:
        """The record of a module that stays: under another name of the same commit, that name."""
        kept = present.synced
        if present.kind == "link" and present.link is not None:
            revision = self.places.relative(present.link)
            return Synced(asked.module, revision, NO_COMMIT, NO_DIGEST)
        if kept is not None and kept.commit == commit:
            return Synced(asked.module, asked.revision, commit, kept.digest)
        return kept

    def _stage(self, asked: Dependency, commit: str) -> Synced:
        staged = self._staged.get(asked.module)
        if staged is None or staged.commit != commit:
            staged = stage_module(self.places, self.source, asked, commit)
        staged = Synced(asked.module, asked.revision, commit, staged.digest)
        self._staged[asked.module] = staged
        return staged

    def _commit(self, asked: Dependency, present: Present) -> str:
        """The commit of a revision; the Hub is not asked where the revision itself says it."""
        key = (asked.module, asked.revision)
        if key not in self._commits:
            self._commits[key] = self._fetch_commit(asked, present)
        return self._commits[key]

    def _fetch_commit(self, asked: Dependency, present: Present) -> str:
        synced = present.synced
        if synced is not None and is_commit_of(asked.revision, synced.commit):
            return synced.commit
        try:
            return self.source.fetch_commit(asked.module, asked.revision)
        except HubUnreachable as error:
            if synced is None or synced.revision != asked.revision:
                raise
            log.warning("%s; %s stays at commit %s", error.what, asked, synced.commit[:7])
            return synced.commit

    def _read(self, one: Chosen) -> list[Dependency]:
        """What a chosen module asks for."""
        module, folder = one.asked.module, self.places.module(one.asked.module)
        if one.decision.action == "replace" and one.synced is not None:
            is_link = one.synced.is_local
            folder = find_folder(self.places, one.asked) if is_link else self.places.stage(module)
        asked = read_dependencies(folder, module)
        is_remote = one.synced is not None and not one.synced.is_local
        for each in asked:
            if each.is_local and is_remote:
                raise FlowModuleIdInvalid(
                    f"{module} asks for {each}, a folder of this machine",
                    why="only the project itself may ask for local folders",
                    mend="tell the module's owner; nothing was changed",
                )
        return asked

    def _compare(self, asked: Dependency, one: Chosen) -> None:
        """Settle a second revision of a module that was chosen already."""
        if asked.revision == one.asked.revision or asked == one.asked:
            return
        if not asked.is_local and self._commit(asked, one.present) == one.commit:
            return
        if one.asked.asked_by is None and asked.asked_by is not None:
            log.warning(
                "%s asks for %s; the project's own %s is used", asked.asked_by, asked, one.asked
            )
        elif self._prefers(asked, one.asked):
            self._settled[asked.module] = asked
            raise _Again
        else:
            self._settled[asked.module] = one.asked

    def _is_projects(self, asked: Dependency) -> bool:
        """Whether the project itself asked for the module in an earlier sync, and has it."""
        entry = self.locked.get(asked.module)
        if entry is None or not entry.by_project or self._present(asked.module).kind == "absent":
            return False
        synced = entry.synced
        if synced.revision != asked.revision and not is_commit_of(asked.revision, synced.commit):
            log.warning(
                "%s asks for %s; the project's own %s is used", asked.asked_by, asked, synced
            )
        return True

    def _compare_with_others(self, one: Chosen, chosen: Mapping[ModuleId, Chosen]) -> None:
        """Settle what a module of an earlier sync asks for, where its dependency is replaced."""
        module = one.asked.module
        entry = self.locked.get(module)
        for other in entry.by_modules if entry is not None else ():
            if other in chosen or self._present(other).kind == "absent":
                continue
            for its in read_dependencies(self.places.module(other), other):
                if its.module != module or module in self._settled:
                    continue
                if its.revision == one.asked.revision or is_commit_of(its.revision, one.commit):
                    continue
                if one.asked.asked_by is None:
                    log.warning(
                        "%s asks for %s; the project's own %s is used", other, its, one.asked
                    )
                elif other != one.asked.asked_by and not self._prefers(one.asked, its):
                    self._settled[module] = its
                    raise _Again

    def _prefers(self, later: Dependency, earlier: Dependency) -> bool:
        """Ask which of two modules' revisions is to be used; True for the later one."""
        conflict = FlowModuleConflict(
            f"{_name(earlier)} asks for {earlier}, and {_name(later)} asks for {later}",
            why="only one revision of a module is kept",
            mend=f"put {later.module} into the project's own list, at the revision to use; or choose "
            "with `hugflow flows sync --keep` (the first) or `--replace` (the second)",
        )
        question = (
            f"{_name(earlier)} asks for {earlier}, and {_name(later)} asks for {later}. "
            f"Replace {earlier} with {later}?"
        )
        return self._answer(question, conflict)

    def _answer(self, question: str, conflict: FlowModuleConflict) -> bool:
        """The answer to a question, which is put once."""
        if question not in self._answers:
            self._answers[question] = self.asker.may_replace(question, conflict)
        return self._answers[question]

    def _present(self, module: ModuleId) -> Present:
        if module not in self._presents:
            self._presents[module] = read_present(self.places, module, self.locked.get(module))
        return self._presents[module]

    def _refuse_collision(self, asked: Dependency, chosen: Iterable[ModuleId]) -> None:
        """Raise FlowModuleConflict where another repository has the same package."""
        path = str(asked.module.path).casefold()
        for other in (*chosen, *self.locked):
            if other != asked.module and str(other.path).casefold() == path:
                if other not in chosen and self._present(other).kind == "absent":
                    continue
                raise FlowModuleConflict(
                    f"{other} and {asked.module} are one package, {asked.module.package}",
                    why="characters that Python's names lack become _, and some disks take large and "
                    "small letters for the same",
                    mend=f"use one of the two; {other} stays as it is",
                )


def _merge(wanted: Sequence[Dependency]) -> list[Dependency]:
    """The project's own list, each module once. Raises FlowModuleConflict for two revisions."""
    merged: dict[ModuleId, Dependency] = {}
    for asked in wanted:
        before = merged.setdefault(asked.module, asked)
        if before.revision != asked.revision:
            raise FlowModuleConflict(
                f"the list asks for {before} and for {asked}",
                why="only one revision of a module is kept",
                mend="leave one of the two out",
            )
        if asked.overwrite:
            merged[asked.module] = asked
    return list(merged.values())


def _name(asked: Dependency) -> str:
    return str(asked.asked_by) if asked.asked_by is not None else "the project"
