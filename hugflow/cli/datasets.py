"""Commands about datasets: making one, and how they stand."""

import logging
import os
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hugflow.cli.builds import open_project, open_request
from hugflow.cli.output import failed_entry, human_bytes, print_data, print_json
from hugflow.cli.progress import watch_rows
from hugflow.errors import HugflowError, UsageWrong
from hugflow.requests.collect import collect_requests
from hugflow.requests.folder import read_folder
from hugflow.settings import Project, load_project

if TYPE_CHECKING:
    from hugflow.stages.build import Build
    from hugflow.stages.status import DatasetStatus
    from hugflow.stages.sync import Synced

log = logging.getLogger(__name__)


def local_sync(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A request file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for another process at work.")
    ] = 0,
    is_reported: Annotated[
        bool, typer.Option("--report/--no-report", help="Tell Dagster what was made.")
    ] = True,
) -> None:
    """Do the whole job for one request, here and now.

    Download, MP3, JSON, link: whatever of it is missing. Stop it at any time; the next call goes
    on where it stopped.
    """
    project = open_project()
    try:
        build = open_request(project, file, wait_s=wait_s)
        from hugflow.stages.sync import sync_dataset
        from hugflow.stages.tracking import Tracker

        tracker = Tracker(build)
        interval = project.settings.progress_interval
        with watch_rows(build.plan.rows, tracker.rows, interval) as on_rows:
            synced = sync_dataset(build, tracker, on_rows=on_rows)
    except HugflowError as error:
        if as_json:
            print_json({"datasets": [failed_entry(file, error)]})
        raise
    if is_reported:
        _report(project, synced, build)
    rows = synced.published.manifest["rows"]
    link = build.places.link(build.name)
    if as_json:
        entry = {
            "name": build.name,
            "request": str(file),
            "state": "completed",
            "location": str(build.folder.root),
            "link": str(link),
            "rows": rows["made"],
            "failed_rows": rows["failed"],
            "new_rows": synced.new_rows,
            "was_complete": synced.was_complete,
        }
        print_json({"datasets": [entry]})
        return
    if not synced.was_complete:
        failed = f", {rows['failed']} could not be made" if rows["failed"] else ""
        print_data(f"{rows['made']:,} rows, {synced.new_rows:,} of them new{failed}")
    print_data(f"{link} -> {build.folder.root}")


def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One dataset.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show how datasets stand: all of them, or one in full."""
    project = load_project()
    from hugflow.stages.status import read_statuses

    requests: dict[str, str] = {}
    if project.root is not None:
        found = collect_requests(read_folder(project.root))
        requests = {file.request.name: file.path for file in found.adds}
    statuses = read_statuses(project.places, requests)
    if name is not None:
        statuses = [status for status in statuses if status.name == name]
        if not statuses:
            raise UsageWrong(
                f"no dataset is called {name!r}",
                why="it is neither requested, planned nor stored here",
                mend="`hugflow status` lists the names",
            )
    if as_json:
        print_json({"datasets": [asdict(status) for status in statuses]})
    elif name is not None:
        for field, value in asdict(statuses[0]).items():
            print_data(f"{field.replace('_', ' '):<12} {'-' if value is None else value}")
    elif statuses:
        _print_table(statuses)
    else:
        print_data("no datasets yet: put a request into requests/add/")


def _print_table(statuses: "list[DatasetStatus]") -> None:
    width = max(len("DATASET"), *(len(status.name) for status in statuses))
    print_data(f"{'DATASET':<{width}}  {'STATE':<11}  {'ROWS':>17}  {'BYTES':>9}  {'HOURS':>8}")
    for status in statuses:
        total = "?" if status.total_rows is None else f"{status.total_rows:,}"
        rows = f"{status.rows:,}/{total}"
        hours = f"{status.hours:,.3f}" if status.hours else "-"
        size = human_bytes(status.bytes)
        print_data(f"{status.name:<{width}}  {status.state:<11}  {rows:>17}  {size:>9}  {hours:>8}")


def _report(project: Project, synced: "Synced", build: "Build") -> None:
    """Hand what was made to the installed reporters; their failure is not the work's."""
    has_dagster = project.root is not None and (project.root / "dagster.yaml").is_file()
    if project.root is None or not (has_dagster or os.environ.get("DAGSTER_HOME")):
        return
    for entry_point in entry_points(group="hugflow.reporters"):
        try:
            log.info("%s", entry_point.load()(project.root, synced, build))
        except Exception:
            log.warning("%s could not be told what was made", entry_point.name, exc_info=True)
