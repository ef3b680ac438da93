"""The audit trail on the command line."""

from collections import deque
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.activity import step
from hugflow.cli.asked import (
    as_listed,
    read_project_requests,
    refuse_refused,
    request_path_by_name,
)
from hugflow.cli.builds import open_project
from hugflow.cli.completion import complete_name
from hugflow.cli.options import EXIT_DIFFERENT, AsJson
from hugflow.cli.output import print_data, print_json, print_talk
from hugflow.requests.match_names import match_name, no_such_dataset
from hugflow.settings import ProjectSettings

if TYPE_CHECKING:
    from hugflow.audit import Entry

app = typer.Typer()


@app.callback(invoke_without_command=True)
def audit(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Option(
            "--dataset", metavar="NAME", autocompletion=complete_name, help="Of one dataset."
        ),
    ] = None,
    last: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The last N entries only.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was done here, by whom and when."""
    if context.invoked_subcommand is not None:
        return
    from hugflow.audit import read_trail

    project = open_project()
    trail = read_trail(project.places)
    if name is not None:
        name = _name_in_full(project, name)
    kept = (entry for entry in trail if name is None or entry.deed.dataset == name)
    entries = deque(kept, maxlen=last)
    if as_json:
        print_json({"entries": [_to_json(entry) for entry in entries]})
        return
    for entry in entries:
        print_data(to_line(entry))
    if not entries:
        print_talk(f"nothing was done {'here' if name is None else f'with {name}'} yet")


@app.command("verify")
def verify(as_json: AsJson = False) -> None:
    """Check the chain of the audit trail. Exits with 3 when a line was changed or is missing."""
    from hugflow.audit import find_faults, read_trail

    places = open_project().places
    with step("checking the audit trail"):
        faults = list(find_faults(places))
    entries = sum(1 for _ in read_trail(places))
    if as_json:
        told = [{"line": fault.line, "why": fault.why} for fault in faults]
        print_json({"entries": entries, "faults": told})
    else:
        for fault in faults:
            print_data(f"{places.audit}:{fault.line}: {fault.why}")
        if not faults:
            print_data(
                f"all {entries:,} entries hang together" if entries != 1 else "the 1 entry is whole"
            )
    if faults:
        raise typer.Exit(EXIT_DIFFERENT)


def _name_in_full(project: ProjectSettings, wanted: str) -> str:
    """The dataset that is meant, also one that only the trail knows; UsageWrong for no match."""
    from hugflow.audit import read_trail
    from hugflow.stages.standing.stored import list_names

    requests = read_project_requests(project)
    files, wanted = request_path_by_name(requests), as_listed(project, requests, wanted)
    told = {entry.deed.dataset for entry in read_trail(project.places)} - {""}
    known = {*told, *files, *list_names(project.places)}
    name = match_name(wanted, known, files)
    if name is None:
        refuse_refused(project, requests, wanted)
        raise no_such_dataset(wanted, known)
    return name


def to_line(entry: "Entry") -> str:
    """One entry of the trail in one line."""
    deed = entry.deed
    at = entry.at.strftime("%Y-%m-%d %H:%M:%S")
    result = ", ".join(f"{key} {value}" for key, value in deed.result.items() if value is not None)
    commit = f" at {deed.commit[:7]}" if deed.commit else ""
    return f"{at}  {deed.what:<12}  {deed.dataset}{commit}  by {deed.who}  {result}".rstrip()


def _to_json(entry: "Entry") -> dict[str, Any]:
    deed = entry.deed
    return {
        "seq": entry.seq,
        "at": entry.at.isoformat(),
        "who": deed.who,
        "what": deed.what,
        "dataset": deed.dataset,
        "commit": deed.commit,
        "plan": deed.plan,
        "result": dict(deed.result),
    }
