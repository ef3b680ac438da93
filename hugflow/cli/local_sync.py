"""The command `local-sync`. What makes datasets is imported only when there may be something to do."""

import logging
import os
from collections.abc import Sequence
from typing import Annotated

import typer

from hugflow.cli.finished import find_answers
from hugflow.cli.options import AsJson, NamedRequests, WaitSeconds
from hugflow.cli.output import print_json, set_up_logging
from hugflow.cli.verbs import print_done
from hugflow.errors import UsageWrong

log = logging.getLogger(__name__)

IsReported = Annotated[
    bool, typer.Option("--report/--no-report", help="Report what was made to Dagster.")
]


def local_sync(
    wanted: NamedRequests = None,
    as_json: AsJson = False,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be made; make nothing.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Make the first rows only: a sample that is never published."),
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option("--plan", metavar="DIGEST", help="Make the plan of this digest, or nothing."),
    ] = None,
    wait_s: WaitSeconds = 0,
    is_reported: IsReported = True,
) -> None:
    """Do the whole job for requests, here and now, one after the other.

    Download, MP3, JSON, link: it does what is missing. Stop it at any time; the next call
    continues where it stopped.
    """
    if sum([is_dry_run, limit is not None, digest is not None]) > 1:
        raise UsageWrong(
            "--dry-run, --limit and --plan do not go together",
            why="the first makes nothing, the second a sample, the third all that was planned",
            mend="give one of them",
        )
    sample_or_plan = is_dry_run or limit is not None or digest is not None
    if not sample_or_plan and _tell_finished(
        wanted or (), is_reported=is_reported, as_json=as_json
    ):
        return
    from hugflow.cli.datasets import Work, sync_requests

    work = Work(is_dry_run, limit, digest, wait_s, is_reported=is_reported, as_json=as_json)
    code = sync_requests(wanted or (), work)
    if code:
        raise typer.Exit(code)


def _tell_finished(wanted: Sequence[str], *, is_reported: bool, as_json: bool) -> bool:
    """Answer if all that is wanted is marked as finished; whether it is."""
    answers = find_answers(wanted, os.environ, is_reported=is_reported)
    if answers is None:
        return False
    set_up_logging(*answers[0].log)
    for answer in answers:
        location, link = answer.entry["location"], answer.entry["link"]
        log.info("Dataset already exists in storage: %s", location)
        if not as_json:
            linked = f"{link} -> {location}"
            print_done("linked", linked, linked)
    if as_json:
        print_json({"datasets": [dict(answer.entry) for answer in answers]})
    return True
