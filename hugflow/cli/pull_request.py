"""The pull request of a workflow: what it changes and what main says. It is not trusted."""

import logging
import os
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from hugflow.cli.builds import open_project
from hugflow.cli.output import print_talk
from hugflow.errors import HugflowError, SettingInvalid, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.project_requests import read_requests
from hugflow.requests.problems import show_path
from hugflow.settings import ProjectSettings

if TYPE_CHECKING:
    from hugflow.ci.changes import Changes
    from hugflow.ci.comment import Command
    from hugflow.ci.event import PullEvent
    from hugflow.clients.git import RequestFiles
    from hugflow.clients.github import GitHub
    from hugflow.notify.conversation import PullRequest
    from hugflow.project_file import ProjectFile
    from hugflow.stages.build.options import Options

log = logging.getLogger(__name__)

# How long a question to GitHub is retried. The short one is for questions that git may answer too.
PATIENCE_S = 60.0
BRIEF_S = 5.0


@dataclass(frozen=True, slots=True)
class Run:
    """One call: the pull request, what it changes, and what main says.

    event: the pull request on GitHub; None without GitHub.
    main: the request files on main, by path.
    makes: True to make the datasets, False to plan only.
    retries: a comment asks to try failed rows again.
    """

    project: ProjectSettings
    root: Path
    event: "PullEvent | None"
    changes: "Changes"
    main: Mapping[str, bytes]
    options: "Options"
    makes: bool
    retries: bool = False


@dataclass(frozen=True, slots=True)
class Trigger:
    """The pull request that started the workflow, and what a comment on it asks for, if one did."""

    event: "PullEvent"
    command: "Command | None" = None


def open_run(base: str | None, head: str | None, *, is_plan_only: bool) -> Run | None:
    """Find out what to do; when there is nothing, say so and return None."""
    from hugflow.ci.checkout import (
        find_checkout,
        find_inside,
        refuse_inside,
        refuse_proposed_code,
        refuse_proposed_settings,
    )

    project = open_project()
    root = project.root or Path.cwd()
    checkout = find_checkout(root, os.environ)
    inside = find_inside(project.places, checkout)
    is_by_event = base is None and head is None
    asked = _find_event(project, is_plan_only=is_plan_only) if is_by_event else None
    if is_by_event and asked is None:
        return None
    command = asked.command if asked is not None else None
    is_plan_only = is_plan_only or command == "plan"
    if not is_plan_only:
        refuse_inside(inside, checkout)
    event = asked.event if asked is not None else None
    changes, read_base = _find_changes(project, root, event, base, head)
    changes = _with_key_problems(changes)
    if event is not None and event.base_ref != project.settings.requests_branch:
        print_talk(
            f"{event.name} goes to {show_path(event.base_ref)}: only requests on "
            f"{project.settings.requests_branch} count (REQUESTS_BRANCH)"
        )
        return None
    refuse_proposed_settings(root, changes, read_base)
    refuse_proposed_code(root, changes, read_base)
    for path in sorted(changes.deleted):
        print_talk(f"{show_path(path)} is deleted: {_what_deleting_does(path)}")
    if not changes.paths:
        print_talk("no request is added or changed, so there is nothing to do")
        if event is not None:
            _take_back(project, event)
        return None
    main, options = _read_main(project, root, event, base)
    makes = _makes(project, event, is_plan_only=is_plan_only)
    if event is not None:
        who = f"{event.author or 'somebody'}, {event.name}@{event.head_sha[:7]}"
        options = replace(options, actor=who)
    is_retry = command == "retry"
    return Run(project, root, event, changes, main, options, makes, retries=is_retry)


def _makes(project: ProjectSettings, event: "PullEvent | None", *, is_plan_only: bool) -> bool:
    """Whether this call makes the datasets; prints the reason if not."""
    if is_plan_only:
        return False
    if project.settings.sync_on == "merge":
        print_talk("SYNC_ON=merge: it is planned here, and made once it is on main")
        return False
    if event is not None and event.is_fork:
        print_talk(f"{event.name} comes from another repository: it is planned, and not made")
        return False
    return True


def _what_deleting_does(path: str) -> str:
    from hugflow.requests.read import request_kind

    if request_kind(PurePosixPath(path)) == "remove":
        return "its dataset may be asked for again"
    return "that removes no dataset, a file in requests/remove/ does"


