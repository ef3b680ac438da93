"""Options that several commands share, and exit codes that are not errors."""

from typing import Annotated

import typer

from hugflow.cli.completion import complete_name, complete_request
from hugflow.cli.output import print_data

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A dataset.", autocompletion=complete_name)
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...", help="Datasets; without one, all.", autocompletion=complete_name
    ),
]
NamedRequests = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE|NAME]...",
        help="Request files, folders of them, or datasets; without one, all.",
        autocompletion=complete_request,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
WaitSeconds = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait for another process at work.")
]

# The compared things differ, or there is work to do.
EXIT_DIFFERENT = 3


def print_help_of_group(context: typer.Context) -> None:
    """Print the help of a group of commands that was called without a command."""
    if context.invoked_subcommand is None:
        print_data(context.get_help())
