"""Options that several commands have, and exit codes that are no error's."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
WaitSeconds = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait for another process at work.")
]

# What was compared differs, or there is something to be made.
EXIT_DIFFERENT = 3
