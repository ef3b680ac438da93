"""Dagster's web server behind the guard, as `hugflow up` starts it.

    python -m hugflow_resources.web WORKSPACE --host HOST --port PORT [--token-file FILE]
        [--known-as NAME]...

Start it in a project's root. WORKSPACE names the code locations.
"""

import argparse
import logging
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from hugflow.guard.asgi import Guard
from hugflow.guard.rules import Rules, known_hosts
from hugflow_resources.dagster_private import open_web_app
from hugflow_resources.instance import open_instance
from hugflow_resources.listening import WithClips
from hugflow_resources.metrics import WithMetrics, read_metrics
from hugflow_resources.project import open_project

POLL_MS = 2000
ENDING_S = 3


def serve(workspace: Path, host: str, port: int, rules: Rules) -> None:
    """Serve the web UI of the project in the working directory until a signal ends it."""
    places = open_project().places
    with (
        open_instance(Path.cwd()) as instance,
        open_web_app(instance, workspace, POLL_MS) as app,
    ):
        metrics = WithMetrics(app, lambda: read_metrics(places, instance, time.time()))
        uvicorn.run(
            Guard(WithClips(metrics, places), rules),
            host=host,
            port=port,
            log_level="warning",
            # Trust the client address that the guard passes on, and no other.
            proxy_headers=False,
            timeout_graceful_shutdown=ENDING_S,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m hugflow_resources.web")
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--known-as", action="append", default=[])
    asked = parser.parse_args(arguments)
    token = asked.token_file.read_text("ascii").strip() if asked.token_file is not None else None
    warnings.simplefilter("ignore")
    logging.getLogger("dagster").setLevel(logging.WARNING)
    serve(
        asked.workspace,
        asked.host,
        asked.port,
        Rules(known_hosts(asked.host, asked.port, asked.known_as), token),
    )


if __name__ == "__main__":
    main()
