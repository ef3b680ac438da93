"""The command `up`: code server, daemon and web UI on one host, until it is stopped."""

import os
import secrets
import signal
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from hugflow.cli.builds import open_project
from hugflow.cli.output import print_talk
from hugflow.cli.project import prepare_dagster
from hugflow.errors import HugflowError
from hugflow.settings import ProjectSettings
from hugflow.settings_model import SECRETS
from hugflow.store.atomic import make_folder, write_file
from hugflow.supervisor import Service, Supervisor

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LOCATION = "hugflow_assets.definitions"
TOKEN_FILE = "ui_token"  # noqa: S105  # the name of a file
# The time that a three-byte request may take on a busy host.
PING_S = 20.0
# Starting a run starts a process; requests of the UI and the daemon come at the same time.
CODE_THREADS = "8"


def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 3000,
    known_as: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name by which browsers reach it; may be repeated."),
    ] = None,
    has_token: Annotated[
        bool | None,
        typer.Option(
            "--token/--no-token",
            help="Ask for the token in STATE_DIR/ui_token; without an own choice, only when others "
            "than this host can reach it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Open the platform: Dagster's web UI, its daemon, and the sensor that watches main.

    A process that ends is started again. The web UI refuses requests from pages of another
    origin, and requests to unknown names of this host.
    """
    project = open_project()
    if project.root is None:
        raise HugflowError(
            "there is no project here",
            why="no folder upwards has a workspace.yaml or hugflow.yaml",
            mend="go into a project, or make one with `hugflow init`",
        )
    is_open = host not in LOOPBACK
    token_file = _make_token(project) if (is_open if has_token is None else has_token) else None
    if token_file is not None:
        print_talk(f"the web UI asks for the token in {token_file}")
    elif is_open:
        print_talk(f"warning: the web UI asks for no token; {host} lets others in")
    prepare_dagster(project.root)
    print_talk(f"opening http://{_shown(host)}:{port} (stop it with Ctrl-C)")
    stop = stop_on_signals()
    with tempfile.TemporaryDirectory(prefix="hugflow-") as folder:
        # A socket in a private folder: anyone who reaches it can run code as this user.
        socket, workspace = Path(folder) / "code.sock", Path(folder) / "workspace.yaml"
        workspace.write_text(_render_workspace(socket), "utf-8")
        web = ["--host", host, "--port", str(port)]
        web += [word for name in known_as or () for word in ("--known-as", name)]
        web += ["--token-file", str(token_file)] if token_file is not None else []
        Supervisor(
            [_code(socket), _daemon(workspace), _web(workspace, web)],
            folder=project.root,
            # The daemon, started separately, uses the instance of this folder only.
            environment={"DAGSTER_HOME": str(project.root), **os.environ},
            say=print_talk,
        ).run(stop)


def _code(socket: Path) -> Service:
    """The code server: it loads and runs the datasets' assets, and evaluates the sensors."""
    command = ["code-server", "start", "-m", LOCATION, "--location-name", LOCATION]
    command += ["--socket", str(socket), "--max-workers", CODE_THREADS, "--log-level", "warning"]
    return Service(
        "the code server",
        _python("dagster", *command),
        is_well=lambda: _answers(socket),
        stop_signal=signal.SIGINT,
    )


def _daemon(workspace: Path) -> Service:
    """The daemon: sensors, schedules, queue, backfills."""
    # The sensor logs news by itself; the daemon would log every tick.
    command = ["run", "-w", str(workspace), "--log-level", "warning"]
    return Service("the daemon", _python("dagster._daemon", *command), without=SECRETS)


def _web(workspace: Path, options: list[str]) -> Service:
    """The web UI behind its guard."""
    command = _python("hugflow_resources.web", str(workspace), *options)
    return Service("the web UI", command, without=SECRETS)


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-W", "ignore", "-m", module, *arguments)


def _answers(socket: Path) -> bool:
    """Whether the code server itself answers, not only the process in front of it.

    Calls its `Ping`: an empty message each way.
    """
    import grpc

    with grpc.insecure_channel(f"unix:{socket}") as channel:
        ping = channel.unary_unary("/api.DagsterApi/Ping")
        try:
            ping(b"", timeout=PING_S)
        except grpc.RpcError:
            return False
    return True


def _render_workspace(socket: Path) -> str:
    return (
        f"load_from:\n  - grpc_server:\n      socket: {socket}\n      location_name: {LOCATION}\n"
    )


def _make_token(project: ProjectSettings) -> Path:
    """The file with the token; created once, readable by this user only."""
    path = project.places.state_dir / TOKEN_FILE
    if not path.is_file():
        make_folder(path.parent)
        before = os.umask(0o077)
        try:
            write_file(path, secrets.token_urlsafe(32) + "\n")
        finally:
            os.umask(before)
    return path


def stop_on_signals() -> threading.Event:
    """An event that is set on SIGINT or SIGTERM.

    A script's `hugflow up &` starts with SIGINT ignored, and its children would inherit that.
    """
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    return stop


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
