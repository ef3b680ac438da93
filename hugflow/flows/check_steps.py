"""Checking the steps of a request before anything runs: names, allow list, and what the Hub has."""

from collections.abc import Iterator, Sequence

from hugflow.errors import FlowModuleConflict, FlowModuleIdInvalid, HugflowError
from hugflow.flows.names import is_commit, parse_module_id
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import read_lock
from hugflow.flows.staging import ModuleSource
from hugflow.flows.trust import Trust, check_trust
from hugflow.requests.collect import AddFile
from hugflow.requests.flow_steps import FlowStep


def find_wrong_names(steps: Sequence[FlowStep]) -> Iterator[tuple[FlowStep, HugflowError]]:
    """The steps whose module cannot be a Python package, each with its error."""
    for step in steps:
        try:
            if step.use is not None:
                parse_module_id(step.use)
        except FlowModuleIdInvalid as error:
            yield step, error


def find_conflicts(
    files: Sequence[AddFile],
) -> Iterator[tuple[AddFile, FlowStep, FlowModuleConflict]]:
    """The steps whose module an earlier file uses at another revision, each with its error."""
    first: dict[str, tuple[AddFile, FlowStep]] = {}
    for file in files:
        for step in file.request.flows:
            if step.use is None:
                continue
            earlier, its = first.setdefault(step.use, (file, step))
            if its.revision != step.revision and earlier is not file:
                yield file, step, to_conflict(file.path, step, earlier.path, its)


def to_conflict(path: str, step: FlowStep, other_path: str, other: FlowStep) -> FlowModuleConflict:
    """The error for two requests that use a module at two revisions."""
    return FlowModuleConflict(
        f"{path} uses {step.use}:{step.revision}, and {other_path} uses "
        f"{other.use}:{other.revision}",
        why="only one revision of a module is kept in a project",
        mend="name one revision in both requests, in one pull request",
    )


def find_unallowed(steps: Sequence[FlowStep], trust: Trust) -> Iterator[FlowStep]:
    """The steps whose module no entry of an allow list names, or not at the step's commit.

    Which commit a branch or a tag is at is not looked up.
    """
    for step in steps:
        if step.use is None:
            continue
        pinned = step.revision if step.revision and is_commit(step.revision) else None
        names = [
            entry
            for entry in trust.allowed
            if f"{entry.user}/{entry.repo or step.use.partition('/')[2]}" == step.use
            and (pinned is None or entry.commit in (None, pinned))
        ]
        if not names:
            yield step


def find_untrusted(
    places: FlowPlaces, steps: Sequence[FlowStep], trust: Trust
) -> Iterator[tuple[FlowStep, HugflowError]]:
    """The steps whose synced module may not run, or asks for one that may not, each with its error.

    Nothing is imported. Modules that are not synced at the step's revision are not judged, nor those
    that `find_unallowed` names.
    """
    try:
        locked = read_lock(places.lock_file)
    except HugflowError:
        return
    unallowed = list(find_unallowed(steps, trust))
    for step in steps:
        if step.use is None or step in unallowed:
            continue
        try:
            module = parse_module_id(step.use)
            entry = locked.get(module)
            if entry is not None and entry.synced.revision == step.revision:
                check_trust(places, [module], trust)
        except HugflowError as error:
            yield step, error


def find_unknown_to_hub(
    steps: Sequence[FlowStep], source: ModuleSource
) -> Iterator[tuple[FlowStep, HugflowError]]:
    """The steps whose module or revision the Hub does not have, each with its error."""
    for step in steps:
        try:
            if step.use is not None and step.revision is not None:
                source.fetch_commit(parse_module_id(step.use), step.revision)
        except HugflowError as error:
            yield step, error
