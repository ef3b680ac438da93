"""Keeping processes running: real ones, that end, hang and are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hugflow import supervisor
from hugflow.supervisor import Service, Supervisor

pytestmark = pytest.mark.slow

# Writes its process id, starts a child that does the same, and waits.
PROGRAM = """
import os, pathlib, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / f"{os.getpid()}.pid").touch()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No long pauses."""
    monkeypatch.setattr(supervisor, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(supervisor, "ASK_EVERY_S", 0.05)
    monkeypatch.setattr(supervisor, "PAUSES_S", (0.0, 0.05))


def service(folder: Path, name: str = "it", seconds: float = 600, **how: object) -> Service:
    (folder / name).mkdir(exist_ok=True)
    command = (sys.executable, "-c", PROGRAM, str(folder / name), str(seconds))
    return Service(name, command, **how)  # type: ignore[arg-type]


@contextmanager
def running(
    folder: Path, *services: Service, on_ready: Callable[[], None] | None = None
) -> Iterator[list[str]]:
    said: list[str] = []
    stop = threading.Event()
    kept = Supervisor(services, folder, os.environ, said.append, on_ready)
    thread = threading.Thread(target=kept.run, args=(stop,))
    thread.start()
    try:
        yield said
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def pids(folder: Path) -> list[int]:
    found = sorted(folder.glob("*.pid"), key=lambda path: path.stat().st_mtime_ns)
    return [int(path.stem) for path in found]


def until(is_so: Callable[[], bool]) -> None:
    # A busy host takes its time to start a Python.
    ends_at = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def group_of(pid: int) -> list[int]:
    told = subprocess.run(["ps", "-eo", "pid=,pgid="], capture_output=True, text=True, check=True)
    pairs = [line.split() for line in told.stdout.splitlines()]
    return [int(one) for one, group in pairs if int(group) == pid and is_alive(int(one))]


def test_a_process_that_is_killed_is_started_again(tmp_path: Path):
    with running(tmp_path, service(tmp_path)) as said:
        until(lambda: len(pids(tmp_path / "it")) == 1)
        os.kill(pids(tmp_path / "it")[0], signal.SIGKILL)
        until(lambda: len(pids(tmp_path / "it")) == 2)
    assert said == ["it ended with -9; it is started again in 0 s"]


def test_a_process_that_ends_again_and_again_is_started_after_a_pause(tmp_path: Path):
    with running(tmp_path, service(tmp_path, seconds=0)) as said:
        until(lambda: len(said) >= 3)
    assert "in 0 s" in said[0]


def test_what_does_not_answer_any_more_is_started_again(tmp_path: Path):
    answers = iter([True, True, *[False] * 3])
    asked = service(tmp_path, is_well=lambda: next(answers, True))
    with running(tmp_path, asked) as said:
        until(lambda: len(pids(tmp_path / "it")) == 2)
    assert said == ["it did not answer any more; it is started again in 0 s"]


def test_what_comes_behind_it_waits_until_the_first_answers(tmp_path: Path):
    is_well = threading.Event()
    first = service(tmp_path, "first", is_well=is_well.is_set)
    with running(tmp_path, first, service(tmp_path, "second")):
        until(lambda: bool(pids(tmp_path / "first")))
        time.sleep(0.3)
        assert not pids(tmp_path / "second")
        is_well.set()
        until(lambda: bool(pids(tmp_path / "second")))


def test_it_is_ready_once_and_only_when_all_of_them_answer(tmp_path: Path):
    is_well, ready = threading.Event(), []
    last = service(tmp_path, is_well=is_well.is_set)
    with running(tmp_path, last, on_ready=lambda: ready.append(1)):
        until(lambda: bool(pids(tmp_path / "it")))
        time.sleep(0.1)
        assert not ready
        is_well.set()
        until(lambda: bool(ready))
        time.sleep(0.2)
    assert ready == [1]


def test_at_the_end_nothing_is_left_of_it_nor_of_what_it_started(tmp_path: Path):
    with running(tmp_path, service(tmp_path)):
        until(lambda: bool(pids(tmp_path / "it")) and len(group_of(pids(tmp_path / "it")[0])) == 2)
        (pid,) = pids(tmp_path / "it")
    assert not group_of(pid)


def test_what_a_killed_process_had_started_goes_on_until_the_end(tmp_path: Path):
    with running(tmp_path, service(tmp_path)):
        until(lambda: bool(pids(tmp_path / "it")) and len(group_of(pids(tmp_path / "it")[0])) == 2)
        (pid,) = pids(tmp_path / "it")
        os.kill(pid, signal.SIGKILL)
        until(lambda: len(pids(tmp_path / "it")) == 2)
        assert len(group_of(pid)) == 1
    assert not group_of(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_they_end_with_us_however_we_end(tmp_path: Path):
    (tmp_path / "it").mkdir()
    program = (
        "import os, sys, threading, pathlib\n"
        "from hugflow.supervisor import Service, Supervisor\n"
        f"command = (sys.executable, '-c', {PROGRAM!r}, {str(tmp_path / 'it')!r}, '600')\n"
        "kept = Supervisor([Service('it', command)], pathlib.Path('.'), os.environ, print)\n"
        "kept.run(threading.Event())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    until(lambda: bool(pids(tmp_path / "it")))
    process.kill()
    process.wait()
    (pid,) = pids(tmp_path / "it")
    try:
        until(lambda: not is_alive(pid))
    finally:
        for left in group_of(pid):
            os.kill(left, signal.SIGKILL)
