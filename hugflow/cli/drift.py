"""The command `drift`: it asks whether the sources of datasets have moved on."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.activity import step
from hugflow.cli.asked import read_project_requests
from hugflow.cli.builds import choose_statuses, open_hub, open_project
from hugflow.cli.completion import complete_name
from hugflow.cli.options import EXIT_DIFFERENT, AsJson
from hugflow.cli.output import failed_entry, print_data, print_error, print_json
from hugflow.errors import HugflowError

if TYPE_CHECKING:
    from hugflow.stages.standing.drift import Drift
    from hugflow.stages.standing.status import DatasetStatus


def drift(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Datasets; without one, all.", autocompletion=complete_name
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the Hub whether datasets are still what was planned: all of them, or one.

    Nothing is planned, made or removed. Exits with 3 when a source has moved on or is gone. The
    Hub's answer is stored, and `hugflow status` shows it as a note.
    """
    from hugflow.stages.standing.drift import find_drift

    project = open_project()
    statuses = choose_statuses(project, read_project_requests(project), names)
    hub = open_hub(project)
    entries: list[dict[str, Any]] = []
    code = 0
    for status in statuses:
        try:
            with step(f"asking the Hub about {status.name}"):
                found = find_drift(project.places, status.name, hub, datetime.now(UTC))
        except HugflowError as error:
            print_error(error)
            code = code or error.exit_code
            entries.append(failed_entry(status.request or "", error, status.name))
            continue
        if found is None:
            continue
        entries.append(_entry(status, found))
        if not as_json:
            print_data(f"{status.name}: {found.words}")
            if advice := _advise(status, found):
                print_data(f"  {advice}")
    if as_json:
        print_json({"datasets": entries})
    elif not entries:
        print_data("no dataset is planned yet")
    if code or any(entry.get("has_moved") for entry in entries):
        raise typer.Exit(code or EXIT_DIFFERENT)


def _entry(status: "DatasetStatus", found: "Drift") -> dict[str, Any]:
    return {
        "name": status.name,
        "request": status.request,
        "state": status.state,
        "note": found.note,
        "has_moved": found.has_moved,
        "commit": found.plan.commit,
        "upstream": found.upstream,
        "files_commit": found.plan.files_commit,
        "conversion": found.conversion,
        "why": found.gone,
    }


def _advise(status: "DatasetStatus", found: "Drift") -> str | None:
    if found.gone is not None:
        return "what is published stays" if status.link is not None else None
    if not found.has_moved:
        return None
    return f"to follow it: hugflow plan {status.request or 'FILE'} --update"