def _find_event(project: ProjectSettings, *, is_plan_only: bool) -> Trigger | None:
    """The pull request of this workflow; None, after saying so, if nothing is asked for.

    Raises NotAuthorised for a comment of somebody who may not write.
    """
    from hugflow.ci.comment import fetch_event, read_comment, refuse_reader
    from hugflow.ci.event import read_event

    path = os.environ.get("GITHUB_EVENT_PATH")
    if not path:
        raise UsageWrong(
            "there is no pull request",
            why="GITHUB_EVENT_PATH is not set, as it is in a workflow",
            mend="give --base and --head, such as `--base origin/main --head HEAD`",
        )
    comment = read_comment(Path(path))
    if comment is None:
        event = read_event(Path(path))
        _refuse_unsure_github(project)
        return Trigger(event)
    if comment.command is None:
        print_talk("the first line of the comment is no command, so there is nothing to do")
        return None
    _refuse_unsure_github(project)
    with open_github(project) as github:
        refuse_reader(github, comment)
        event = fetch_event(github, comment)
    if not event.is_open:
        print_talk(f"{event.name} is not open, so there is nothing to do")
        return None
    if event.is_fork and comment.command == "retry" and not is_plan_only:
        # This runner has secrets: a hosted one plans what comes from elsewhere.
        print_talk(f"{event.name} comes from another repository: `hugflow plan` plans it")
        return None
    return Trigger(event, comment.command)


def _find_changes(
    project: ProjectSettings,
    root: Path,
    event: "PullEvent | None",
    base: str | None,
    head: str | None,
) -> "tuple[Changes, Callable[[str], Container[bytes]]]":
    """What the pull request changes, and how to read what its base holds."""
    from hugflow.ci.changes import fetch_changes, find_changes, read_base_file, read_changes
    from hugflow.clients.services import ServiceUnavailable

    if event is None:
        if base is None or head is None:
            raise UsageWrong(
                "--base and --head go together",
                why="what changes is the difference of the two",
                mend="give both, or neither: then GITHUB_EVENT_PATH names the pull request",
            )
        return read_changes(root, base, head), partial(read_base_file, root, base)
    try:
        with open_github(project, patience_s=BRIEF_S) as github:
            changes = find_changes(root, github, event)
    except ServiceUnavailable:
        with open_github(project) as github:
            changes = fetch_changes(github, event)

    def read_base(name: str) -> Container[bytes]:
        with open_github(project, patience_s=BRIEF_S) as github:
            return read_base_file(root, event.base_sha, name, github=github, event=event)

    return changes, read_base


def _with_key_problems(changes: "Changes") -> "Changes":
    """The changes with the errors below the keys of the project file that they bring."""
    from hugflow.project_keys import find_key_errors
    from hugflow.requests.problems import Problem

    if changes.config is None:
        return changes
    name = changes.config.shown_name
    found = [
        Problem(name, None, None, None, error.what, error.why, error.mend)
        for error in find_key_errors(changes.config)
    ]
    return replace(changes, problems=(*changes.problems, *found))


def _refuse_unsure_github(project: ProjectSettings) -> None:
    """Raise SettingInvalid when GitHub's address comes from a file of the checkout.

    That file may be the pull request's, and our token would go to the address.
    """
    origin = project.origins["GITHUB_API_URL"]
    if origin not in ("environment", "default"):
        raise SettingInvalid(
            f"GITHUB_API_URL is set in {origin}",
            why="in a workflow that file may be the pull request's, and the token would go there",
            mend="set it in the environment, as GitHub's runner does",
        )


def open_github(project: ProjectSettings, *, patience_s: float = PATIENCE_S) -> "GitHub":
    """A client of GitHub, made from the project's settings."""
    from hugflow.clients.github import GitHub

    url = project.settings.github_api_url
    return GitHub(url, project.github_token, patience_s=patience_s)


