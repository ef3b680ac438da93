"""Commands about plans."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.activity import step
from hugflow.amounts import count, human_bytes, human_time
from hugflow.cli.builds import open_project, open_request, refuse_removed
from hugflow.cli.named_requests import read_named
from hugflow.cli.options import EXIT_DIFFERENT, AsJson, NamedRequests, WaitSeconds
from hugflow.cli.output import (
    failed_entry,
    print_error,
    print_json,
    print_warning,
)
from hugflow.cli.plan_layout import check_layout, plan_in_layout
from hugflow.cli.verbs import print_done, print_field, print_tally
from hugflow.errors import HugflowError
from hugflow.native_talk import native_talk_in_log
from hugflow.redact import in_a_line
from hugflow.requests.model import AddRequest
from hugflow.settings import ProjectSettings

if TYPE_CHECKING:
    from hugflow.stages.build.build import Build
    from hugflow.stages.planning.estimate import Estimate


def plan(
    wanted: NamedRequests = None,
    as_json: AsJson = False,
    is_update: Annotated[
        bool, typer.Option("--update", help="Plan at the commit the revision points to now.")
    ] = False,
    with_exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 3 when there is work to do.")
    ] = False,
    is_sampled: Annotated[
        bool, typer.Option("--sample/--no-sample", help="Read a few rows to estimate all.")
    ] = True,
    layout: Annotated[
        str | None,
        typer.Option("--layout", help="Show the plan in this layout; nothing is recorded."),
    ] = None,
    wait_s: WaitSeconds = 0,
) -> None:
    """Plan a request: commit, rows, files, bytes, hours, disk, time, licence.

    The plan is recorded; the next sync reads everything at its commit. A dataset keeps its plan
    unless you give --update. After --update the new tree replaces the old one when it is complete,
    and unchanged files are not fetched again.
    """
    if layout is not None:
        check_layout(layout)
    project = open_project()
    entries: list[dict[str, Any]] = []
    failed: list[str] = []
    code = 0
    all_named = read_named(project, wanted or (), update=is_update)
    for named in all_named:
        file, name = named.path, named.name
        try:
            request = named.get().request
            refuse_removed(project, request)
            if layout is not None:
                entry = plan_in_layout(project, request, file, layout)
            else:
                build = open_request(project, request, wait_s=wait_s, update=is_update)
                _warn_of_steps(project, request)
                with native_talk_in_log():
                    estimated = _estimate(build) if is_sampled else None
                entry = _summarise(file, build, estimated)
        except HugflowError as error:
            print_error(error)
            code = code or error.exit_code
            failed.append(named.label)
            entries.append(failed_entry(file, error, name))
            continue
        entries.append(entry)
        if not as_json:
            _print_summary(entry)
    if as_json:
        print_json({"datasets": entries})
    print_tally([each.label for each in all_named], failed, verb="planned")
    if with_exit_code and any(map(_has_work, entries)):
        code = code or EXIT_DIFFERENT
    if code:
        raise typer.Exit(code)


def _warn_of_steps(project: ProjectSettings, request: AddRequest) -> None:
    """Warn of row steps whose class is not in its files: a sync would refuse them."""
    if not request.flows or project.root is None:
        return
    from hugflow.flows.class_names import find_unknown_classes
    from hugflow.flows.places import FlowPlaces

    for step_, unknown in find_unknown_classes(FlowPlaces(project.root), request.flows):
        print_warning(f"{request.hf_id}: step {step_.name!r}: {unknown.what}; {unknown.mend}")


def _has_work(entry: dict[str, Any]) -> bool:
    """Whether a planned dataset is still to be made, published, or brought to its request."""
    publication = entry.get("publication")
    is_published = publication is None or publication["state"] == "published"
    return entry["state"] != "completed" or not is_published or bool(entry.get("pending"))


def _estimate(build: "Build") -> "Estimate":
    # Imported when called: it loads the heavy libraries.
    from hugflow.stages.planning.estimate import estimate

    with step(f"estimating {build.request.hf_id}"):
        return estimate(build)


def _summarise(file: str, build: "Build", estimated: "Estimate | None") -> dict[str, Any]:
    """The entry of a plan in the JSON."""
    from hugflow.shards.plan import plan_digest, plan_summary
    from hugflow.stages.publishing.pending import find_pending
    from hugflow.stages.standing.publication import find_publication
    from hugflow.stages.standing.status import to_status

    summary = plan_summary(build.plan, hours=estimated.hours if estimated is not None else None)
    # Without a place in the request, an earlier publication is no part of the plan.
    to, manifest = build.request.publish_to, build.stored.find_published(build.plan)
    publication = (
        find_publication(build.places, build.name, to, manifest) if to is not None else None
    )
    return {
        "name": build.name,
        "request": file,
        "state": to_status(build.places, build.stored).state,
        "digest": plan_digest(build.plan, build.request),
        **summary,
        # Each file is asked for once.
        "requests": build.plan.file_count,
        "estimate": asdict(estimated) if estimated is not None else None,
        "keep": build.request.keep,
        "pending": find_pending(build, manifest) if manifest is not None else [],
        "publish_to": publication.to if publication is not None else None,
        "publication": asdict(publication) if publication is not None else None,
    }


def _audio(summary: dict[str, Any]) -> str:
    columns = summary.get("audio_columns", [summary["audio_column"]])
    return ", ".join(filter(None, columns)) or "none: text only"


def _print_summary(summary: dict[str, Any]) -> None:
    gate = "gated" if summary["gated"] else "not gated"
    estimated = summary["estimate"]
    hours = "not known yet" if summary["hours"] is None else f"{summary['hours']:,.3f}"
    if estimated is not None and estimated["basis"] == "sampled":
        low, high = estimated["hours_range"] or (summary["hours"], summary["hours"])
        known = f"{low:,.3f} to {high:,.3f}, by {count(estimated['sampled_rows'], 'row')}"
        hours = f"about {hours} ({known})"
    print_done("planned", summary["name"], summary["name"])
    print_field("commit", summary["commit"])
    rows = summary["total_rows"]
    rows = "not known before they are fetched," if rows is None else f"{rows:,}"
    print_field("rows", f"{rows} in {count(summary['files'], 'file')}")
    print_field("hours", hours)
    print_field("source", human_bytes(summary["source_bytes"]))
    for label, value in _estimate_fields(summary):
        print_field(label, value)
    print_field("licence", f"{summary['licence'] or 'none named'}, {gate}")
    if summary["keep"] is not None:
        print_field("keep", in_a_line(f"{summary['keep']} (rows that do not meet it are left out)"))
    if summary["pending"]:
        print_field("pending", f"{', '.join(summary['pending'])}: the next sync brings it")
    print_field("audio", _audio(summary))
    print_field("text", summary["text_column"] or "none")
    if summary["publication"] is not None:
        to, state = summary["publish_to"], summary["publication"]["state"]
        words = to if "://" in to else f"{to} on the Hub"
        print_field("publish to", words if state == "pending" else f"{words} ({state})")
    for warning in summary["warnings"]:
        print_field("warning", warning)
    print_field("digest", summary["digest"])


def _estimate_fields(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """What a plan will give, each figure with its label."""
    estimated = summary["estimate"]
    if estimated is None:
        return [("disk needed", f"about {human_bytes(summary['disk_needed_bytes'])}")]
    mp3_bytes, files, peak_bytes = (estimated[key] for key in ("mp3_bytes", "files", "peak_bytes"))
    peak = f"about {human_bytes(peak_bytes)} at its peak" if peak_bytes else "none: it is complete"
    mp3 = "not known yet" if mp3_bytes is None else f"about {human_bytes(mp3_bytes)}"
    fields = [
        ("MP3", mp3 + _range_words(estimated["mp3_bytes_range"])),
        ("files", "not known yet" if files is None else f"about {files:,}"),
        ("disk needed", peak),
    ]
    if estimated["quota_left_bytes"] is not None:
        fields.append(("quota left", human_bytes(estimated["quota_left_bytes"])))
    if estimated["eta_s"] is not None and peak_bytes:
        is_long = estimated["eta_s"] >= 1
        eta = f"about {human_time(estimated['eta_s'])}" if is_long else "1 s or less"
        fields.append(("encoding", f"{eta} on this machine"))
    if estimated["rate_floor_s"]:
        floor = human_time(estimated["rate_floor_s"])
        told = f"{summary['requests']:,} requests: fetching takes {floor} at least"
        fields.append(("rate limit", told))
    return fields


def _range_words(span: tuple[int, int] | None) -> str:
    """` (1.2 GB to 1.5 GB)`; nothing for an exact figure."""
    return "" if span is None else f" ({human_bytes(span[0])} to {human_bytes(span[1])})"
