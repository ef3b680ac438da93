"""The command `sync`, which a workflow calls for a pull request."""

import logging
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.cli.builds import open_hub
from hugflow.cli.options import AsJson
from hugflow.cli.output import (
    failed_entry,
    print_data,
    print_error,
    print_json,
    print_talk,
    print_warning,
)
from hugflow.cli.progress import Watch, watch_dataset
from hugflow.cli.pull_request import Run, open_github, open_run, pull_of, refuse_outdated
from hugflow.errors import HugflowError, UsageWrong
from hugflow.native_talk import native_talk_in_log
from hugflow.requests.problems import show_path

if TYPE_CHECKING:
    from hugflow.ci.job import Made
    from hugflow.ci.planning import Proposal
    from hugflow.notify.conversation import Line, PullRequest, Service
    from hugflow.stages.build.build import Build
    from hugflow.stages.sync import Synced
    from hugflow.stages.telling.tracker import Tracker

log = logging.getLogger(__name__)


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
    """Do what a pull request asks for: plan, make, and report in one living comment.

    The pull request is the one in GITHUB_EVENT_PATH; without it, the changes of --head since
    --base. Its request files are read as data: nothing in it is checked out, used as a setting or
    run. Complete datasets end at once. Where the event is a comment, its first line says what to
    do, if its author may write to the repository: `hugflow plan` or `hugflow retry`. It only plans, and makes nothing, with --plan-only, with
    SYNC_ON=merge, and for a branch of another repository.
    """
    if not is_ci:
        raise UsageWrong(
            "`hugflow sync` is for workflows",
            why="a person syncs one request by `hugflow local-sync FILE`, and the sensor the "
            "requests on main",
            mend="add --ci-mode, or use `hugflow local-sync FILE`",
        )
    _hide_from_workflow_commands(os.environ)
    run = open_run(base, head, is_plan_only=is_plan_only)
    if run is None:
        if as_json:
            print_json({"pull_request": None, "datasets": []})
        return
    with native_talk_in_log():
        proposal, made = _carry_out(run)
    entries = _tell(run, proposal, made)
    if as_json:
        print_json({"pull_request": _describe(run), "datasets": entries})
    failed = {**proposal.failed, **made.failed}
    if failed:
        raise typer.Exit(next(failed[path].exit_code for path in sorted(failed)))
    _merge(run, proposal)


def _carry_out(run: Run) -> "tuple[Proposal, Made]":
    """Plan all requests, comment, and make the datasets."""
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
    if run.retries:
        proposal.try_failed_rows()
    if run.makes:
        refuse_outdated(run)
    pull = pull_of(run.event) if run.event is not None else None
    services: Sequence[Service] = ("github", "slack") if run.makes else ("github",)
    with (
        project.open_senders(repository=pull.repository if pull is not None else None) as senders,
        telling(
            project.places, senders, services, proposal.lines, pull, details_url=_log_url()
        ) as wake,
    ):
        made = Made()
        if run.makes:
            made = make_all(proposal, wake, _watch(run), retry_failed=run.retries)
    _write_summary(run, pull, proposal.lines)
    return proposal, made


def _watch(run: Run) -> Any:
    def watch(tracker: "Tracker") -> AbstractContextManager[Watch]:
        return watch_dataset(tracker, run.options.progress_interval)

    return watch


def _tell(run: Run, proposal: "Proposal", made: "Made") -> list[dict[str, Any]]:
    """Print the state of each request; return the entries of the JSON."""
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
    from hugflow.stages.planning.estimate import compare, read_estimate

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
    manifest = synced.published.manifest if synced is not None else build.stored.manifest
    if manifest is not None:
        estimated = read_estimate(built.places, built.plan)
        compared = compare(built, estimated, manifest) if estimated is not None else []
        entry["rows"], entry["failed_rows"] = manifest.rows.made, manifest.rows.failed
        entry["planned"] = {each.what: each.planned for each in compared} or None
        entry["actual"] = {each.what: each.actual for each in compared} or None
    return entry


def _where(entry: Mapping[str, Any]) -> str:
    return f", {entry['link']} -> {entry['location']}" if "location" in entry else ""


def _describe(run: Run) -> dict[str, Any] | None:
    event = run.event
    if event is None:
        return None
    return {"repository": event.repository, "number": event.number, "head": event.head_sha}


def _merge(run: Run, proposal: "Proposal") -> None:
    """Merge the pull request if AUTO_MERGE is set and all is done; else say why not."""
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
        with open_github(run.project) as github:
            commit = merge_when_green(github, event, run_id=os.environ.get("GITHUB_RUN_ID"))
    except HugflowError as error:
        # The datasets are done, so a failed merge is no failure of the work.
        print_warning(f"{error.what}: {error.why}")
        return
    print_talk(f"{event.name} is merged, as {commit[:7]}")
    for line in proposal.lines:
        deed = Deed(run.options.actor, "merged", line.dataset or "", commit)
        record(run.project.places, deed)


def _write_summary(run: Run, pull: "PullRequest | None", lines: "Sequence[Line]") -> None:
    """Write the plan to the summary of the workflow run, for runs that may not comment."""
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
    """The URL of the current workflow run."""
    server, repository = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    run_id = os.environ.get("GITHUB_RUN_ID")
    if not server or not repository or not run_id:
        return None
    return f"{server}/{repository}/actions/runs/{run_id}"


def _hide_from_workflow_commands(environ: Mapping[str, str]) -> None:
    """From here on, the workflow's runner takes nothing that we print as a command.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        print_talk(f"::stop-commands::{secrets.token_hex(16)}")


def _now() -> datetime:
    return datetime.now(UTC)
