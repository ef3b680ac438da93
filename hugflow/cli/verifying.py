"""The commands `verify` and `why`: is everything there, and where does a file come from."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hugflow.amounts import count
from hugflow.cli.asked import (
    as_listed,
    publish_to_by_name,
    read_project_requests,
    refuse_refused,
    request_path_by_name,
)
from hugflow.cli.builds import choose_statuses, open_project
from hugflow.cli.options import EXIT_DIFFERENT, AsJson, Names
from hugflow.cli.output import print_data, print_json, print_talk
from hugflow.cli.progress import watch_rows
from hugflow.cli.status import publication_lines
from hugflow.errors import show_fix
from hugflow.project_requests import read_composed_requests
from hugflow.requests.collect import RequestSet
from hugflow.requests.folder import is_request_path
from hugflow.requests.match_names import match_name
from hugflow.settings import ProjectSettings

if TYPE_CHECKING:
    from hugflow.provenance.origin import Origin
    from hugflow.stages.standing.status import DatasetStatus
    from hugflow.verify.differences import Difference


def verify(
    names: Names = None,
    is_deep: Annotated[
        bool, typer.Option("--deep", help="Parse every JSON and decode every MP3 to its end.")
    ] = False,
    is_afresh: Annotated[
        bool,
        typer.Option(
            "--afresh", help="Check everything again, also what a stopped run has checked."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare what is on disk with what plan, manifest and ledger say.

    Exits with 3 when anything differs, and names each difference. Nothing is changed or fetched.
    An unfinished dataset is compared with what was made of it so far. You may stop `--deep`: for
    a day, the next `--deep` continues where it stopped.
    """
    project = open_project()
    statuses = choose_statuses(project, read_project_requests(project), names)
    entries: list[dict[str, Any]] = []
    found: list[Difference] = []
    for status in statuses:
        differences, rows = _verify(project, status, is_deep=is_deep, is_afresh=is_afresh)
        found += differences
        entries.append(
            {
                "name": status.name,
                "request": status.request,
                "state": status.state,
                "rows_checked": rows,
                "differences": len(differences),
            }
        )
        if not as_json:
            _print_differences(status, differences, rows)
    if as_json:
        print_json({"datasets": entries, "differences": [asdict(each) for each in found]})
    elif not statuses:
        print_data("no datasets yet: there is nothing to compare")
    if found:
        raise typer.Exit(EXIT_DIFFERENT)


def why(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH", help="A file or folder of a dataset, its link, NAME, or NAME#ROW."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Show where a file comes from: its dataset, request, commit, published file and row.

    For a row that could not be made, it gives the reason. Only the disk is read.
    """
    project = open_project()
    from hugflow.provenance.why import explain
    from hugflow.stages.standing.publication import find_publication
    from hugflow.stages.tree.stored_dataset import glance_at_dataset

    asked = read_project_requests(project)
    requests = request_path_by_name(asked)
    path = _name_in_full(project, asked, path, requests)
    origin = explain(project.places, path, requests, Path.cwd())
    composed = read_composed_requests(project.root).get(origin.request or "")
    if composed is not None:
        origin = replace(
            origin,
            request_repository=composed.repository,
            request_repository_commit=composed.commit,
        )
    publish_to = publish_to_by_name(asked).get(origin.dataset)
    manifest = glance_at_dataset(project.places, origin.dataset).manifest
    publication = find_publication(project.places, origin.dataset, publish_to, manifest)
    origin = replace(origin, publication=publication)
    if as_json:
        print_json({"datasets": [_to_json(origin)]})
        return
    for field, value in asdict(replace(origin, publication=None)).items():
        if value is not None:
            print_data(f"{field.replace('_', ' '):<20} {_show(value)}")
    for line in publication_lines(publication, width=20):
        print_data(line)


def _name_in_full(
    project: ProjectSettings, requests: RequestSet, asked: str, file_by_name: Mapping[str, str]
) -> str:
    """The full name for what means a dataset, also before `#ROW`; a path stays as it is.

    Raises RequestFileInvalid for what means a refused request.
    """
    from hugflow.stages.standing.stored import list_names

    wanted, hash_sign, row = asked.partition("#")
    listed = as_listed(project, requests, wanted)
    if os.path.lexists(wanted) and listed == wanted and not is_request_path(wanted):
        return asked
    wanted = listed
    name = match_name(wanted, {*file_by_name, *list_names(project.places)}, file_by_name)
    if name is None:
        refuse_refused(project, requests, wanted)
        return asked
    return f"{name}{hash_sign}{row}"


def _verify(
    project: ProjectSettings, status: "DatasetStatus", *, is_deep: bool, is_afresh: bool
) -> "tuple[list[Difference], int]":
    """The differences of one dataset, and how many rows were checked."""
    from hugflow.verify.dataset import verify_dataset
    from hugflow.verify.sound import read_sound

    rows, sound = 0, None
    if is_deep:
        sound = read_sound(project.places, status.name, time.time(), afresh=is_afresh)
    if sound is not None and sound.rows:
        print_talk(f"going on: {count(sound.rows, 'row')} of {status.name} were found sound before")
    with watch_rows(
        status.name, status.total_rows or 0, 0, project.settings.progress_interval
    ) as show:

        def on_rows(looked: Sequence[Any]) -> None:
            nonlocal rows
            rows += len(looked)
            show(looked)

        differences = list(
            verify_dataset(
                project.places,
                status.name,
                deep=is_deep,
                workers=project.settings.workers,
                sound=sound,
                on_rows=on_rows,
            )
        )
    return differences, rows


def _print_differences(status: "DatasetStatus", differences: "list[Difference]", rows: int) -> None:
    from hugflow.verify.differences import mend_differences

    for each in differences:
        at = "" if each.row is None else f" (row {each.row})"
        print_data(f"{each.path}{at}: {each.code}: {each.message}")
    if not differences and not rows and status.state != "completed":
        print_data(f"{status.name}: the dataset is {status.state}, so nothing was looked at")
        return
    words = count(len(differences), "difference") if differences else "no difference"
    print_data(f"{status.name}: {words}, {count(rows, 'row')} looked at, {status.state}")
    can_fix = status.state in ("completed", "incomplete")
    for step in mend_differences(differences, status.request, drift_fixes=can_fix):
        print_talk(f"  {show_fix(step)}")


def _to_json(origin: "Origin") -> dict[str, Any]:
    """Every field of the answer; the fields that all commands share come first."""
    fields = asdict(origin)
    first = {"name": fields.pop("dataset")}
    return first | fields


def _show(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
