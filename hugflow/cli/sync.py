"""The command that a workflow calls on a pull request."""

import logging
import os
import secrets
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.cli.builds import open_hub, open_project
from hugflow.cli.options import AsJson
from hugflow.cli.output import (
    failed_entry,
    print_data,
    print_error,
    print_json,
    print_talk,
    print_warning,
)
from hugflow.cli.progress import watch_rows
from hugflow.errors import HugflowError, SettingInvalid, UsageWrong
from hugflow.requests.problems import show_path
from hugflow.settings import Project

if TYPE_CHECKING:
    from hugflow.ci.changes import Changes
    from hugflow.ci.event import PullEvent
    from hugflow.ci.job import Made
    from hugflow.ci.planning import Proposal
    from hugflow.clients.github import GitHub
    from hugflow.notify.conversation import Line, PullRequest, Service
    from hugflow.requests.policy import Policy
    from hugflow.stages.build import Build
    from hugflow.stages.options import Options
    from hugflow.stages.sync import Synced

log = logging.getLogger(__name__)

# What only asks GitHub is asked again for so long where that may help; where git may know it too,
# for so short.
PATIENCE_S = 60.0
BRIEF_S = 5.0


def sync(
    is_ci: Annotated[
        bool, typer.Option("--ci-mode", help="Work for the pull request of this workflow.")
    ] = False,
    is_plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Plan and comment; make nothing.")
    ] = False,
    base: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Where the branch began, without an event.")
    ] = None,
    head: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="The branch, without an event.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Do what a pull request asks for, and tell of it there: plan, make, one living comment.

    The pull request is that of GITHUB_EVENT_PATH; without one, what --head changes since --base. Its
    request files are read as data: nothing of it is checked out, set or run. What is complete already
    ends at once. With --plan-only, with SYNC_ON=merge, and for a branch of another repository it is
    planned, and nothing is made.
    """
    if not is_ci:
        raise UsageWrong(
            "`hugflow sync` is for workflows",
            why="a person syncs one request by `hugflow local-sync FILE`, and the sensor the "
            "requests on main",
            mend="add --ci-mode, or use `hugflow local-sync FILE`",
        )
    _hide_from_workflow_commands(os.environ)
    run = _open_run(base, head, is_plan_only=is_plan_only)
    if run is None:
        if as_json:
            print_json({"pull_request": None, "datasets": []})
        return
    proposal, made = _carry_out(run)
    entries = _tell(run, proposal, made)
    if as_json:
        print_json({"pull_request": _describe(run), "datasets": entries})
    failed = {**proposal.failed, **made.failed}
    if failed:
        raise typer.Exit(next(failed[path].exit_code for path in sorted(failed)))
    _merge(run, proposal)


@dataclass(frozen=True, slots=True)
class _Run:
    """One call: the pull request, what it changes, and what main says.

    event: None without GitHub. main: the request files on main, by path. makes: whether the job is
    done, not planned alone.
    """

    project: Project
    root: Path
    event: "PullEvent | None"
    changes: "Changes"
    main: Mapping[str, bytes]
    options: "Options"
    makes: bool


def _open_run(base: str | None, head: str | None, *, is_plan_only: bool) -> _Run | None:
    """Find out what there is to do; None, once it is said, where there is nothing."""
    from hugflow.ci.checkout import (
        find_checkout,
        find_inside,
        refuse_inside,
        refuse_proposed_settings,
    )

    project = open_project()
    root = project.root or Path.cwd()
    inside = find_inside(project.places, checkout := find_checkout(root, os.environ))
    if not is_plan_only:
        refuse_inside(inside, checkout)
    event, changes, read_base = _find_changes(project, root, base, head)
    if event is not None and event.base_ref != project.settings.requests_branch:
        print_talk(
            f"{event.name} goes to {show_path(event.base_ref)}: only requests on "
            f"{project.settings.requests_branch} count (REQUESTS_BRANCH)"
        )
        return None
    refuse_proposed_settings(root, changes, read_base)
    for path in sorted(changes.deleted):
        print_talk(f"{show_path(path)} is deleted: {_what_deleting_does(path)}")
    if not changes.paths:
        print_talk("no request is added or changed, so there is nothing to do")
        if event is not None:
            _take_back(project, event)
        return None
    main, policy = _read_main(project, root, event, base)
    makes = _makes(project, event, is_plan_only=is_plan_only)
    options = replace(project.options_without_policy, policy=policy)
    if event is not None:
        who = f"{event.author or 'somebody'}, {event.name}@{event.head_sha[:7]}"
        options = replace(options, actor=who)
    return _Run(project, root, event, changes, main, options, makes)


def _makes(project: Project, event: "PullEvent | None", *, is_plan_only: bool) -> bool:
    """Whether the job is done here; says why not."""
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


def _find_changes(
    project: Project, root: Path, base: str | None, head: str | None
) -> "tuple[PullEvent | None, Changes, Callable[[str], Container[bytes]]]":
    """The pull request, what it changes, and how to read what its base holds."""
    from hugflow.ci.changes import fetch_changes, find_changes, read_base_file, read_changes
    from hugflow.ci.event import read_event
    from hugflow.clients.services import ServiceUnavailable

    if base is not None or head is not None:
        if base is None or head is None:
            raise UsageWrong(
                "--base and --head go together",
                why="what changes is what lies between the two",
                mend="give both, or neither: then GITHUB_EVENT_PATH tells of the pull request",
            )
        return None, read_changes(root, base, head), partial(read_base_file, root, base)
    path = os.environ.get("GITHUB_EVENT_PATH")
    if not path:
        raise UsageWrong(
            "there is no pull request",
            why="GITHUB_EVENT_PATH is not set, as it is in a workflow",
            mend="give --base and --head, such as `--base origin/main --head HEAD`",
        )
    event = read_event(Path(path))
    _refuse_unsure_github(project)
    try:
        with _open_github(project, patience_s=BRIEF_S) as github:
            changes = find_changes(root, github, event)
    except ServiceUnavailable:
        with _open_github(project) as github:
            changes = fetch_changes(github, event)

    def read_base(name: str) -> Container[bytes]:
        with _open_github(project, patience_s=BRIEF_S) as github:
            return read_base_file(root, event.base_sha, name, github=github, event=event)

    return event, changes, read_base


def _refuse_unsure_github(project: Project) -> None:
    """Raise SettingInvalid where GitHub's address comes out of a file of the checkout.

    Our token goes there before it is known whose file that is.
    """
    origin = project.origins["GITHUB_API_URL"]
    if origin in (".env", "hugflow.yaml"):
        raise SettingInvalid(
            f"GITHUB_API_URL is set in {origin}",
            why="in a workflow that file may be the pull request's, and the token would go there",
            mend="set it in the environment, as GitHub's runner does",
        )


def _open_github(project: Project, *, patience_s: float = PATIENCE_S) -> "GitHub":
    from hugflow.clients.github import GitHub

    url = project.settings.github_api_url
    return GitHub(url, project.github_token, patience_s=patience_s)


def _read_main(
    project: Project, root: Path, event: "PullEvent | None", base: str | None
) -> "tuple[Mapping[str, bytes], Policy]":
    """Request files and policy of main: of the branch itself, else of the commit it was left at."""
    from hugflow.clients.git import RequestFiles, fetch_request_files, find_commit, read_requests
    from hugflow.clients.git_program import GitFailed
    from hugflow.requests.folder import read_folder
    from hugflow.requests.policy import read_main_policy

    files: RequestFiles | None = None
    try:
        files = fetch_request_files(project.find_remote(), project.places.mirror)
    except HugflowError as error:
        log.warning("main cannot be fetched: %s (%s)", error.what, error.why)
    with suppress(GitFailed):
        commit = find_commit(root, base if event is None and base is not None else _base_of(event))
        if files is None and commit is not None:
            files = read_requests(root, commit)
    if files is not None:
        # A policy that cannot be read is not an empty one.
        return files.data_by_path, read_main_policy(files.config, files.problems)
    log.warning("main is taken to be what is checked out in %s", root)
    return read_folder(root), project.policy


def _base_of(event: "PullEvent | None") -> str:
    return event.base_sha if event is not None else "HEAD"


def _carry_out(run: _Run) -> "tuple[Proposal, Made]":
    """Plan all, tell of it, and make what is to be made."""
    from hugflow.ci.job import Made, make_all, telling
    from hugflow.ci.planning import Planner
    from hugflow.ci.proposal import propose

    project = run.project
    requests = propose(project.places, run.main, run.changes)
    planner = Planner(
        project.places,
        open_hub(project),
        run.options,
        is_binding=run.makes,
        clock=_now,
    )
    proposal = planner.plan(requests)
    if run.makes:
        _refuse_moved(run)
    pull = _pull_of(run.event) if run.event is not None else None
    services: Sequence[Service] = ("github", "slack") if run.makes else ("github",)
    with (
        project.open_senders(repository=pull.repository if pull is not None else None) as senders,
        telling(
            project.places, senders, services, proposal.lines, pull, details_url=_log_url()
        ) as wake,
    ):
        made = make_all(proposal, wake, _watch(run)) if run.makes else Made()
    _write_summary(run, pull, proposal.lines)
    return proposal, made


def _pull_of(event: "PullEvent") -> "PullRequest":
    from hugflow.notify.conversation import PullRequest

    return PullRequest(event.repository, event.number, event.head_sha, event.url)


def _take_back(project: Project, event: "PullEvent") -> None:
    """Let a comment that stands say that nothing is asked for any more; else nothing is said."""
    from hugflow.ci.job import tell_nothing_is_asked

    with project.open_senders(repository=event.repository) as senders:
        tell_nothing_is_asked(project.places, senders, _pull_of(event))


def _refuse_moved(run: _Run) -> None:
    """Raise PlanOutOfDate where something was pushed since, or it is not open any more."""
    from hugflow.ci.changes import refuse_moved
    from hugflow.clients.pulls import fetch_pull
    from hugflow.clients.services import ServiceRefused, ServiceUnavailable
    from hugflow.errors import PlanOutOfDate

    event = run.event
    if event is None:
        return
    try:
        with _open_github(run.project, patience_s=0.0) as github:
            pull = fetch_pull(github, event.repository, event.number)
    except (ServiceUnavailable, ServiceRefused) as error:
        # The work waits for nobody; where something was pushed, the next run has it.
        log.warning("%s (%s)", error.what, error.why)
        return
    refuse_moved(pull, event)
    if not pull.is_open:
        raise PlanOutOfDate(
            f"{event.name} is not open any more",
            why="it was merged or closed since it was planned",
            mend="nothing is to be done: what is on main is made by the sensor",
        )


def _watch(run: _Run) -> Any:
    def watch(build: "Build", rows: int) -> AbstractContextManager[Any]:
        return watch_rows(build.rows, rows, run.options.progress_interval)

    return watch


def _tell(run: _Run, proposal: "Proposal", made: "Made") -> list[dict[str, Any]]:
    """Say how each request stands; gives its entries in the JSON."""
    entries: list[dict[str, Any]] = []
    for line in proposal.lines:
        error = made.failed.get(line.path) or proposal.failed.get(line.path)
        name, shown = line.dataset, show_path(line.path)
        if error is not None:
            print_error(error)
            print_data(f"{shown}: failed")
            entries.append(failed_entry(line.path, error, name))
            continue
        for remark in line.remarks:
            print_warning(f"{shown}: {remark}")
        build = proposal.builds.get(line.path) or proposal.complete.get(line.path)
        entry = _entry(line, build, made.synced.get(line.path))
        print_data(f"{shown}: {entry['state']}{_where(entry)}")
        for going in line.goes:
            print_data(f"  {show_path(going)}")
        entries.append(entry)
    return entries


def _entry(line: "Line", build: "Build | None", synced: "Synced | None") -> dict[str, Any]:
    from hugflow.stages.estimate import compare, read_estimate
    from hugflow.stages.manifest import read_manifest

    state = "completed" if synced is not None else line.state
    entry: dict[str, Any] = {
        "name": line.dataset,
        "request": line.path,
        "kind": line.kind,
        "state": state,
        "digest": line.facts.digest if line.facts is not None else None,
    }
    if build is None or state != "completed":
        return entry
    built = synced.published.build if synced is not None else build
    entry["location"] = str(built.folder.root)
    entry["link"] = str(built.places.link(built.name))
    manifest = (
        synced.published.manifest if synced is not None else read_manifest(built.folder.manifest)
    )
    if manifest is not None:
        estimated = read_estimate(built.places, built.plan)
        compared = compare(built, estimated, manifest) if estimated is not None else []
        entry["rows"], entry["failed_rows"] = manifest["rows"]["made"], manifest["rows"]["failed"]
        entry["planned"] = {each.what: each.planned for each in compared} or None
        entry["actual"] = {each.what: each.actual for each in compared} or None
    return entry


def _where(entry: Mapping[str, Any]) -> str:
    return f", {entry['link']} -> {entry['location']}" if "location" in entry else ""


def _describe(run: _Run) -> dict[str, Any] | None:
    event = run.event
    if event is None:
        return None
    return {"repository": event.repository, "number": event.number, "head": event.head_sha}


def _merge(run: _Run, proposal: "Proposal") -> None:
    """Merge it where AUTO_MERGE says so and all is done; where it is not merged, say why."""
    from hugflow.audit import Deed, record
    from hugflow.ci.merging import merge_when_green

    event = run.event
    if not run.project.settings.auto_merge or not run.makes or event is None:
        return
    if proposal.has_removals:
        print_talk(f"{event.name} is left for people to merge: it removes datasets")
        return
    if beside := sorted({*run.changes.others, *run.changes.deleted}):
        more = f" and {len(beside) - 1:,} more" if len(beside) > 1 else ""
        print_talk(
            f"{event.name} is left for people to merge: it changes {show_path(beside[0])}{more} too"
        )
        return
    if any(line.path not in {*proposal.builds, *proposal.complete} for line in proposal.lines):
        print_talk(f"{event.name} is left for people to merge: not all of it could be done")
        return
    try:
        with _open_github(run.project) as github:
            commit = merge_when_green(github, event, run_id=os.environ.get("GITHUB_RUN_ID"))
    except HugflowError as error:
        # The datasets are done, whoever merges.
        print_warning(f"{error.what}: {error.why}")
        return
    print_talk(f"{event.name} is merged, as {commit[:7]}")
    for line in proposal.lines:
        deed = Deed(run.options.actor, "merged", line.dataset or "", commit)
        record(run.project.places, deed)


def _write_summary(run: _Run, pull: "PullRequest | None", lines: "Sequence[Line]") -> None:
    """Leave the plan on the workflow run's page, for whoever may not be commented to."""
    from hugflow.notify.conversation import Conversation, pull_key
    from hugflow.notify.outbox import read_conversation, read_latest
    from hugflow.notify.texts import render_summary

    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    places, now, told = run.project.places, _now(), None
    if pull is not None:
        told = read_conversation(places, pull_key("github", pull.repository, pull.number))
    if told is None:
        told = Conversation("summary", "github", None, tuple(lines), now, now)
    text = render_summary(read_latest(places, told))
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        log.warning("the summary of the workflow run cannot be written: %s", error.strerror)


def _log_url() -> str | None:
    """The page of the workflow run that we are in."""
    server, repository = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    run_id = os.environ.get("GITHUB_RUN_ID")
    if not server or not repository or not run_id:
        return None
    return f"{server}/{repository}/actions/runs/{run_id}"


def _hide_from_workflow_commands(environ: Mapping[str, str]) -> None:
    """Let nothing that we print from here on be a command to the workflow's runner.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        print_talk(f"::stop-commands::{secrets.token_hex(16)}")


def _now() -> datetime:
    return datetime.now(UTC)
