"""Which synced modules may be run.

    allow: ["alice/TextTools@<commit of 40 hex digits>", "bob/Filters", "ourorg/*"]

A module may be run when an entry names it, its files are those that were synced (by digest), and the
same holds for every module that it asks for. A module that is linked to a local folder may be run
only where local folders are allowed. Code of the project itself needs no entry.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from hugflow.errors import FlowModuleIdInvalid, UntrustedFlowModule
from hugflow.flows.names import ModuleId, is_commit, parse_module_id
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import Synced, read_id, read_lock
from hugflow.late_dataclass import dataclass

_ANY_REPO = "*"
_OWNER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry of an allow list. repo: None for all of a user's. commit: None for any."""

    user: str
    repo: str | None = None
    commit: str | None = None

    def __str__(self) -> str:
        """Give the entry as it is written."""
        commit = f"@{self.commit}" if self.commit is not None else ""
        return f"{self.user}/{self.repo or _ANY_REPO}{commit}"

    def covers(self, synced: Synced) -> bool:
        """Whether the entry names a module at its commit."""
        return (
            self.user == synced.module.user
            and self.repo in (None, synced.module.repo)
            and self.commit in (None, synced.commit)
        )


@dataclass(frozen=True, slots=True)
class Trust:
    """An allow list. allow_local: whether modules that are linked folders may be run."""

    allowed: tuple[Allowed, ...] = ()
    allow_local: bool = False


def parse_allowed(entry: object) -> Allowed:
    """Read `user/repo@commit`, `user/repo` or `user/*`. Raises FlowModuleIdInvalid."""
    text = entry if isinstance(entry, str) else ""
    name, at, commit = text.partition("@")
    user, _, repo = name.partition("/")
    if repo == _ANY_REPO and not at and _OWNER.fullmatch(user):
        return Allowed(user)
    if at and not is_commit(commit):
        raise FlowModuleIdInvalid(
            f"{str(entry)[:200]!r} allows no commit",
            why="a branch moves, and a short commit may come to mean another",
            mend="write all 40 hex digits: `hugflow flows list` shows them",
        )
    module = parse_module_id(name)
    return Allowed(module.user, module.repo, commit or None)


def with_entries(trust: Trust, entries: Sequence[Allowed]) -> Trust:
    """The same with further entries before its own."""
    return Trust(tuple(dict.fromkeys((*entries, *trust.allowed))), trust.allow_local)


def check_trust(
    places: FlowPlaces, modules: Iterable[ModuleId], trust: Trust
) -> dict[ModuleId, Synced]:
    """The modules and all that they ask for, as they were synced.

    Raises UntrustedFlowModule, naming the first that may not be run.
    """
    # Imported for those who run modules: settings import this module for its values.
    from hugflow.flows.dependencies import read_dependencies
    from hugflow.flows.present import read_present

    locked = read_lock(places.lock_file)
    checked: dict[ModuleId, Synced] = {}
    waiting: list[tuple[ModuleId, ModuleId | None]] = [(module, None) for module in modules]
    while waiting:
        module, asked_by = waiting.pop()
        if module in checked:
            continue
        name = f"{module}" + (f", which {asked_by} asks for," if asked_by else "")
        entry = locked.get(module)
        present = read_present(places, module, entry)
        synced = present.synced
        if synced is None or entry is None:
            raise _untrusted(
                f"{name} is not synced", "no sync recorded it", "run `hugflow flows sync`"
            )
        if synced.is_local and not trust.allow_local:
            raise _untrusted(
                f"{name} is a local folder",
                "only modules of the Hub have a commit that can have been reviewed",
                "set allow_local: true under flows in hugflow.yaml, or sync a revision of the Hub",
            )
        if present.is_modified:
            raise _untrusted(
                f"{name} was changed since it was synced",
                f"its files are not those of commit {synced.commit[:7]}",
                f"discard the changes: `hugflow flows sync {module} --overwrite`; or propose them "
                "(`hugflow flows propose`), and sync their commit",
            )
        if not synced.is_local and not any(each.covers(synced) for each in trust.allowed):
            raise _untrusted(
                f"{name} is not on the allow list",
                f"its code is not allowed to run at commit {synced.commit}",
                f'review it, then add "{module}@{synced.commit}" to flows: allow: in hugflow.yaml',
            )
        checked[module] = synced
        asked = read_dependencies(places.module(module), module)
        waiting += [(each.module, module) for each in asked]
    return checked


def digest_closure(places: FlowPlaces, closure: Mapping[ModuleId, Synced]) -> str:
    """One digest over commits and files of a module and all that it asks for.

    Of a linked folder, which has no commit, over the files as they are now.
    """
    from hugflow.flows.module_files import digest_linked

    digests = {
        each.module: digest_linked(places.module(each.module)) if each.is_local else each.digest
        for each in closure.values()
    }
    lines = [f"{each.module} {each.commit} {digests[each.module]}\n" for each in closure.values()]
    return f"sha256:{hashlib.sha256(''.join(sorted(lines)).encode()).hexdigest()}"


def refuse_replaced(places: FlowPlaces, loaded: Sequence[Synced]) -> None:
    """Raise UntrustedFlowModule where a module's files are of another commit than was loaded."""
    for synced in loaded:
        now = read_id(places.module(synced.module))
        if not synced.is_local and (now is None or now.commit != synced.commit):
            raise _untrusted(
                f"{synced.module} was synced again while its code runs",
                f"commit {synced.commit[:7]} was loaded, and its files are of "
                + (now.commit[:7] if now is not None else "no known commit"),
                "start the worker again",
            )


def _untrusted(what: str, why: str, mend: str) -> UntrustedFlowModule:
    return UntrustedFlowModule(what, why=why, mend=mend)
