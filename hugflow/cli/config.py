"""Commands about settings."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from hugflow.cli.options import AsJson, print_help_of_group
from hugflow.cli.output import (
    print_data,
    print_error,
    print_json,
    print_warning,
)
from hugflow.errors import SettingInvalid
from hugflow.settings import ProjectSettings, inspect_settings
from hugflow.settings_model import NAMES, SECRETS

SET, REFUSED = "(set)", "(refused)"

Shown: TypeAlias = str | int | float | None

app = typer.Typer()


@app.callback(invoke_without_command=True)
def config(context: typer.Context) -> None:
    """The settings in force, and their origin."""
    print_help_of_group(context)


@app.command("show")
def show(
    has_origin: Annotated[
        bool, typer.Option("--origin", help="Show where each value came from.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show every setting in force: paths resolved, secrets never shown.

    The first source that has a name wins: environment, .env, hugflow.yaml, default. Exits with 2
    when a setting is wrong; the others are still shown.
    """
    project, problems = inspect_settings()
    shown: dict[str, Shown] = {}
    for name in NAMES:
        try:
            shown[name] = shown_value(project, name)
        except SettingInvalid as error:
            shown[name] = REFUSED
            problems.append(error)
    if as_json:
        print_json(_to_json(project, shown, problems))
    else:
        print_data(f"project root: {project.root or 'none'}")
        for name, value in shown.items():
            origin = f"  {project.origins[name]}" if has_origin else ""
            print_data(f"{name:<24}  {_to_text(value):<44}{origin}".rstrip())
    for warning in project.warnings:
        print_warning(warning)
    for problem in problems:
        print_error(problem)
    if problems:
        raise typer.Exit(SettingInvalid.exit_code)


def shown_value(project: ProjectSettings, name: str) -> Shown:
    """A setting's value for display: `(set)` for a secret, the full path for a path.

    Raises SettingInvalid for a path that cannot be resolved.
    """
    value = getattr(project.settings, NAMES[name])
    if name in project.refused:
        return REFUSED
    if name in SECRETS and value is not None:
        return SET
    if isinstance(value, Path):
        return str(project.resolve(name))
    if isinstance(value, str):
        from hugflow.redact import redact

        return redact(value)
    if isinstance(value, tuple):
        return ",".join(value) or "none"
    plain: Shown = value
    return plain


def _to_text(value: Shown) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _to_json(
    project: ProjectSettings, shown: dict[str, Shown], problems: list[SettingInvalid]
) -> dict[str, object]:
    return {
        "root": None if project.root is None else str(project.root),
        "settings": {
            name: {
                "value": None if value == REFUSED else value,
                "origin": project.origins[name],
                "is_refused": value == REFUSED,
            }
            for name, value in shown.items()
        },
        "problems": [{"what": e.what, "why": e.why, "mend": e.mend} for e in problems],
        "warnings": list(project.warnings),
    }
