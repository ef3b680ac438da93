"""The command `demo`: a Hub, a request on main, Dagster and the result, on this machine."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from hugflow.amounts import count
from hugflow.cli.output import print_data, print_talk
from hugflow.cli.project import (
    dagster_dev,
    listen_to_interrupts,
    make_project,
    prepare_dagster,
)
from hugflow.errors import HugflowError
from hugflow.settings import load_settings
from hugflow.settings_model import NAMES

MARK = ".hugflow-demo"
HF_ID = "acme/spoken-demo"
REQUEST = f"""\
hf_id: "{HF_ID}"
description: "A small generated dataset that shows the whole loop"
"""
LONGEST_S = 240.0


def demo(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder of the demo; a former demo there is deleted."),
    ] = Path("demo"),
) -> None:
    """Show the whole loop on this machine, offline, in about a minute.

    A small generated dataset is published on a loopback Hub, a request for it is pushed to main
    of a git repository, and Dagster's sensor does the rest.
    """
    root = folder.resolve()
    _make_room(root)
    project_root = root / "project"
    print_talk("1. a Hub on this machine, with a small dataset of generated speech")
    from hugflow.testing.hub import LoopbackHub
    from hugflow.testing.samples import publish_speech

    with LoopbackHub() as hub:
        publish_speech(hub, HF_ID, rows=36, shards=3, seconds=2.0)
        _make_requests_repository(root, project_root)
        port = _free_port()
        environment = _environment(root, hub.endpoint)
        print_talk("2. Dagster: web server, daemon, and the sensor that watches main")
        prepare_dagster(project_root)
        listen_to_interrupts()
        with _dagster(project_root, environment, port, root / "dagster.log") as dagster:
            _wait(lambda: _graphql(port, "{version}") is not None, dagster, root)
            print_talk("3. a request, pushed to main:")
            print_talk("".join(f"     {line}\n" for line in REQUEST.splitlines()).rstrip())
            request = project_root / "requests" / "add" / "spoken_demo.yaml"
            request.write_text(REQUEST, "utf-8")
            _git(project_root, "add", "requests")
            _git(project_root, "commit", "--quiet", "-m", "Add the spoken demo")
            _git(project_root, "push", "--quiet", "origin", "main")
            print_talk("4. from here on everything happens by itself")
            name = _wait_for_dataset(project_root, port, dagster, root)
    _show(project_root, name)


def _make_room(root: Path) -> None:
    """Make an empty folder; delete only a former demo."""
    if root.exists() and any(root.iterdir()):
        if not (root / MARK).is_file():
            raise HugflowError(
                f"{root} is not empty",
                why="the demo clears its folder, and this one is not a former demo's",
                mend="name another folder: hugflow demo DIR",
            )
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True)
    (root / MARK).touch()


def _make_requests_repository(root: Path, project_root: Path) -> None:
    """Make a bare remote and a clone of it that is a project; main exists and has no request."""
    _git(root, "init", "--quiet", "--bare", "--initial-branch=main", "requests.git")
    _git(root, "clone", "--quiet", "requests.git", "project")
    make_project(project_root)
    (project_root / ".env").write_text("PROCESSED_ROOT=./processed\n", "utf-8")
    _git(project_root, "checkout", "--quiet", "-B", "main")
    _git(project_root, "add", ".")
    _git(project_root, "commit", "--quiet", "-m", "Begin")
    _git(project_root, "push", "--quiet", "origin", "main")


def _environment(root: Path, endpoint: str) -> dict[str, str]:
    """The environment of the demo's processes: this Hub, this project, nothing of the user's."""
    ours = {*NAMES, "DAGSTER_HOME", "HUGFLOW_HOME"}
    environ = {name: value for name, value in os.environ.items() if name not in ours}
    return environ | {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(root / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


@contextmanager
def _dagster(
    project_root: Path, environment: dict[str, str], port: int, log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run Dagster's processes in one group, so that all of them end with this one."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            dagster_dev("127.0.0.1", port),
            cwd=project_root,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                print_talk("Dagster does not end by itself; ending it")
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_for_dataset(
    project_root: Path, port: int, dagster: "subprocess.Popen[bytes]", root: Path
) -> str:
    """Print progress until the link exists and the run has ended; return the dataset's name."""
    from hugflow.stages.standing.status import read_statuses

    places = load_settings(project_root, {}).places
    told = ""
    name = ""

    def is_done() -> bool:
        nonlocal told, name
        for status in read_statuses(places, {}):
            name = status.name
            line = f"   {status.state}: {status.rows} of {count(status.total_rows or 0, 'row')}"
            if line != told:
                told = line
                print_talk(line)
            if status.state == "completed":
                runs = _graphql(port, "{runsOrError{... on Runs{results{status}}}}") or {}
                results = runs.get("data", {}).get("runsOrError", {}).get("results", [])
                return bool(results) and all(run["status"] == "SUCCESS" for run in results)
        return False

    _wait(is_done, dagster, root)
    return name


def _wait(is_done: Callable[[], bool], dagster: "subprocess.Popen[bytes]", root: Path) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not is_done():
        if time.monotonic() > deadline or dagster.poll() is not None:
            raise HugflowError(
                "the demo did not come to its end",
                why="Dagster ended early, or took longer than four minutes",
                mend=f"look at {root / 'dagster.log'}",
            )
        time.sleep(0.5)


def _graphql(port: int, query: str) -> dict[str, Any] | None:
    """The answer of Dagster's web server; None while it does not answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return dict(json.load(response))
    except (OSError, ValueError):
        return None


def _show(project_root: Path, name: str) -> None:
    """Print the tree, one row, and commands to try next."""
    places = load_settings(project_root, {}).places
    folder, link = places.dataset(name), places.link(name)
    print_data(f"\n{_short(folder.root)}")
    for child in sorted(folder.root.iterdir(), key=lambda path: (path.is_file(), path.name)):
        if child.is_dir():
            names = sorted(path.name for path in child.iterdir())
            shown = ", ".join(names[:2]) + (", ..." if len(names) > 2 else "")
            print_data(f"  {child.name + '/':<16}{count(len(names), 'file'):>10}: {shown}")
        else:
            print_data(f"  {child.name:<16}{child.stat().st_size:>7,} bytes")
    print_data(f"\n{_short(link)}\n  -> {_short(link.readlink())}")
    print_data("\njson/0.json")
    print_data((folder.json / "0.json").read_text("utf-8").rstrip())
    print_data("\nLook around in the web UI, http://127.0.0.1:3000:")
    print_data(f"  cd {_short(project_root)} && {_own_command()} up")


def _short(path: Path) -> str:
    """A path as a user would type it in this folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _own_command() -> str:
    """What to type for `hugflow`: its full path when the shell would find another one or none."""
    ours = Path(sys.executable).with_name("hugflow")
    found = shutil.which("hugflow")
    return "hugflow" if found is not None and Path(found).resolve() == ours.resolve() else str(ours)


def _git(folder: Path, *arguments: str) -> None:
    """Run git with a neutral identity, ignoring this machine's git configuration."""
    identity = ["-c", "user.name=Hugflow demo", "-c", "user.email=demo@localhost"]
    plain = ["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"]
    command = ["git", *identity, *plain, *arguments]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError as error:
        raise HugflowError(
            "git is not installed", why="requests live in a git repository", mend="install git"
        ) from error
    if done.returncode:
        raise HugflowError(
            f"git {arguments[0]} failed", why=done.stderr.strip()[:300], mend="look at the message"
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