def _read_main(
    project: ProjectSettings, root: Path, event: "PullEvent | None", base: str | None
) -> "tuple[Mapping[str, bytes], Options]":
    """Request files of main, and how work is done by its policy and its allow list.

    Without main, those of the commit that the branch began at.
    """
    from hugflow.clients.git import fetch_request_files, find_commit, read_commit_files
    from hugflow.clients.git_program import GitFailed
    from hugflow.requests.policy import policy_of, read_main_file

    files: RequestFiles | None = None
    try:
        files = fetch_request_files(project.find_remote(), project.places.mirror)
    except HugflowError as error:
        log.warning("main cannot be fetched: %s (%s)", error.what, error.why)
    composed = _read_composed(project, files) if files is not None else {}
    with suppress(GitFailed):
        commit = find_commit(root, base if event is None and base is not None else _base_of(event))
        if files is None and commit is not None:
            files = read_commit_files(root, commit)
    if files is not None:
        # An unreadable policy must not count as an empty one.
        file = read_main_file(files.config, files.problems, files.config_name)
        options = replace(project.options_without_policy, policy=policy_of(file))
        return {**files.data_by_path, **composed}, _with_flows(options, project, files, file)
    log.warning("main is taken to be what is checked out in %s", root)
    return read_requests(root), replace(project.options_without_policy, policy=project.policy)


def _with_flows(
    options: "Options", project: ProjectSettings, files: "RequestFiles", file: "ProjectFile"
) -> "Options":
    """The options with main's allow list and served flows; if they cannot be read, with none."""
    from hugflow.flows.project_key import allow_parents_of, serving_of, trust_of
    from hugflow.flows.trust import with_entries
    from hugflow.hierarchy.main_requests import inherited_on_main

    try:
        trust, serving, has_parents = trust_of(file), serving_of(file), bool(allow_parents_of(file))
    except HugflowError as error:
        log.warning("no flow module may run: %s (%s)", error.what, error.why)
        return options
    if has_parents:
        try:
            mirror, name = project.places.mirror, files.config_name
            trust = with_entries(trust, inherited_on_main(mirror, files.commit, files.config, name))
        except (HugflowError, OSError) as error:
            log.warning("the allow lists of parents do not count: %s", error)
    return replace(options, trust=trust, serving=serving)


def _read_composed(project: ProjectSettings, files: "RequestFiles") -> dict[str, bytes]:
    """The requests that main's sources are composed of; a conflict with one of them is a conflict.

    If they cannot be composed, that is logged: it is no fault of the pull request.
    """
    from hugflow.hierarchy.main_requests import compose_main_requests

    try:
        found = compose_main_requests(
            project.places.mirror, files.commit, files.config, files.config_name
        )
    except HugflowError as error:
        log.warning("main's inherited requests are not known: %s (%s)", error.what, error.why)
        return {}
    return {path: request.data for path, request in found.items()}


def _base_of(event: "PullEvent | None") -> str:
    return event.base_sha if event is not None else "HEAD"


def pull_of(event: "PullEvent") -> "PullRequest":
    """The pull request as conversations use it."""
    from hugflow.notify.conversation import PullRequest

    return PullRequest(event.repository, event.number, event.head_sha, event.url)


def _take_back(project: ProjectSettings, event: "PullEvent") -> None:
    """Say in an existing comment that nothing is requested any more; write no new one."""
    from hugflow.ci.job import tell_nothing_is_asked

    with project.open_senders(repository=event.repository) as senders:
        tell_nothing_is_asked(project.places, senders, pull_of(event))


def refuse_outdated(run: Run) -> None:
    """Raise PlanOutOfDate when the pull request has new commits or is no longer open."""
    from hugflow.ci.changes import refuse_moved
    from hugflow.clients.pulls import fetch_pull
    from hugflow.clients.services import ServiceRefused, ServiceUnavailable
    from hugflow.errors import PlanOutOfDate

    event = run.event
    if event is None:
        return
    try:
        with open_github(run.project, patience_s=0.0) as github:
            pull = fetch_pull(github, event.repository, event.number)
    except (ServiceUnavailable, ServiceRefused) as error:
        # No answer does not stop the work; if something was pushed, the next run handles it.
        log.warning("%s (%s)", error.what, error.why)
        return
    refuse_moved(pull, event)
    if not pull.is_open:
        raise PlanOutOfDate(
            f"{event.name} is not open any more",
            why="it was merged or closed since it was planned",
            mend="nothing is to be done: what is on main is made by the sensor",
        )
