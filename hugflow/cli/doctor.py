"""The command `doctor`: it checks everything that the work depends on."""

import os
import textwrap
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Final

import typer

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.cli.options import AsJson
from hugflow.cli.output import data_columns, paint_data, print_data, print_json, print_talk
from hugflow.errors import SettingInvalid, show_fix
from hugflow.settings import inspect_settings

# Columns of state and check, which what is found stands beside.
_LABELS: Final = 30
_LEAST_FOLDED: Final = 30
_COLOR_BY_STATE: Final = {"ok": "32", "warning": "33", "problem": "31"}


def doctor(
    is_offline: Annotated[
        bool, typer.Option("--offline", help="Ask nothing of the network.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check that everything is in place: machine, settings, Hub, git, Dagster, GitHub, Slack.

    Each check says ok, warning or problem, and how to fix it. Nothing is changed. Exits with 1
    when there is a problem; warnings stop nothing.
    """
    project, wrong = inspect_settings()
    try:
        project.export_hub_environment()
    except SettingInvalid as error:
        wrong.append(error)
    from hugflow.doctor.all_checks import CHECKS
    from hugflow.doctor.findings import Patient, has_problem, run_checks

    patient = Patient(project, tuple(wrong), dict(os.environ), is_offline)
    with step("checking machine, settings, Hub and services"):
        findings = run_checks(CHECKS, patient)
    if as_json:
        checks = [asdict(finding) for finding in findings]
        print_json({"healthy": not has_problem(findings), "checks": checks})
    else:
        for finding in findings:
            state = paint_data(f"{finding.state:<8}", _COLOR_BY_STATE[finding.state])
            print_data(f"{state} {finding.check:<20} {_fold(finding.what)}")
            if finding.mend is not None:
                print_data(f"{'':<{_LABELS}}{_fold(show_fix(finding.mend))}")
        number = Counter(finding.state for finding in findings)
        warnings, problems = (
            count(number["warning"], "warning"),
            count(number["problem"], "problem"),
        )
        print_talk(f"{number['ok']} ok, {warnings}, {problems}")
    if has_problem(findings):
        raise typer.Exit(1)


def _fold(text: str) -> str:
    """The text in the columns that a terminal has beside the labels; as it is elsewhere."""
    room = max(_LEAST_FOLDED, data_columns() - _LABELS)
    if len(text) <= room:
        return text
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return f"\n{'':<{_LABELS}}".join(lines)
