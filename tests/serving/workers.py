"""Worker processes that tests start and kill."""

import signal
import subprocess
import sys
from pathlib import Path

from hugflow.serving.server import FlowServer
from tests.serving.conftest import HERE


def start_worker(
    server: FlowServer, name: str, log: Path, *words: str
) -> "subprocess.Popen[bytes]":
    """The workers of a user as a process."""
    command = [sys.executable, "-m", "hugflow.serving.worker", "--root", str(HERE)]
    command += ["--url", server.url, "--seed", str(server.seed_file(name)), *words]
    with log.open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)


def end(worker: "subprocess.Popen[bytes]", number: signal.Signals = signal.SIGTERM) -> int:
    """End a worker, and wait for it."""
    worker.send_signal(number)
    return worker.wait(30)
