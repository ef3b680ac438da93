"""All names from Dagster's private modules, so that only this file changes when they do.

Dagster promises nothing about these names. Each comment says what the name is for and why nothing
public does it. `tests/dagster/test_dagster_private.py` fails when one is gone. Checked with
dagster 1.13.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

# Dagster checks an asset's `owners` and raises: one bad owner in a request would fail the whole
# code location. Publicly there is no way to ask first, only the error.
from dagster._core.definitions.utils import is_valid_owner

# `DagsterInstance.get()` reads the working directory's dagster.yaml and no other; a project's root
# is rarely the working directory of the process that asks.
from dagster._core.instance.ref import InstanceRef

# `dg.RunsFilter` takes single statuses; only this name lists those that are not final.
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

# The tag of a crashed run that Dagster will start again by itself; it has no public name.
from dagster._core.storage.tags import WILL_RETRY_TAG
from starlette.types import ASGIApp

__all__ = [
    "NOT_FINISHED_STATUSES",
    "WILL_RETRY_TAG",
    "InstanceRef",
    "is_valid_owner",
    "open_web_app",
]


@contextmanager
def open_web_app(instance: dg.DagsterInstance, workspace: Path, poll_ms: int) -> Iterator[ASGIApp]:
    """Dagster's web UI as an ASGI application, so that a guard can check requests first.

    workspace: the file that names the code locations.
    poll_ms: how often the UI looks for new logs.
    Publicly there is only the command `dagster-webserver`, which answers everybody.
    """
    # Imported here because code servers load this module too, and this import takes a second.
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    with WorkspaceProcessContext(
        instance,
        version=dg.__version__,
        read_only=False,
        workspace_load_target=WorkspaceFileTarget([str(workspace)]),
    ) as context:
        yield create_app_from_workspace_process_context(context, "", poll_ms)
