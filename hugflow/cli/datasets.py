"""Commands that make datasets."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import typer

from hugflow.activity import step
from hugflow.amounts import count, human_bytes
from hugflow.cli.builds import (
    find_add,
    open_hub,
    open_project,
    open_request,
    refuse_removed,
)
from hugflow.cli.compared import print_compared
from hugflow.cli.finished import draft_mark
from hugflow.cli.local_sync import IsReported
from hugflow.cli.named_requests import NamedRequest, read_named
from hugflow.cli.options import AsJson, Name, WaitSeconds
from hugflow.cli.output import (
    failed_entry,
    failures_as_json,
    print_data,
    print_error,
    print_json,
    print_warning,
)
from hugflow.cli.progress import watch_dataset, watch_rows
from hugflow.cli.verbs import print_done, print_field, print_tally
from hugflow.errors import DiskFull, HugflowError, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.lean_start import collect_now
from hugflow.native_talk import native_talk_in_log
from hugflow.requests.collect import AddFile
from hugflow.settings import ProjectSettings
from hugflow.stages.standing.retry_records import ask_retry
from hugflow.store.layout import DAGSTER_CONFIG

if TYPE_CHECKING:
    from hugflow.stages.build.build import Build
    from hugflow.stages.planning.preview import Preview
    from hugflow.stages.sync import Synced
    from hugflow.stages.tree.manifest import ManifestRows

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """What to do with each request: the options of `local-sync`, as it has them."""

    is_dry_run: bool
    limit: int | None
    digest: str | None
    wait_s: float
    is_reported: bool
    as_json: bool


def sync_requests(wanted: Sequence[str], work: Work) -> int:
    """Do the work for each request that is meant; returns the exit code."""
    environ = dict(os.environ)
    project = open_project()
    named = read_named(project, wanted)
    if work.digest is not None and len(named) != 1:
        raise UsageWrong(
            "--plan goes with one request",
            why=f"{count(len(named), 'request')} are meant, and a digest is of one plan",
            mend="name one request",
        )

    def do(each: NamedRequest) -> dict[str, Any]:
        add, as_json = each.get(), work.as_json
        refuse_removed(project, add.request)
        if work.is_dry_run:
            return _preview(project, add, as_json=as_json)
        if work.limit is not None:
            return _make_sample(project, add, work.limit, work.wait_s, as_json=as_json)
        draft = draft_mark(project, add, environ)
        is_reported = work.is_reported
        done = _sync(
            project, add, work.wait_s, digest=work.digest, is_reported=is_reported, as_json=as_json
        )
        if draft is not None and done.may_be_marked:
            draft.leave(add, done.entry, is_told=done.is_told)
        return done.entry

    return _work_through(named, do, as_json=work.as_json)


def _work_through(
    named: Sequence[NamedRequest], work: Callable[[NamedRequest], dict[str, Any]], *, as_json: bool
) -> int:
    """Do the work for each request; returns the exit code of the first that failed, else 0.

    A full disk ends it: the others would fail too.
    """
    entries: list[dict[str, Any]] = []
    failed: list[str] = []
    code = 0
    for each in named:
        try:
            entries.append(entry := work(each))
            code = code or _code_of_push(entry)
        except HugflowError as error:
            print_error(error)
            code = code or error.exit_code
            failed.append(each.label)
            entries.append(failed_entry(each.path, error, each.name))
            if isinstance(error, DiskFull):
                break
    if as_json:
        print_json({"datasets": entries})
    labels = [each.label for each in named]
    print_tally(labels, failed, untried=labels[len(entries) :])
    return code


def retry(
    name: Name,
    as_json: AsJson = False,
    wait_s: WaitSeconds = 0,
    is_reported: IsReported = True,
) -> None:
    """Try a dataset again, here and now, including its failed rows.

    Works on a published dataset too. A dataset that was removed by hand is requested and made
    again. The sensor starts again too: earlier failures no longer make it wait.
    """
    project = open_project()
    add = find_add(project, name)
    name = add.request.name
    with failures_as_json(add.path, as_json=as_json, name=name):
        ask_retry(project.places, name, datetime.now(UTC))
        done = _sync(
            project, add, wait_s, retry_failed=True, is_reported=is_reported, as_json=as_json
        )
    if as_json:
        print_json({"datasets": [done.entry]})
    if code := _code_of_push(done.entry):
        raise typer.Exit(code)


def _code_of_push(entry: dict[str, Any]) -> int:
    """The exit code of the push that `publish_to` asks for; 0 without one."""
    pushed = entry.get("pushed")
    return int(pushed["exit_code"]) if pushed is not None else 0


@dataclass(frozen=True, slots=True)
class _Done:
    """One request that was carried out.

    entry: its entry in the JSON.
    may_be_marked: there was nothing to do, and the Hub was not asked.
    is_told: Dagster knows all of it, or there is none.
    """

    entry: dict[str, Any]
    may_be_marked: bool
    is_told: bool


def _sync(
    project: ProjectSettings,
    add: AddFile,
    wait_s: float,
    *,
    digest: str | None = None,
    retry_failed: bool = False,
    is_reported: bool,
    as_json: bool,
) -> _Done:
    """Make what is missing, and print the result."""
    # Imported only for a valid request: these load the heavy libraries.
    from hugflow.shards.plans import read_current_id
    from hugflow.stages.planning.estimate import compare, read_estimate
    from hugflow.stages.standing.removal_records import forget_removed
    from hugflow.stages.sync import sync_dataset
    from hugflow.stages.telling.rows_safe import safe_rows_of
    from hugflow.stages.telling.tracker import Tracker

    planned_before = read_current_id(project.places, add.request.name)
    with native_talk_in_log(), safe_rows_of(project.places, add.request.name):
        build = open_request(project, add.request, wait_s=wait_s, digest=digest)
        forget_removed(build.places, build.name)
        tracker = Tracker(build)
        with watch_dataset(tracker, project.settings.progress_interval) as watch:
            synced = sync_dataset(
                build,
                tracker,
                retry_failed=retry_failed,
                on_rows=watch.on_rows,
                on_step_rows=watch.on_step_rows,
            )
    build = synced.published.build
    note = _look_upstream(build) if build.plan.id == planned_before else None
    is_told = is_reported and _report(project, synced, build)
    onward = _push_onward(project, build) if add.request.publish_to is not None else None
    manifest, link = synced.published.manifest, build.places.link(build.name)
    rows, estimated = manifest.rows, read_estimate(build.places, build.plan)
    steps = manifest.flows.steps if manifest.flows is not None else ()
    compared = compare(build, estimated, manifest) if estimated is not None else []
    if not as_json:
        if not synced.was_complete:
            _print_made(rows, synced.new_rows)
            if manifest.lost_values:
                _print_lost(manifest.lost_values)
            for step in steps:
                left = f"{step.dropped:,} left out, {step.errors:,} failed"
                print_data(f"  {step.words}: {count(step.rows, 'row')}, {left}")
            print_compared(compared)
        linked = f"{link} -> {build.folder.root}"
        print_done("linked", linked, linked)
        if onward is not None and onward["address"] is not None:
            print_data(f"  pushed: {onward['address']}")
    entry = {
        "name": build.name,
        "request": add.path,
        "state": "completed",
        "location": str(build.folder.root),
        "link": str(link),
        "rows": rows.made,
        "failed_rows": rows.failed,
        "left_out": rows.left_out,
        "unmatched": rows.unmatched,
        "unmatched_rows": list(rows.unmatched_rows),
        "new_rows": synced.new_rows,
        "was_complete": synced.was_complete,
        "flows": [asdict(step) for step in steps],
        "planned": {each.what: each.planned for each in compared} or None,
        "actual": {each.what: each.actual for each in compared} or None,
        "note": note,
    }
    if onward is not None:
        entry["pushed"] = onward
    is_quiet = synced.was_complete and build.plan.conversion is None and onward is None
    return _Done(entry, is_quiet, is_told)


def _push_onward(project: ProjectSettings, build: "Build") -> dict[str, Any] | None:
    """Push a published dataset to the place that its request names; the outcome for the JSON."""
    from hugflow.audit import this_user
    from hugflow.pushing.onward import push_onward

    onward = push_onward(
        project.places,
        build.request,
        open_hub(project),
        policy=build.options.policy,
        actor=this_user(),
    )
    if onward is None:
        return None
    if onward.error is not None:
        print_error(onward.error)
    code = onward.error.exit_code if onward.error is not None else 0
    push = onward.push
    return {
        "to": push.to,
        "version": push.pushed,
        "address": push.address,
        "why": push.why,
        "exit_code": code,
    }


def _look_upstream(build: "Build") -> str | None:
    """A note on a dataset that the Hub converts: its rows may change without a new commit.

    Asks the Hub only about a conversion; no note when the Hub does not answer.
    """
    from hugflow.stages.standing.drift import find_drift

    if build.plan.conversion is None:
        return None
    try:
        drift = find_drift(build.places, build.name, build.hub, datetime.now(UTC))
    except HugflowError as error:
        log.info("%s: %s", error.what, error.why)
        return None
    if drift is None or drift.note is None:
        return None
    follow = "" if drift.gone is not None else "; hugflow plan FILE --update follows it"
    print_warning(f"{build.name}: {drift.words}{follow}")
    return drift.note


def _make_sample(
    project: ProjectSettings, add: AddFile, limit: int, wait_s: float, *, as_json: bool
) -> dict[str, Any]:
    """Make a sample, print the result, and return its entry in the JSON."""
    from hugflow.stages.sample import make_sample, open_sample

    options = replace(project.options, lock_wait_s=wait_s)
    sample = open_sample(add.request, project.places, open_hub(project), options, rows=limit)
    collect_now()
    with (
        # Before the progress bar, which keeps the stderr that it finds.
        native_talk_in_log(),
        watch_rows(
            add.request.hf_id, sample.count_rows(), 0, project.settings.progress_interval
        ) as on_rows,
    ):
        sampled = make_sample(sample, on_rows=on_rows)
    rows = sampled.manifest.rows
    if not as_json:
        _print_made(rows, sampled.new_rows)
        print_data(f"{sample.folder.root} is a sample: it is not published")
        if sampled.would_leave_out is not None:
            left = f"{sampled.would_leave_out:,} of {count(rows.made, 'row')}"
            print_data(f"  keep is not applied to it; it would leave out {left}")
        if add.request.flows:
            print_data("  the row steps of the request are not run over it")
    return {
        "name": sample.name,
        "request": add.path,
        "state": "completed",
        "sample": rows.planned,
        "location": str(sample.folder.root),
        "link": None,
        "rows": rows.made,
        "failed_rows": rows.failed,
        "new_rows": sampled.new_rows,
        "would_leave_out": sampled.would_leave_out,
    }


def _preview(project: ProjectSettings, add: AddFile, *, as_json: bool) -> dict[str, Any]:
    """Print what a sync would make, and return its entry in the JSON."""
    from hugflow.stages.planning.preview import preview_sync
    from hugflow.stages.standing.status import read_status

    places = project.places
    preview = preview_sync(add.request, places, open_hub(project), project.options)
    plan, done = preview.plan, preview.done
    if not as_json:
        is_new = "would be planned" if preview.is_new_plan else "is planned"
        print_done("planned", plan.dataset, plan.dataset)
        print_field("commit", f"{plan.commit}, {is_new} there", 9)
        print_field("rows", _missing_words(preview), 9)
        if preview.reused.rows:
            print_field("reused", f"{count(preview.reused.rows, 'row')} of the existing tree", 9)
        fetched, files = human_bytes(preview.fetch_bytes), count(plan.file_count, "file")
        print_field("fetch", f"{preview.fetch_files:,} of {files}, {fetched}", 9)
        print_field("tree", places.dataset(plan.dataset).root, 9)
        print_field("link", places.link(plan.dataset), 9)
        print_data("nothing was made or recorded")
    return {
        "name": plan.dataset,
        "request": add.path,
        "state": read_status(places, plan.dataset).state,
        "commit": plan.commit,
        "plan": plan.id,
        "is_new_plan": preview.is_new_plan,
        "total_rows": preview.rows,
        "rows": done.rows,
        "failed_rows": done.failed_rows,
        "reused_rows": preview.reused.rows,
        "missing_rows": preview.missing_rows,
        "fetch_files": preview.fetch_files,
        "fetch_bytes": preview.fetch_bytes,
        "location": str(places.dataset(plan.dataset).root),
    }


def _missing_words(preview: "Preview") -> str:
    if preview.rows is None or preview.missing_rows is None:
        return f"{preview.done.rows:,} are made; how many there are is known once all are fetched"
    return f"{preview.missing_rows:,} to make of {preview.rows:,}"


def _print_made(rows: "ManifestRows", new_rows: int) -> None:
    failed = f", {rows.failed:,} could not be made" if rows.failed else ""
    words = f"{count(rows.made, 'row')}, {new_rows:,} of them new{failed}"
    print_done("made", words, words)
    if rows.unmatched:
        named = f", such as {', '.join(rows.unmatched_rows)}" if rows.unmatched_rows else ""
        print_data(
            f"  left out: {count(rows.unmatched, 'row')} of tables, with a clip in no archive{named}"
        )


def _print_lost(lost: Mapping[str, int]) -> None:
    named = ", ".join(f"{name} ({number:,})" for name, number in list(lost.items())[:5])
    print_data(f"  left out: {count(sum(lost.values()), 'value')} without a column: {named}")


def _report(project: ProjectSettings, synced: "Synced", build: "Build") -> bool:
    """Pass what was made to the installed reporters; a failing reporter is only logged.

    Returns whether all know all of it.
    """
    home = os.environ.get("DAGSTER_HOME")
    has_dagster = project.root is not None and (project.root / DAGSTER_CONFIG).is_file()
    if project.root is None or not (has_dagster or home):
        return True
    from hugflow.stages.telling.told import is_told, mark_told

    if synced.was_complete and is_told(build, project.root, home):
        log.info("Dagster knew %s already", count(len(synced.shards), "shard"))
        return True
    is_all_told = True
    for entry_point in entry_points(group="hugflow.reporters"):
        try:
            with step("telling Dagster what was made"):
                words = entry_point.load()(project.root, synced, build)
            log.info("%s", words)
        except HugflowError as error:
            is_all_told = False
            name = entry_point.name
            log.warning("%s could not be given what was made: %s", name, error)
        except Exception:
            is_all_told = False
            log.warning("%s could not be given what was made", entry_point.name, exc_info=True)
    if is_all_told:
        mark_told(build, project.root, home)
    return is_all_told
