"""Pulling the project's own data on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.cli.builds import open_project
from hugflow.cli.hierarchy import find_repository
from hugflow.cli.options import EXIT_DIFFERENT, AsJson
from hugflow.cli.output import print_json, print_talk
from hugflow.cli.verbs import print_done, print_kept
from hugflow.errors import UsageWrong

if TYPE_CHECKING:
    from hugflow.hierarchy.pulling.pull import PullReport


def pull(
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="SOURCE", help="Default: all sources.")
    ] = None,
    checks: Annotated[
        bool, typer.Option("--check", help="Write nothing; 3 where something would change.")
    ] = False,
    archive: Annotated[
        Path | None,
        typer.Option("--archive", metavar="DIR", help="Write a zip of csv files per source, too."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Store the own data of the project's sources in `input/`, one JSON file for each reference.

    Data of parents is never stored. If one file cannot be read, nothing is written. Files that an
    earlier pull wrote, and that no source names any more, are removed.
    """
    from hugflow.hierarchy.pulling import pull as pulling
    from hugflow.hierarchy.pulling.archive import archive_sources
    from hugflow.hierarchy.readers.google_sheets import GoogleSheets

    project = open_project()
    if checks and archive is not None:
        raise UsageWrong(
            "--check and --archive exclude each other",
            why="a check writes nothing",
            mend="give one of them",
        )
    key = project.settings.credentials
    google = GoogleSheets(
        project.settings.google_sheets_url, key.get_secret_value() if key is not None else None
    )
    root, chosen = find_repository(project), sources or None
    do = pulling.check_pull if checks else pulling.pull
    report = do(root, chosen, google=google)
    archives = []
    if archive is not None:
        with step(f"writing archives to {archive}"):
            archives = archive_sources(root, archive, chosen)
    if as_json:
        print_json(
            {
                "written": list(report.written),
                "unchanged": list(report.unchanged),
                "removed": list(report.removed),
                "kept": list(report.kept),
                "archives": [str(path) for path in archives],
            }
        )
    else:
        _print_report(report, archives, is_check=checks)
    if checks and not report.is_current:
        raise typer.Exit(EXIT_DIFFERENT)


def _print_report(report: "PullReport", archives: list[Path], *, is_check: bool) -> None:
    verbs = ("would write", "would remove") if is_check else ("wrote", "removed")
    for verb, files in zip(verbs, (report.written, report.removed), strict=True):
        for file in files:
            print_done(verb, file)
    for file in report.kept:
        print_kept("kept", f"{file}: no source names it any more, but it was changed by hand")
    for path in archives:
        print_done("wrote", str(path))
    if report.is_current:
        print_talk(f"{count(len(report.unchanged), 'file')} unchanged, nothing else to do")
