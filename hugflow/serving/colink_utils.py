"""A server with users for a notebook, and views of their storage."""

import atexit
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hugflow.serving.colink import ACK_WAIT_S, CoLink, Project
from hugflow.serving.server import FlowServer
from hugflow.serving.views import show_instances, show_served

if TYPE_CHECKING:
    from collections.abc import Sequence


def start_flow_server_with_users(
    num_users: int = 1,
    folder: str | Path | None = None,
    *,
    project: Project | None = None,
    ack_wait_s: float = ACK_WAIT_S,
) -> list[CoLink]:
    """Start a server on this machine, and connect so many users.

    folder: where seeds and messages are kept, so that the same users find them again; without one
        they are deleted when this process ends.
    """
    own = tempfile.TemporaryDirectory(prefix="hugflow-flows-") if folder is None else None
    server = FlowServer(Path(own.name) if own is not None else Path(str(folder)))
    server.start()
    try:
        for number in range(num_users):
            server.make_user(f"user{number}")
        server.apply()
        seeds = [server.seed_file(f"user{number}") for number in range(num_users)]
        clients = [
            CoLink(server.url, server.read_seed(path), project=project, ack_wait_s=ack_wait_s)
            for path in seeds
        ]
    except BaseException:
        server.stop()
        raise

    def close() -> None:
        for cl in clients:
            cl.close()
        server.stop()
        if own is not None:
            own.cleanup()

    for cl in clients:
        cl.server = server
    atexit.register(close)
    return clients


start_colink_server_with_users = start_flow_server_with_users


def print_served_flows(cl: CoLink, print_values: bool = False) -> None:
    """Print the tree of a user's endpoints and of who has instances."""
    _print(show_served(cl, print_values=print_values))


def print_flow_instances(cl: CoLink) -> None:
    """Print the ids of all instances of a user's flows."""
    _print(show_instances(cl))


def _print(lines: "Sequence[str]") -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
