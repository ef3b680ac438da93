"""Served flows on the command line: further commands of `hugflow flows`."""

import typer

from hugflow.cli.builds import open_project
from hugflow.cli.output import print_data, set_up_logging


def add_to(app: typer.Typer) -> None:
    """Add the commands to `hugflow flows`."""
    app.command("demo", short_help="Two users and a subflow of the other, offline.")(demo)


def demo() -> None:
    """Run the notebook of two users on a server of their own; nothing is kept.

    User 0 serves a flow that reverses a number; user 1 uses it twice as a subflow.
    """
    project = open_project()
    set_up_logging("INFO", project.settings.log_format)
    from hugflow.serving.demo import run_demo

    run_demo(print_data)
