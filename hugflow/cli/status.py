"""The command `status`: the state of datasets."""

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.amounts import count, human_bytes, short_time
from hugflow.cli.asked import read_project_requests
from hugflow.cli.builds import choose_datasets, open_project
from hugflow.cli.options import AsJson, Names
from hugflow.cli.output import has_reader, print_data, print_json, print_talk
from hugflow.cli.running_up import find_run_url
from hugflow.cli.status_table import Speed, seconds_of, table_lines
from hugflow.errors import explain, show_fix
from hugflow.late_dataclass import dataclass
from hugflow.requests.problems import Problem
from hugflow.settings import ProjectSettings
from hugflow.store.layout import Places

if TYPE_CHECKING:
    from hugflow.stages.standing.fetched import Fetched
    from hugflow.stages.standing.publication import Publication
    from hugflow.stages.standing.status import DatasetStatus

WATCH_EVERY_S = 2.0
# Longer than a sync goes from one stage to the next.
MOMENT_S = 0.5
CLEAR_SCREEN = "\x1b[2J\x1b[H"


@dataclass(frozen=True, slots=True)
class _Look:
    """What is seen at one time.

    refused: why request files are refused. warnings: what is odd about accepted ones.
    fetched: source files of the datasets that are being made, by name.
    """

    statuses: "list[DatasetStatus]"
    refused: list[Problem]
    warnings: list[Problem]
    fetched: "dict[str, Fetched]"


def status(
    names: Names = None,
    as_json: AsJson = False,
    is_watched: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again whenever something has changed.")
    ] = False,
) -> None:
    """Show the state of all datasets, or of some; of one, in detail.

    A request that is refused or waits shows what prevents it, and when it is tried again.
    """
    project = open_project()
    look = _look(project, names)
    speed = Speed()
    speed.see(look.statuses, look.fetched)
    _show(project, look, names, speed, as_json=as_json)
    if is_watched:
        try:
            for changed in _changes(project, names, look, speed):
                if sys.stdout.isatty():
                    print_data(CLEAR_SCREEN)
                _show(project, changed, names, speed, as_json=as_json)
        except KeyboardInterrupt:
            raise typer.Exit from None


def _look(project: ProjectSettings, names: list[str] | None, last: _Look | None = None) -> _Look:
    """The statuses; a dataset that looks interrupted is looked at again.

    Between two of its stages a sync holds no lock of its dataset for a moment.
    """
    requests = read_project_requests(project)
    statuses, refused = choose_datasets(project, requests, names)
    if any(status.state == "interrupted" for status in statuses):
        time.sleep(MOMENT_S)
        statuses, refused = choose_datasets(project, requests, names)
    asked = {status.request for status in statuses}
    warnings = [each for each in requests.warnings if not names or each.path in asked]
    return _Look(statuses, refused, warnings, _measure_fetched(project, statuses, last))


def _measure_fetched(
    project: ProjectSettings, statuses: "list[DatasetStatus]", last: _Look | None
) -> "dict[str, Fetched]":
    from hugflow.stages.standing.fetched import measure_fetched

    before = last.fetched if last is not None else {}
    found = {
        status.name: measure_fetched(project.places, status.name, before.get(status.name))
        for status in statuses
        if status.state == "downloading"
    }
    return {name: fetched for name, fetched in found.items() if fetched is not None}


def _changes(
    project: ProjectSettings, names: list[str] | None, last: _Look, speed: Speed
) -> Iterator[_Look]:
    """Yield what is seen whenever it has changed, while stdout has a reader."""
    while has_reader():
        time.sleep(WATCH_EVERY_S)
        look = _look(project, names, last)
        speed.see(look.statuses, look.fetched)
        if look != last:
            last = look
            yield look


