"""The steps of a request with their code: the class and its commit.

A step's version is a hash over its code, its configuration, its fields, and the version of the step
before it. Results of another version do not count: changing one step runs it and the following
steps again, and nothing else.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hugflow.errors import HugflowError, RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.requests.flow_steps import FlowStep
from hugflow.stages.build.build import Build

# What runs flows is imported only for a request that has some.
if TYPE_CHECKING:
    from hugflow.flows.places import FlowPlaces
    from hugflow.flows.records import Synced
    from hugflow.flows.runner import LocalStep


@dataclass(frozen=True, slots=True)
class ResolvedStep:
    """One step with its code. module: None for a class of the project itself.

    served_by: the id of the user who serves it, or `local`; None for a step that runs here. The
    version of a served step knows who serves it, and not with which code.
    """

    step: FlowStep
    local: "LocalStep"
    module: "Synced | None"
    version: str
    served_by: str | None = None

    @property
    def name(self) -> str:
        """The step's name."""
        return self.step.name


def resolve_steps(build: Build) -> tuple[ResolvedStep, ...]:
    """The steps of a build, in order; none if its request has no flows.

    Missing modules, and modules at another revision, are synced; for the others the Hub is not
    asked. Raises UntrustedFlowModule for code that may not run, RequestInvalid for a class that is
    not in its files, and the errors of a sync.
    """
    steps = build.request.flows
    if not steps:
        return ()
    places = _find_places(build)
    _sync_missing(build, places, steps)
    resolved = _resolve(build, places)
    refuse_unknown_classes(build)
    return resolved


def read_step_versions(build: Build) -> list[str] | None:
    """The versions of the steps with their code as it is here now; nothing is synced.

    None where a module is not here, or the code may not run.
    """
    if not build.request.flows:
        return []
    try:
        return [step.version for step in _resolve(build, _find_places(build))]
    except (HugflowError, OSError):
        return None


def _resolve(build: Build, places: "FlowPlaces") -> tuple[ResolvedStep, ...]:
    from hugflow.flows.own_code import digest_own_code
    from hugflow.flows.runner import LocalStep

    resolved: list[ResolvedStep] = []
    version = ""
    for step in build.request.flows:
        closure, dotted, code = _find_code(build, places, step)
        module = closure[0] if closure else None
        told = [code, dotted, dict(step.config), step.reads, step.gives, version, *step.attach]
        version = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
        is_batched = step.batch is not None
        own_code = None
        if step.use is None and step.endpoint is None:
            own_code = digest_own_code(places, step.flow, code_only=True)
        local = LocalStep(
            dotted,
            step.config,
            step.gives,
            is_batched,
            step.timeout_s,
            closure,
            own_code,
        )
        resolved.append(ResolvedStep(step, local, module, version, _find_user(build, step)))
    return tuple(resolved)


def refuse_unknown_classes(build: Build) -> None:
    """Raise RequestInvalid for a step whose class is not in its files; nothing is imported.

    Modules that are not synced are not judged.
    """
    if not build.request.flows:
        return
    from hugflow.flows.class_names import find_unknown_classes

    for step, unknown in find_unknown_classes(_find_places(build), build.request.flows):
        raise RequestInvalid(
            f"{build.name}: the step {step.name!r} cannot run: {unknown.what}",
            why="the files that its class should be in were read, and do not have it",
            mend=unknown.mend,
        )


def find_flow_places(build: Build) -> "FlowPlaces":
    """The folders of the project's modules and own code."""
    return _find_places(build)


def _find_places(build: Build) -> "FlowPlaces":
    from hugflow.flows.places import FlowPlaces

    if build.options.flow_root is None:
        raise RequestInvalid(
            f"{build.name}: its flows cannot be run here",
            why="this is no project, so there is no folder for flow modules",
            mend="run the command in a project: `hugflow init` makes one",
        )
    return FlowPlaces(build.options.flow_root.resolve())


def _sync_missing(build: Build, places: "FlowPlaces", steps: Sequence[FlowStep]) -> None:
    from hugflow.flows.dependencies import Dependency
    from hugflow.flows.names import ModuleId, is_commit_of, parse_module_id
    from hugflow.flows.records import read_lock

    locked = read_lock(places.lock_file)
    wanted: dict[ModuleId, Dependency] = {}
    for step in steps:
        if step.use is None or step.revision is None:
            continue
        module = parse_module_id(step.use)
        entry = locked.get(module)
        is_there = places.module(module).is_dir()
        has_revision = entry is not None and (
            entry.synced.is_local
            or entry.synced.revision == step.revision
            or is_commit_of(step.revision, entry.synced.commit)
        )
        if not (is_there and has_revision):
            if is_there and entry is not None:
                _refuse_conflict(build, step, entry.synced)
            wanted[module] = Dependency(module, step.revision)
    if wanted:
        from hugflow.flows.asking import Asker
        from hugflow.flows.hub_source import HubSource
        from hugflow.flows.sync import sync_modules

        sync_modules(list(wanted.values()), places, HubSource(build.hub), Asker())


def _refuse_conflict(build: Build, step: FlowStep, synced: "Synced") -> None:
    """Raise FlowModuleConflict where a request on main uses the revision that would be replaced."""
    from hugflow.flows.check_steps import to_conflict
    from hugflow.flows.names import is_commit_of
    from hugflow.requests.catalog import read_catalog
    from hugflow.requests.collect import collect_requests

    catalog = read_catalog(build.places)
    for file in collect_requests(catalog.data_by_path).adds if catalog is not None else ():
        for other in file.request.flows if file.request.name != build.name else ():
            revision = other.revision or ""
            is_same = revision == synced.revision or is_commit_of(revision, synced.commit)
            if other.use == step.use and is_same:
                raise to_conflict(build.name, step, file.path, other)


def _find_code(
    build: Build, places: "FlowPlaces", step: FlowStep
) -> "tuple[tuple[Synced, ...], str, str]":
    """The module and those it asks for, the whole path of the class, and a digest over the code."""
    if step.endpoint is not None:
        return (), step.flow, f"served by {_find_user(build, step)}"
    if step.use is None:
        from hugflow.flows.own_code import digest_own_code

        return (), step.flow, digest_own_code(places, step.flow)
    from hugflow.flows.names import parse_module_id
    from hugflow.flows.trust import check_trust, digest_closure

    module = parse_module_id(step.use)
    closure = check_trust(places, [module], build.options.trust)
    others = (synced for each, synced in closure.items() if each != module)
    code = digest_closure(places, closure)
    return (closure[module], *others), f"{module.package}.{step.flow}", code


def _find_user(build: Build, step: FlowStep) -> str | None:
    """The id of the user who serves a step. Raises RequestInvalid for a name nobody has."""
    if step.endpoint is None:
        return None
    from hugflow.serving.keys import is_user_id
    from hugflow.serving.records import LOCAL

    user = build.options.serving.id_of(step.user or LOCAL)
    if user != LOCAL and not is_user_id(user):
        raise RequestInvalid(
            f"{build.name}: the step {step.name!r} names the user {user}, which is unknown",
            why="it is no id of a user, and no name below flows: users: in hugflow.yaml",
            mend=f"write flows: users: {{{user}: U...}} into hugflow.yaml",
        )
    return user
