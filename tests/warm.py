"""`hugflow` in a process forked from a warm one: a command without the second its imports take.

A command is a process of its own, with its own environment, folder and streams, as a user's is; the
modules are there already. What they or Python read when a process starts (the Hub's address, the
locale, what is preloaded) cannot differ from the warm process; a command where it does is started
cold, and so are all with `HUGFLOW_TESTS_COLD` set.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import coverage

ROOT = Path(__file__).parents[1]
# Read when the libraries are imported, and written into by our own settings before that.
READ_ON_IMPORT = ("HF_ENDPOINT", "HF_HOME")
# Coverage would cost each process half a start more: only what is forked from a warm one is measured.
COVERAGE_STARTS = "COVERAGE_PROCESS_CONFIG"
WARM_COVERAGE = "TESTS_WARM_COVERAGE"
_MESSAGE_BYTES = 1 << 20


def measure_warm_processes_only() -> None:
    """Let no process that we start be measured, except the commands of a `WarmProcess`."""
    if config := os.environ.pop(COVERAGE_STARTS, None):
        os.environ[WARM_COVERAGE] = config


class WarmProcess:
    """One that forks a process for each command; start it with the environment all of them have."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start it; it imports while we go on."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "from tests.warm import serve; serve()",
                    str(theirs.fileno()),
                ],
                cwd=ROOT,
                env=dict(environment) | _kept(WARM_COVERAGE),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._socket = ours

    def run(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], timeout_s: float
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        request = json.dumps([list(command), str(folder), dict(environment)]).encode()
        ours, theirs = socket.socketpair()
        with ours, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as talk:
            with theirs:
                descriptors = [output.fileno(), talk.fileno(), theirs.fileno()]
                socket.send_fds(self._socket, [request], descriptors)
            ours.settimeout(timeout_s)
            told = ours.recv(64)
            assert told, "the warm process has died"
            texts = [_read(file.fileno()) for file in (output, talk)]
        return subprocess.CompletedProcess(list(command), int(told), *texts)

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait()


def may_be_warm(root: Path) -> bool:
    """Whether no file of a project sets what the warm process has read already."""
    if os.environ.get("HUGFLOW_TESTS_COLD"):
        return False
    settings = [*root.glob("hugflow*.y*ml"), *root.glob("hugflow*.json"), root / ".env"]
    texts = [path.read_text("utf-8", "replace").upper() for path in settings if path.is_file()]
    return not any(name in text for text in texts for name in READ_ON_IMPORT)


def serve() -> None:
    """In the warm process: import everything, then fork for each request until nobody asks."""
    measuring = _start_coverage()
    import hugflow

    for module in pkgutil.walk_packages(hugflow.__path__, "hugflow."):
        if not module.name.startswith("hugflow.testing"):
            importlib.import_module(module.name)
    # pyarrow imports it with the first array.
    importlib.import_module("pandas")
    if measuring is not None:
        measuring.stop()
        measuring.save()
    # Else each child copies all pages the collector looks at.
    gc.freeze()
    requests = socket.socket(fileno=int(sys.argv[1]))
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, _MESSAGE_BYTES, 3)
        if not message:
            return
        if not os.fork():
            requests.close()
            _answer(measuring, *json.loads(message), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _answer(
    measuring: "coverage.Coverage | None",
    command: list[str],
    folder: str,
    environment: dict[str, str],
    output: int,
    talk: int,
    told: int,
) -> None:
    """Run a command in a child, and tell how it ended."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(told)
    os.dup2(output, 1)
    os.dup2(talk, 2)
    os.close(output)
    os.close(talk)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    if measuring is not None:
        if os.environ.pop(WARM_COVERAGE, None):
            measuring.start()
        else:
            atexit.unregister(measuring._atexit)
    _run()


def _run() -> None:
    from hugflow.cli.main import main

    try:
        main()
    except SystemExit as end:
        _end(end.code)


def _end(code: object) -> NoReturn:
    """End as Python does, except that no module is taken apart: it takes longer than a command."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    assert isinstance(code, int)
    os._exit(code)


def _start_coverage() -> "coverage.Coverage | None":
    """Measure this process, and none that it starts."""
    import coverage

    config = os.environ.pop(WARM_COVERAGE, None)
    if config is None:
        return None
    os.environ[COVERAGE_STARTS] = config
    started = coverage.process_startup(force=True)
    del os.environ[COVERAGE_STARTS]
    return started


def _kept(name: str) -> dict[str, str]:
    return {name: os.environ[name]} if name in os.environ else {}


def _read(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode().replace("\r\n", "\n")
