"""The commands `ls`, `logs` and `open`: what is stored, what happened, where to look."""

import os
import sys
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from hugflow.amounts import human_bytes
from hugflow.cli.asked import read_project_requests
from hugflow.cli.builds import choose_one, choose_statuses, open_project
from hugflow.cli.completion import complete_name
from hugflow.cli.options import AsJson, Name, Names
from hugflow.cli.output import paint_data, print_data, print_json, print_talk
from hugflow.cli.running_up import find_address
from hugflow.cli.status_table import COLOR_BY_STATE
from hugflow.errors import HugflowError
from hugflow.redact import redact
from hugflow.settings import ProjectSettings
from hugflow.store.layout import dagster_folders

if TYPE_CHECKING:
    from hugflow.stages.standing.status import DatasetStatus

MOST_FAILURES = 20


def ls(
    names: Names = None,
    as_json: AsJson = False,
) -> None:
    """List datasets, one a line: state, bytes, name, and where it is."""
    project = open_project()
    statuses = choose_statuses(project, read_project_requests(project), names)
    if as_json:
        print_json({"datasets": [_entry(status) for status in statuses]})
        return
    width = max((len(status.name) for status in statuses), default=0)
    for status in statuses:
        size = human_bytes(status.bytes) if status.bytes else "-"
        where = status.link or status.location or ""
        state = paint_data(f"{status.state:<11}", COLOR_BY_STATE.get(status.state, ""))
        print_data(f"{state}  {size:>8}  {status.name:<{width}}  {where}".rstrip())
    if not statuses:
        print_talk("no datasets yet: `hugflow add OWNER/NAME` writes a request")


def logs(
    name: Name,
    last: Annotated[
        int, typer.Option("--last", min=1, metavar="N", help="Lines of the last run to show.")
    ] = 200,
) -> None:
    """Show what was done with a dataset, the rows that failed, and the log of its last run.

    The log is that of the last run of Dagster; `local-sync` logs to its own terminal.
    """
    project = open_project()
    status = choose_one(project, read_project_requests(project), name)
    for line in _story(project, status, last):
        print_data(line)


def open_page(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A dataset; without one, the overview.",
            autocompletion=complete_name,
        ),
    ] = None,
) -> None:
    """Print the address of a dataset in the web UI; at a terminal, open it in the browser."""
    project = open_project()
    dataset = None
    if name is not None:
        status = choose_one(project, read_project_requests(project), name)
        dataset = status.name
    address = find_address(project.places)
    if address is None:
        raise HugflowError(
            "the web UI does not run",
            why="no `hugflow up` of this project is at work",
            mend="run `hugflow up`, in another terminal or in the background",
        )
    url = address
    if dataset is not None:
        url = f"{address}/assets/{quote(dataset)}/processed"
    print_data(url)
    if sys.stdout.isatty() and not os.environ.get("SSH_CONNECTION"):
        import webbrowser

        webbrowser.open(url)


def _entry(status: "DatasetStatus") -> dict[str, object]:
    return {
        "name": status.name,
        "request": status.request,
        "state": status.state,
        "bytes": status.bytes,
        "location": status.location,
        "link": status.link,
    }


def _story(project: ProjectSettings, status: "DatasetStatus", last: int) -> Iterator[str]:
    from hugflow.audit import read_trail
    from hugflow.cli.audit import to_line
    from hugflow.ledger.progress import read_progress

    for entry in read_trail(project.places):
        if entry.deed.dataset == status.name:
            yield to_line(entry)
    failures = project.places.dataset(status.name).failures
    if failures.is_file():
        with failures.open(encoding="utf-8", errors="replace") as file:
            yield from (f"failed row  {line.rstrip()}" for line in islice(file, MOST_FAILURES))
    if status.error is not None:
        yield f"the last run ended with\n{status.error}"
    progress = read_progress(project.places.progress(status.name))
    if progress is None or progress.run is None:
        return
    yield f"run {progress.run}"
    for log in sorted(_compute_logs(project, progress.run)):
        with log.open(encoding="utf-8", errors="replace") as file:
            yield from (redact(line.rstrip("\n")) for line in deque(file, maxlen=last))


def _compute_logs(project: ProjectSettings, run_id: str) -> Iterator[Path]:
    """The files in which Dagster keeps what the processes of a run wrote to stderr."""
    _, records = dagster_folders(project.root or Path.cwd(), os.environ.get("DAGSTER_HOME"))
    folder = records / "compute_logs" / run_id
    if run_id.replace("-", "").isalnum() and folder.is_dir():
        yield from folder.rglob("*.err")
