"""Commands about plans."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.amounts import human_bytes
from hugflow.cli.builds import open_project, open_request, refuse_removed
from hugflow.cli.completion import complete_request_file
from hugflow.cli.options import EXIT_DIFFERENT, AsJson, WaitSeconds
from hugflow.cli.output import (
    count,
    failed_entry,
    print_data,
    print_error,
    print_json,
)
from hugflow.cli.requests import read_add_request
from hugflow.errors import HugflowError

if TYPE_CHECKING:
    from hugflow.stages.build import Build


def plan(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Request files.", autocompletion=complete_request_file),
    ],
    as_json: AsJson = False,
    is_update: Annotated[
        bool, typer.Option("--update", help="Plan at the commit the revision points to now.")
    ] = False,
    with_exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 3 when there is something to be made.")
    ] = False,
    wait_s: WaitSeconds = 0,
) -> None:
    """Settle what a request will bring: commit, rows, files, bytes, licence.

    The plan is recorded; the sync that follows reads everything at its commit. A dataset that
    was planned before keeps its plan, unless --update moves it on: then the new tree takes the
    place of the old one when it is complete, and files that stayed the same are not fetched again.
    """
    project = open_project()
    entries: list[dict[str, Any]] = []
    code = 0
    for file in files:
        name: str | None = None
        try:
            request = read_add_request(file)
            refuse_removed(project, request)
            name = request.name
            build = open_request(project, request, wait_s=wait_s, update=is_update)
        except HugflowError as error:
            print_error(error)
            code = code or error.exit_code
            entries.append(failed_entry(file, error, name))
            continue
        entry = _summarise(file, build)
        entries.append(entry)
        if not as_json:
            _print_summary(entry)
    if as_json:
        print_json({"datasets": entries})
    if with_exit_code and any(entry["state"] != "completed" for entry in entries):
        code = code or EXIT_DIFFERENT
    if code:
        raise typer.Exit(code)


def _summarise(file: Path, build: "Build") -> dict[str, Any]:
    """The entry of a plan in the JSON."""
    from hugflow.shards.plan import plan_summary
    from hugflow.stages.manifest import read_manifest
    from hugflow.stages.status import read_status

    manifest = read_manifest(build.places.dataset(build.name).manifest)
    is_made = manifest is not None and manifest["plan"] == build.plan.id
    hours = round(manifest["audio"]["seconds"] / 3600, 3) if manifest and is_made else None
    state = read_status(build.places, build.name).state
    summary = plan_summary(build.plan, hours=hours)
    return {"name": build.name, "request": str(file), "state": state, **summary}


def _print_summary(summary: dict[str, Any]) -> None:
    gate = "gated" if summary["gated"] else "open"
    hours = "not known yet" if summary["hours"] is None else f"{summary['hours']:,.3f}"
    print_data(summary["name"])
    print_data(f"  commit       {summary['commit']}")
    print_data(f"  rows         {summary['total_rows']:,} in {count(summary['files'], 'file')}")
    print_data(f"  hours        {hours}")
    print_data(f"  source       {human_bytes(summary['source_bytes'])}")
    print_data(f"  disk needed  about {human_bytes(summary['disk_needed_bytes'])}")
    print_data(f"  licence      {summary['licence'] or 'none named'}, {gate}")
    print_data(f"  audio        {summary['audio_column'] or 'none: text only'}")
    print_data(f"  text         {summary['text_column'] or 'none'}")
    for warning in summary["warnings"]:
        print_data(f"  warning      {warning}")
