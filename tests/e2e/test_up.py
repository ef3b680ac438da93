"""`hugflow up`: the web UI of a project, until it is told to end."""

import json
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from tests.projects import HUGFLOW, Project

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_and_ends_when_told_even_from_the_background_of_a_script(
    project: Project, number: int
):
    (project.root / "workspace.yaml").unlink()
    assert project.run("init").returncode == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = f"'{HUGFLOW}' up --port {port} & echo $!; wait"
    shell = subprocess.Popen(
        ["bash", "-c", script],
        cwd=project.root,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert shell.stdout is not None
    pid = int(shell.stdout.readline())
    try:
        wait_until_it_answers(port)
        subprocess.run(["kill", f"-{number:d}", str(pid)], check=True)
        shell.wait(30)
    finally:
        subprocess.run(["pkill", "-KILL", "-s", str(shell.pid)], check=False)
        shell.communicate()


def wait_until_it_answers(port: int) -> None:
    """Wait for the web server to answer a question."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as reply:
                assert json.load(reply)["dagster_version"]
                return
        except OSError:
            assert time.monotonic() < deadline, "no answer within a minute"
            time.sleep(0.3)
