"""The way up from the root: every path of parents, with what is read at each.

A repository that is reached on two paths is visited twice here; `graph` makes one node of it.
"""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from hugflow import activity
from hugflow.hierarchy.access import Access
from hugflow.hierarchy.errors import ConfigError, CycleError, LockError
from hugflow.hierarchy.fetch import Fetched, fetch_parent
from hugflow.hierarchy.load import Project, read_repository
from hugflow.hierarchy.location import Declarer, Location, parse_location
from hugflow.hierarchy.lockfile import NAME, Lock, LockNode, parse_lock
from hugflow.hierarchy.project_config import ParentRef
from hugflow.late_dataclass import dataclass

DEEPEST = 32
MOST_VISITS = 2_000


@dataclass(frozen=True, slots=True)
class Pins:
    """What a lock says about one of its nodes' parents.

    lock: of the root, or of a parent that brings its own. is_own: it is the root's lock.
    """

    lock: Lock
    parents: Mapping[str, str]
    is_own: bool

    def find(self, name: str) -> tuple[LockNode, "Pins"] | None:
        """The pin of a parent, and the pins of its own parents."""
        node = self.lock.nodes.get(self.parents.get(name, ""))
        return (node, Pins(self.lock, node.parents, self.is_own)) if node is not None else None


@dataclass(frozen=True, slots=True)
class Rules:
    """How parents are chosen.

    must_be_locked: a parent that the root's lock does not have is an error.
    upgraded: paths of parents whose pins are not used, with everything below; the empty path for
    all.
    """

    access: Access
    overrides: Mapping[tuple[str, ...], Path] = field(default_factory=dict)
    must_be_locked: bool = False
    upgraded: frozenset[tuple[str, ...]] = frozenset()


@dataclass(slots=True)
class Visit:
    """A repository on one path of parents, before nodes have names."""

    project: Project
    trail: tuple[str, ...]
    location: Location | None = None
    fetched: Fetched | None = None
    overridden: bool = False
    parents: dict[str, "Visit"] = field(default_factory=dict)
    key: str = ""


