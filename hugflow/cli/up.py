"""The command `up`: code server, daemon and web UI on one host, until it is stopped."""

import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from hugflow.activity import step
from hugflow.cli.builds import open_project
from hugflow.cli.output import print_data, print_talk
from hugflow.cli.ports import refuse_taken_port
from hugflow.cli.project import prepare_dagster
from hugflow.cli.running_up import describe_running, only_one_up
from hugflow.cli.up_report import answers_http, render_report
from hugflow.cluster import read_addresses
from hugflow.errors import HugflowError, Locked
from hugflow.settings import ProjectSettings
from hugflow.settings_model import SECRETS
from hugflow.store.atomic import make_folder, write_file
from hugflow.supervisor import Service, Supervisor

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MODULE = "hugflow_assets.definitions"
LOCATION = "hugflow"
TOKEN_FILE = "ui_token"  # noqa: S105  # the name of a file
# The time that a three-byte request may take on a busy host.
PING_S = 20.0
# Starting a run starts a process; requests of the UI and the daemon come at the same time.
CODE_THREADS = "8"
MOST_SENT = "1000000000"


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
    origin, and requests to unknown names of this host. Where it is up already, the address is
    printed and nothing is started.
    """
    stop = stop_on_signals()
    project = open_project()
    if project.root is None:
        raise HugflowError(
            "there is no project here",
            why="no folder upwards has a workspace.yaml or hugflow.yaml",
            mend="go into a project, or make one with `hugflow init`",
        )
    url = f"http://{_shown(host)}:{port}"
    with ExitStack() as held:
        try:
            held.enter_context(only_one_up(project.places, url))
        except Locked:
            print_data(describe_running(project.places))
            return
        refuse_taken_port(host, port)
        is_open = host not in LOOPBACK
        token_file = _make_token(project) if (is_open if has_token is None else has_token) else None
        if token_file is not None:
            print_talk(f"the web UI asks for the token in {token_file}")
        elif is_open:
            print_talk(f"warning: the web UI asks for no token; {host} lets others in")
        print_talk(f"starting {url} ...")
        starting = held.enter_context(ExitStack())
        starting.enter_context(step("starting the code server, the daemon and the web UI"))
        prepare_dagster(project.root)
        web = ["--host", host, "--port", str(port)]
        web += [word for name in known_as or () for word in ("--known-as", name)]
        web += ["--token-file", str(token_file)] if token_file is not None else []
        _serve(project, project.root, url, web, token_file, starting, stop)


def _serve(
    project: ProjectSettings,
    root: Path,
    url: str,
    options: list[str],
    token_file: Path | None,
    starting: ExitStack,
    stop: threading.Event,
) -> None:
    """Run the three processes until `stop` is set.

    options: those of the web server. starting: closed when all of them are ready.
    """
    # A server on every address is asked at loopback.
    own_url = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")

    def report() -> None:
        starting.close()
        for line in render_report(project, url, own_url, LOCATION, token_file):
            print_talk(line)

    with tempfile.TemporaryDirectory(prefix="hugflow-") as folder:
        # A socket in a private folder: anyone who reaches it can run code as this user.
        socket, workspace = Path(folder) / "code.sock", Path(folder) / "workspace.yaml"
        workspace.write_text(_render_workspace(socket), "utf-8")
        Supervisor(
            [_code(socket), _daemon(workspace), _web(workspace, options, own_url)],
            folder=root,
            # The daemon, started separately, uses the instance of this folder only.
            environment=service_environment(root, os.environ),
            say=print_talk,
            on_ready=report,
        ).run(stop)


def service_environment(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the three processes; what is set already stays.

    Ten thousand datasets are more than the 100 MB that Dagster's processes send by default.
    """
    room = dict.fromkeys(("DAGSTER_GRPC_MAX_RX_BYTES", "DAGSTER_GRPC_MAX_SEND_BYTES"), MOST_SENT)
    return {**room, "DAGSTER_HOME": str(root), **environ, **read_addresses(root, environ)}


def _code(socket: Path) -> Service:
    """The code server: it loads and runs the datasets' assets, and evaluates the sensors."""
    command = ["code-server", "start", "-m", MODULE, "--location-name", LOCATION]
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
    return Service("the daemon", _python("hugflow_resources.plain_log", *command), without=SECRETS)


def _web(workspace: Path, options: list[str], own_url: str) -> Service:
    """The web UI behind its guard. own_url: its address for this host."""
    command = _python("hugflow_resources.web", str(workspace), *options)
    return Service("the web UI", command, is_well=lambda: answers_http(own_url), without=SECRETS)


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
    """An event that is set on SIGINT, SIGTERM, or when the terminal is closed.

    A script's `hugflow up &` starts with SIGINT ignored, and its children would inherit that; a
    parent may also have blocked them. SIGHUP stays ignored where it was, as below `nohup`.
    """
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()

    heard = {signal.SIGINT, signal.SIGTERM}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heard.add(signal.SIGHUP)
    for number in heard:
        signal.signal(number, note)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
    return stop


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
