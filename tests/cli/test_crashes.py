"""Commands that make rows: who waits for the work, how he ends, and what he hands on."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hugflow.cli.crashes import MOST_CHILDREN
from hugflow.store.locks import hold

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is one process")

Start = Callable[..., "subprocess.Popen[str]"]

BEGIN = """
import os, signal, sys, time
from hugflow.cli.crashes import survive_crashes
survive_crashes(["local-sync", "requests/add/a.yaml"])
print(os.getpid(), flush=True)
"""
SLEEP = """
try:
    print("asleep", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    # As long as a second one may come.
    time.sleep(0.3)
    sys.exit(130)
"""


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program that goes on as a command does: `start("sys.exit(3)")`."""
    started: list[subprocess.Popen[str]] = []

    def begin(program: str, **environment: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", BEGIN + program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ) | environment,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def worker_of(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def wait_for_sleep(process: "subprocess.Popen[str]") -> None:
    worker_of(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "asleep\n"


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_command_ends_as_its_work_does(start: Start):
    for program, status in (
        ("sys.exit(9)", 9),
        ("", 0),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("raise SystemExit('words')", 1),
    ):
        process = start(program)
        process.communicate(timeout=30)
        assert process.returncode == status, program


@pytest.mark.parametrize("crash", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE])
def test_work_that_crashes_is_begun_again(start: Start, tmp_path: Path, crash: signal.Signals):
    seen = tmp_path / "seen"
    process = start(
        f"seen = {str(seen)!r}\n"
        "if os.path.exists(seen): sys.exit(7)\n"
        "open(seen, 'w').close()\n"
        f"os.kill(os.getpid(), {int(crash)})"
    )
    told, talk = process.communicate(timeout=30)
    assert process.returncode == 7
    assert len(set(told.split())) == 2
    assert f"ended by {crash.name}" in talk
    assert "Traceback" not in talk


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_work_that_was_begun_again_can_be_stopped(start: Start, tmp_path: Path, number: int):
    seen = tmp_path / "seen"
    process = start(
        f"seen = {str(seen)!r}\n"
        "if not os.path.exists(seen):\n"
        "    open(seen, 'w').close()\n"
        "    os.kill(os.getpid(), signal.SIGSEGV)\n"
        f"signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)){SLEEP}"
    )
    worker_of(process)
    wait_for_sleep(process)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number


def test_work_that_crashes_as_it_ends_is_not_begun_again(start: Start):
    process = start(f"signal.signal(signal.SIGTERM, lambda *_: os.abort()){SLEEP}")
    wait_for_sleep(process)
    process.terminate()
    _, talk = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGABRT
    assert "it continues" not in talk


def test_who_ignores_the_ends_of_children_hears_of_this_one():
    script = f'trap "" CHLD; exec "{sys.executable}" -c "$0"'
    done = subprocess.run(
        ["sh", "-c", script, BEGIN + "sys.exit(9)"], check=False, timeout=30, capture_output=True
    )
    assert done.returncode == 9


def test_work_that_crashes_every_time_is_given_up(start: Start):
    process = start("os.kill(os.getpid(), signal.SIGSEGV)")
    told, talk = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGSEGV
    assert len(set(told.split())) == MOST_CHILDREN
    assert talk.count("ended by SIGSEGV") == MOST_CHILDREN - 1


@pytest.mark.parametrize("whole_group", [False, True])
def test_an_interrupt_reaches_the_work_once(start: Start, whole_group: bool):
    process = start(SLEEP)
    wait_for_sleep(process)
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    _, talk = process.communicate(timeout=30)
    assert process.returncode == 130, talk
    assert not talk


def test_an_interrupt_from_the_terminal_reaches_the_work_once():
    # The terminal sends it to both.
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + SLEEP],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    wait_for_sleep(process)
    os.write(ours, b"\x03")
    _, talk = process.communicate(timeout=30)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 130, talk
    assert not talk


def test_a_second_interrupt_of_a_person_counts(start: Start):
    process = start(
        "from hugflow.cli import crashes\ncrashes.INTERRUPTED_AGAIN_S = 0.01\n"
        'try:\n    print("asleep", flush=True)\n    time.sleep(60)\n'
        'finally:\n    time.sleep(0.02)\n    print("ending", flush=True)\n    time.sleep(60)'
    )
    wait_for_sleep(process)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "ending\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT


def test_in_a_scripts_background_an_interrupt_does_nothing():
    program = BEGIN + "time.sleep(0.5); print('done')"
    script = f'trap "" INT; exec "{sys.executable}" -c "$0"'
    process = subprocess.Popen(
        ["sh", "-c", script, program], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    worker_of(process)
    os.killpg(process.pid, signal.SIGINT)
    told, _ = process.communicate(timeout=30)
    assert (process.returncode, told.split()) == (0, ["done"])


def test_a_command_that_is_terminated_terminates_its_work(start: Start):
    process = start(f"signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)){SLEEP}")
    wait_for_sleep(process)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143


def test_no_work_outlives_a_command_that_is_killed(start: Start):
    process = start("time.sleep(60)")
    worker = worker_of(process)
    process.kill()
    process.wait()
    ends_at = time.monotonic() + 5
    while is_alive(worker) and time.monotonic() < ends_at:
        time.sleep(0.01)
    assert not is_alive(worker)


def test_who_finds_a_lock_shut_is_told_the_process_that_was_started(start: Start, tmp_path: Path):
    lock = tmp_path / "a.lock"
    process = start(
        "from hugflow.store.locks import hold\nfrom pathlib import Path\n"
        f"with hold(Path({str(lock)!r}), 'it'):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    worker_of(process)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(Exception, match=f"process {process.pid} on "), hold(lock, "it"):
        pass
    process.kill()
    process.wait()
    with hold(lock, "it", wait_s=5.0):
        pass


@pytest.mark.parametrize("arguments", [[], ["status"], ["--version"], ["--help", "local"]])
def test_commands_that_make_no_rows_have_one_process(arguments: list[str]):
    program = (
        "import os\nfrom hugflow.cli.crashes import survive_crashes\npid = os.getpid()\n"
        f"survive_crashes({arguments!r})\nassert os.getpid() == pid"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
