"""What served flows need beyond the core: the extra `hugflow[flows]`."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hugflow.errors import FlowServerUnavailable

INSTALL = "pip install 'hugflow[flows]'"
SERVER_VARIABLE = "HUGFLOW_NATS_SERVER"


@contextmanager
def needs_extra() -> Iterator[None]:
    """Turn a missing package into an error that says how to install it."""
    try:
        yield
    except ImportError as error:
        raise FlowServerUnavailable(
            "served flows need packages that are not installed",
            why=str(error),
            mend=INSTALL,
        ) from error


def find_server_program() -> Path:
    """The program `nats-server`: of HUGFLOW_NATS_SERVER, beside Python, or on the PATH."""
    named = os.environ.get(SERVER_VARIABLE)
    if named:
        found = shutil.which(named)
    else:
        beside = str(Path(sys.executable).parent)
        found = shutil.which("nats-server", path=beside) or shutil.which("nats-server")
    if found is None:
        raise FlowServerUnavailable(
            f"{named or 'nats-server'} is not there",
            why="the server of flows is the program nats-server",
            mend=f"{INSTALL}, or set {SERVER_VARIABLE} to the path of one",
        )
    return Path(found)
