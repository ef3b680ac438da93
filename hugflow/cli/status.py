"""The command `status`: the state of datasets."""

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.amounts import human_bytes
from hugflow.cli.asked import read_project_requests
from hugflow.cli.builds import choose_statuses, open_project
from hugflow.cli.completion import complete_name
from hugflow.cli.options import AsJson
from hugflow.cli.output import has_reader, print_data, print_json, print_talk
from hugflow.requests.collect import RequestSet
from hugflow.settings import ProjectSettings
from hugflow.store.layout import Places

if TYPE_CHECKING:
    from hugflow.stages.standing.status import DatasetStatus

WATCH_EVERY_S = 2.0
CLEAR_SCREEN = "\x1b[2J\x1b[H"


def status(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="One dataset.", autocompletion=complete_name),
    ] = None,
    as_json: AsJson = False,
    is_watched: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again whenever something has changed.")
    ] = False,
) -> None:
    """Show the state of all datasets, or one in detail."""
    project = open_project()
    requests = read_project_requests(project)
    statuses = choose_statuses(project, requests, name)
    _show(project, requests, statuses, name, as_json=as_json)
    if is_watched:
        try:
            for changed in _changes(project, name, statuses):
                if sys.stdout.isatty():
                    print_data(CLEAR_SCREEN)
                _show(project, requests, changed, name, as_json=as_json)
        except KeyboardInterrupt:
            raise typer.Exit from None


def _changes(
    project: ProjectSettings, name: str | None, last: "list[DatasetStatus]"
) -> "Iterator[list[DatasetStatus]]":
    """Yield the statuses whenever they change, while stdout has a reader."""
    while has_reader():
        time.sleep(WATCH_EVERY_S)
        statuses = choose_statuses(project, read_project_requests(project), name)
        if statuses != last:
            last = statuses
            yield statuses


def _show(
    project: ProjectSettings,
    requests: RequestSet,
    statuses: "list[DatasetStatus]",
    name: str | None,
    *,
    as_json: bool,
) -> None:
    if as_json:
        refused = [{"request": problem.path, "what": problem.what} for problem in requests.problems]
        print_json({"datasets": [asdict(status) for status in statuses], "refused": refused})
        return
    if name is not None:
        _print_one(statuses[0])
        for line in _statistics_lines(project.places, statuses[0].name):
            print_data(line)
    elif statuses:
        _print_table(statuses)
    else:
        print_data("no datasets yet: put a request into requests/add/")
    if name is None:
        for problem in (*requests.problems, *requests.warnings):
            print_talk(problem.headline)


def _statistics_lines(places: Places, name: str) -> list[str]:
    """The measured figures of a complete dataset, a line each; empty for an unfinished one."""
    from hugflow.stages.tree.stored_dataset import glance_at_dataset
    from hugflow.statistics.figures import render_lines

    manifest = glance_at_dataset(places, name).manifest
    statistics = manifest.statistics if manifest is not None else None
    return render_lines(statistics) if statistics is not None else []


def _print_one(status: "DatasetStatus") -> None:
    values: dict[str, Any] = asdict(status)
    values["bytes"] = f"{status.bytes:,} ({human_bytes(status.bytes)})"
    error = values.pop("error")
    del values["steps"]
    for field, value in values.items():
        print_data(f"{field.replace('_', ' '):<16} {'-' if value is None else value}")
    for step in status.steps:
        counts = f"{step.rows:,} rows, {step.dropped:,} left out, {step.errors:,} failed"
        print_data(f"{f'step {step.name}':<16} {counts}")
    if error is not None:
        print_data(f"the last run ended with\n  {error.replace(chr(10), chr(10) + '  ')}")


def _print_table(statuses: "list[DatasetStatus]") -> None:
    width = max(len("DATASET"), *(len(status.name) for status in statuses))
    title = "  NOTE" if any(status.note for status in statuses) else ""
    heads = f"{'DATASET':<{width}}  {'STATE':<11}  {'ROWS':>17}  {'BYTES':>9}  {'HOURS':>8}"
    print_data(heads + title)
    for status in statuses:
        total = "?" if status.total_rows is None else f"{status.total_rows:,}"
        rows = f"{status.rows:,}/{total}"
        hours = f"{status.hours:,.3f}" if status.hours else "-"
        size = human_bytes(status.bytes) if status.bytes else "-"
        line = f"{status.name:<{width}}  {status.state:<11}  {rows:>17}  {size:>9}  {hours:>8}"
        print_data(f"{line}  {status.note}" if status.note else line)
        if status.state != "completed" and status.link is not None:
            print_data(
                f"{'':<{width}}  (the published dataset stays in place until this is complete)"
            )