class Walker:
    """Walks down from the root, on every path of parents."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._fetched: dict[tuple[str, str | None, str | None], Fetched] = {}
        self.trails: list[tuple[str, ...]] = []

    def visit_parents(
        self,
        visit: Visit,
        declarer: Declarer,
        pins: Pins | None,
        above: list[str],
        follows: Mapping[str, tuple[str, Declarer]] | None = None,
        *,
        is_free: bool = False,
    ) -> None:
        """Visit a repository's parents.

        above: the identities of the repositories between the root and this one.
        follows: locations that the child gives for some parents. is_free: an override is above, so
        the lock need not have the parents.
        """
        parents = visit.project.config.parents
        if self._rules.must_be_locked and not is_free:
            self._refuse_difference(visit, pins)
        for name, ref in parents.items():
            trail = (*visit.trail, name)
            text, place = ref.location, declarer
            if follows and name in follows:
                text, place = follows[name]
            self.trails.append(trail)
            if len(trail) > DEEPEST or len(self.trails) > MOST_VISITS:
                raise CycleError(
                    "there are too many parents of parents",
                    why=f"at most {DEEPEST} levels and {MOST_VISITS:,} ways are followed",
                    mend="check whether the repositories name each other",
                    trail=trail,
                )
            self._visit_one(visit, ref, trail, (text, place), pins, above, is_free=is_free)
        self._refuse_follows(visit, follows)

    def _visit_one(
        self,
        child: Visit,
        ref: ParentRef,
        trail: tuple[str, ...],
        where: tuple[str, Declarer],
        pins: Pins | None,
        above: list[str],
        *,
        is_free: bool,
    ) -> None:
        text, place = where
        override = self._rules.overrides.get(trail)
        if override is not None:
            location = Location("path", str(override), path=override)
            found = None
        else:
            location = self._parse(child, trail[-1], text, place)
            found = self._find_pin(trail, location, pins, is_free=is_free)
        pin = found[0] if found is not None else None
        try:
            with activity.step(f"reading parent {'/'.join(trail)}"):
                fetched = self._fetch(location, pin, trail)
        except ConfigError as error:
            raise _declared_in(child, trail, error) from error
        if fetched.identity in above:
            raise CycleError(
                f"{'/'.join(trail)} is its own ancestor",
                why=f"{location.text} is a repository above it on this path of parents",
                mend="delete one of the `parents:` on that path",
                trail=child.trail,
                file=child.project.config_file.name,
                key=f"parents.{trail[-1]}",
            )
        below = found[1] if found is not None else None
        if below is None and fetched.lock is not None and override is None:
            own = parse_lock(fetched.lock, trail)
            below = Pins(own, own.parents, is_own=False)
        project = read_repository(fetched.folder, trail)
        visit = Visit(project, trail, location, fetched, override is not None)
        child.parents[trail[-1]] = visit
        self.visit_parents(
            visit,
            fetched.declarer,
            below if override is None else self._pins_below(pins, trail[-1]),
            [*above, fetched.identity],
            {name: (text, place) for name, text in self._follows_of(child, ref).items()},
            is_free=is_free or override is not None,
        )

    def _follows_of(self, child: Visit, ref: ParentRef) -> Mapping[str, str]:
        """Locations for the parent's parents; the name of a sibling means its location."""
        siblings = child.project.config.parents
        return {
            name: siblings[text].location if text in siblings else text
            for name, text in ref.follows.items()
        }

    def _refuse_follows(
        self, visit: Visit, follows: Mapping[str, tuple[str, Declarer]] | None
    ) -> None:
        unknown = [name for name in follows or () if name not in visit.project.config.parents]
        if unknown:
            raise ConfigError(
                f"`follows` names {unknown[0]}, which is no parent of {'/'.join(visit.trail)}",
                why=f"its parents are {', '.join(visit.project.config.parents) or 'none'}",
                mend="correct the name, or delete it",
                trail=visit.trail[:-1],
                key=f"parents.{visit.trail[-1]}.follows.{unknown[0]}",
            )

    def _pins_below(self, pins: Pins | None, name: str) -> Pins | None:
        found = pins.find(name) if pins is not None else None
        return found[1] if found is not None else None

    def _parse(self, child: Visit, name: str, text: str, place: Declarer) -> Location:
        try:
            return parse_location(text, place, self._rules.access)
        except ConfigError as error:
            raise type(error)(
                error.what,
                why=error.why,
                mend=error.mend,
                **child.project.error_place("parents", name, "location"),
            ) from None

    def _find_pin(
        self, trail: tuple[str, ...], location: Location, pins: Pins | None, *, is_free: bool
    ) -> tuple[LockNode, Pins] | None:
        """The pin for a location; None if it is to be looked up."""
        found = pins.find(trail[-1]) if pins is not None else None
        is_same = found is not None and found[0].is_at(location.text)
        if self._rules.must_be_locked and not is_free and not is_same:
            raise _disagreement(
                trail, f"{location.text} is not the location that is locked", has_lock=True
            )
        is_upgraded = any(trail[: len(each)] == each for each in self._rules.upgraded)
        if not is_same or found is None or (is_upgraded and found[1].is_own):
            return None
        return found

    def _fetch(self, location: Location, pin: LockNode | None, trail: tuple[str, ...]) -> Fetched:
        key = (f"{location.path} {location.text}", pin.rev if pin else None,
               pin.sha256 if pin else None)  # fmt: skip
        if key not in self._fetched:
            self._fetched[key] = fetch_parent(location, pin, trail, self._rules.access)
        return self._fetched[key]

    def _refuse_difference(self, visit: Visit, pins: Pins | None) -> None:
        """Raise LockError if the lock has other parents of a repository than its file."""
        locked = set(pins.parents) if pins is not None else set()
        named = set(visit.project.config.parents)
        where = "/".join(visit.trail) or "the project"
        if named - locked:
            raise _disagreement(
                visit.trail,
                f"{where} has the parent {min(named - locked)}, which is not locked",
                has_lock=pins is not None,
            )
        if locked - named:
            raise _disagreement(
                visit.trail,
                f"the lock has the parent {min(locked - named)}, which {where} does not have",
                has_lock=True,
            )


def _declared_in(child: Visit, trail: tuple[str, ...], error: ConfigError) -> ConfigError:
    """An error of reading a parent, with the key that names it."""
    if error.trail != trail or error.key is not None:
        return error
    place = child.project.error_place("parents", trail[-1], "location")
    whose = "/".join(child.trail) or "the project"
    where = f"{place['key']} in {place['file']}:{place['line']} of {whose}"
    named = type(error)(error.what, why=f"{error.why}; its location is {where}", mend=error.mend)
    named.trail, named.exit_code = trail, error.exit_code
    named.file, named.line, named.key = place["file"], place["line"], place["key"]
    return named


def _disagreement(trail: tuple[str, ...], what: str, *, has_lock: bool) -> LockError:
    return LockError(
        what,
        why=f"{NAME} was written for another `parents:`" if has_lock else f"there is no {NAME}",
        mend="run `hugflow lock`, and commit the file",
        trail=trail,
    )
