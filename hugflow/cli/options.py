"""Options that several commands share, and exit codes that are not errors."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
WaitSeconds = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait for another process at work.")
]

# The compared things differ, or there is work to do.
EXIT_DIFFERENT = 3