def _show(
    project: ProjectSettings,
    look: _Look,
    names: list[str] | None,
    speed: Speed,
    *,
    as_json: bool,
) -> None:
    statuses, refused = look.statuses, look.refused
    url_by_run = {
        status.run: find_run_url(project.places, status.run)
        for status in statuses
        if status.run is not None
    }
    if as_json:
        entries = [_to_entry(status, url_by_run, speed) for status in statuses]
        notes = {
            "refused": [_to_note(each, "refused") for each in refused],
            "warnings": [_to_note(each, "warning") for each in look.warnings],
        }
        print_json({"datasets": entries, **notes})
        return
    if names and len(statuses) == 1:
        _print_one(statuses[0], url_by_run, speed)
        for line in _statistics_lines(project.places, statuses[0].name):
            print_data(line)
    elif statuses:
        for line in table_lines(statuses, url_by_run, speed):
            print_data(line)
    elif not refused:
        print_data("no datasets yet: `hugflow add OWNER/NAME` writes a request into requests/add/")
    # The answer to a question about some is data.
    tell = print_data if names else print_talk
    for problem in refused:
        tell(f"refused: {problem.render()}")
    for warning in look.warnings:
        tell(f"warning: {warning.render() if names else warning.headline}")


def _to_note(problem: Problem, note: str) -> dict[str, Any]:
    return {
        "request": problem.path,
        "note": note,
        "what": problem.what,
        "why": problem.why,
        "mend": problem.mend,
        "line": problem.line,
    }


def _to_entry(
    status: "DatasetStatus", url_by_run: Mapping[str, str | None], speed: Speed
) -> dict[str, Any]:
    entry = asdict(status)
    if status.obstacle is not None:
        entry["obstacle"] = {
            field: value.isoformat() if isinstance(value, datetime) else value
            for field, value in entry["obstacle"].items()
        }
    entry["run_url"] = url_by_run.get(status.run) if status.run is not None else None
    entry["rows_per_s"], entry["left_s"] = speed.of(status)
    entry["fetched_bytes_per_s"], left_s = speed.fetching(status)
    if entry["left_s"] is None:
        entry["left_s"] = left_s
    return entry


def publication_lines(publication: "Publication | None", *, width: int) -> list[str]:
    """Where a dataset is published to, and what to do where it is not there."""
    if publication is None:
        return []
    lines = [f"{'publication':<{width}} {publication.words}"]
    return lines + ([f"  {show_fix(publication.mend)}"] if publication.mend is not None else [])


def _statistics_lines(places: Places, name: str) -> list[str]:
    """The measured figures of a complete dataset, a line each; empty for an unfinished one."""
    from hugflow.stages.tree.stored_dataset import glance_at_dataset
    from hugflow.statistics.figures import render_lines

    manifest = glance_at_dataset(places, name).manifest
    statistics = manifest.statistics if manifest is not None else None
    return render_lines(statistics) if statistics is not None else []


def _print_one(status: "DatasetStatus", url_by_run: Mapping[str, str | None], speed: Speed) -> None:
    values: dict[str, Any] = asdict(status)
    values["bytes"] = f"{status.bytes:,} ({human_bytes(status.bytes)})"
    values["hours"] = f"{status.hours:,.3f} ({short_time(seconds_of(status))})"
    error = values.pop("error")
    del values["steps"], values["obstacle"], values["audio_seconds"], values["publication"]
    if status.run is not None:
        values["run"] = url_by_run.get(status.run) or status.run
    if status.obstacle is not None and status.note == status.obstacle.note:
        values["note"] = status.obstacle.words
    if (words := speed.words(status)) is not None:
        values["speed"] = words
    for field, value in values.items():
        print_data(f"{field.replace('_', ' '):<16} {'-' if value is None else value}")
    for step in status.steps:
        counts = f"{count(step.rows, 'row')}, {step.dropped:,} left out, {step.errors:,} failed"
        left = (step.total_rows or 0) - step.rows - step.dropped - step.errors
        counts += f", {left:,} to do" if left > 0 else ""
        print_data(f"{f'step {step.name}':<16} {counts}")
    for line in publication_lines(status.publication, width=16):
        print_data(line)
    if status.obstacle is not None:
        told = status.obstacle
        print_data(
            f"it is {told.words}\n  {explain(told.what, told.why, told.mend, indent='    ')}"
        )
    if error is not None:
        print_data(f"the last run ended with\n  {error.replace(chr(10), chr(10) + '  ')}")
