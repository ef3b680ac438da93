"""`hugflow up`: the web UI of a project, until it is told to end."""

import json
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tests.dagster.conftest import wait_until
from tests.projects import HUGFLOW, Project

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_and_ends_when_told_even_from_the_background_of_a_script(
    project: Project, number: int
):
    (project.root / "workspace.yaml").unlink()
    assert project.run("init").returncode == 0
    project.request("acme/speech")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # A parent may have SIGTERM blocked, and what it starts inherits that.
    blocked = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {15}); "
    run = f"exec python3 -c '{blocked}os.execv(sys.argv[1], sys.argv[1:])' '{HUGFLOW}'"
    script = f"({run} up --port {port} 2>up.log) & echo $!; wait"
    shell = subprocess.Popen(
        ["bash", "-c", script],
        cwd=project.root,
        env=project.environment | {"HF_TOKEN": "made-up-token"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    log = project.root / "up.log"
    assert shell.stdout is not None
    pid = int(shell.stdout.readline())
    try:
        wait_until_it_answers(port)
        # The sensor and the runs, which speak to the Hub, are the code server's.
        assert parts_with(b"made-up-token", port) == {"code-server"}
        again = project.run("up")
        assert again.returncode == 0
        assert f"up already at http://127.0.0.1:{port} (process {pid}" in again.stdout
        wait_until(lambda: "looked at every 10 s, next" in log.read_text(), 60, "it has reported")
        assert f"hugflow is up at http://127.0.0.1:{port}" in log.read_text()
        assert f"project   {project.root}" in log.read_text()
        assert "datasets  1: 1 pending" in log.read_text()
        subprocess.run(["kill", f"-{number:d}", str(pid)], check=True)
        shell.wait(30)
    finally:
        subprocess.run(["pkill", "-KILL", "-s", str(shell.pid)], check=False)
        shell.communicate()


def parts_with(text: bytes, port: int) -> set[str]:
    """Which parts have something in their environment."""
    (web,) = [
        pid for pid, words in processes() if "hugflow_resources.web" in words and str(port) in words
    ]
    parts = {"code-server", "hugflow_resources.plain_log", "hugflow_resources.web"}
    found = {
        part: (Path("/proc") / pid / "environ").read_bytes()
        for pid, words in processes()
        for part in parts & set(words)
        if parent_of(pid) == parent_of(web)
    }
    assert found.keys() == parts
    return {part for part, environment in found.items() if text in environment}


def processes() -> list[tuple[str, list[str]]]:
    """All there are, with the words of their commands."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                found.append(
                    (entry.name, (entry / "cmdline").read_text("utf-8", "replace").split("\0"))
                )
    return found


def parent_of(pid: str) -> str:
    return (Path("/proc") / pid / "stat").read_text().rpartition(")")[2].split()[1]


def wait_until_it_answers(port: int) -> None:
    """Wait for the web server to answer a question."""
    deadline = time.monotonic() + 180
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as reply:
                assert json.load(reply)["dagster_version"]
                return
        except OSError:
            assert time.monotonic() < deadline, "no answer within three minutes"
            time.sleep(0.3)
