"""Commands about plans."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hugflow.cli.builds import open_project, open_request
from hugflow.cli.completion import complete_request_file
from hugflow.cli.output import (
    failed_entry,
    human_bytes,
    print_data,
    print_error,
    print_json,
)
from hugflow.cli.requests import read_add_request
from hugflow.errors import HugflowError

DIFFERENCES_FOUND = 3


def plan(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Request files.", autocompletion=complete_request_file),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    is_update: Annotated[
        bool, typer.Option("--update", help="Plan at the commit the revision points to now.")
    ] = False,
    with_exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 3 when there is something to be made.")
    ] = False,
) -> None:
    """Settle what a request will bring: commit, rows, files, bytes, licence.

    The plan is recorded; the sync that follows reads everything at its commit. A dataset that
    was planned before keeps its plan, unless --update moves it on: then the new tree takes the
    place of the old one when it is complete, and files that stayed the same are not fetched again.
    """
    project = open_project()
    from hugflow.shards.plan import plan_summary
    from hugflow.stages.status import read_status

    entries: list[dict[str, Any]] = []
    code = 0
    for file in files:
        try:
            build = open_request(project, read_add_request(file), update=is_update)
        except HugflowError as error:
            print_error(error)
            code = code or error.exit_code
            entries.append(failed_entry(file, error))
            continue
        summary = plan_summary(build.plan)
        state = read_status(build.places, build.name).state
        entries.append({"name": build.name, "request": str(file), "state": state, **summary})
        if not as_json:
            _print_summary(build.name, summary)
    if as_json:
        print_json({"datasets": entries})
    if with_exit_code and any(entry["state"] != "completed" for entry in entries):
        code = code or DIFFERENCES_FOUND
    if code:
        raise typer.Exit(code)


def _print_summary(name: str, summary: dict[str, Any]) -> None:
    gate = "gated" if summary["gated"] else "open"
    print_data(name)
    print_data(f"  commit       {summary['commit']}")
    print_data(f"  rows         {summary['rows']:,} in {summary['files']} files")
    print_data(f"  source       {human_bytes(summary['bytes'])}")
    print_data(f"  disk needed  about {human_bytes(summary['disk_needed_bytes'])}")
    print_data(f"  licence      {summary['licence'] or 'none named'}, {gate}")
    print_data(f"  audio, text  {summary['audio_column'] or '-'}, {summary['text_column'] or '-'}")
    for warning in summary["warnings"]:
        print_data(f"  warning      {warning}")
