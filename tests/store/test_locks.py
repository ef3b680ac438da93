"""One writer at a time: between real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from hugflow.errors import Locked
from hugflow.store import locks
from hugflow.store.locks import SILENT_S, hold, holder_path, is_held
from tests.own_time import give_own_time

HOLD = """
import sys, time
from pathlib import Path
from hugflow.store.locks import hold
with hold(Path(sys.argv[1]), "the thing"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a child that holds a lock: `start(lock, seconds)`; it holds it on return."""
    children: list[subprocess.Popen[str]] = []

    def start(lock: Path, seconds: float = 60.0) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(lock), str(seconds)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def test_a_second_process_is_turned_away_at_once_with_host_and_process_of_the_first(
    tmp_path: Path, start: Start
):
    lock = tmp_path / "locks" / "a.lock"
    child = start(lock)
    began = time.monotonic()
    with pytest.raises(Locked) as locked, hold(lock, "the thing"):
        pass
    assert time.monotonic() - began < 2.0
    assert "the thing is locked" in locked.value.what
    assert f"process {child.pid} on {socket.gethostname()}" in locked.value.why
    assert "--wait" in locked.value.mend
    assert locked.value.exit_code == 8


def test_a_killed_holder_frees_the_lock(tmp_path: Path, start: Start):
    lock = tmp_path / "a.lock"
    child = start(lock)
    assert is_held(lock)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not is_held(lock)
    with hold(lock, "the thing"):
        assert is_held(lock)
    assert not is_held(lock)


def test_whoever_waits_gets_the_lock_when_it_is_free(tmp_path: Path, start: Start):
    lock = tmp_path / "a.lock"
    start(lock, 0.3)
    with hold(lock, "the thing", wait_s=10.0):
        assert json.loads((tmp_path / "a.lock.holder").read_text())["pid"] == os.getpid()


def test_waiting_ends_when_the_time_is_over(tmp_path: Path, start: Start):
    lock = tmp_path / "a.lock"
    start(lock)
    began = time.monotonic()
    with pytest.raises(Locked), hold(lock, "the thing", wait_s=0.3):
        pass
    assert 0.25 < time.monotonic() - began < 3.0


def test_the_same_process_does_not_get_a_lock_twice(tmp_path: Path):
    lock = tmp_path / "a.lock"
    with hold(lock, "the thing"), pytest.raises(Locked), hold(lock, "the thing"):
        pass


def test_a_block_that_raises_lets_go(tmp_path: Path):
    lock = tmp_path / "a.lock"
    with pytest.raises(RuntimeError), hold(lock, "the thing"):
        raise RuntimeError
    with hold(lock, "the thing"):
        pass


def test_a_holder_file_that_cannot_be_read_names_nobody_and_stops_nobody(tmp_path: Path):
    lock = tmp_path / "a.lock"
    for content in ("", "[]", "{}", '{"host": 3}', "\x00"):
        (tmp_path / "a.lock.holder").write_text(content)
        assert not is_held(lock) or content == '{"host": 3}'
        with hold(lock, "the thing"):
            pass


def test_a_holder_on_another_host_is_believed(tmp_path: Path):
    lock = tmp_path / "a.lock"
    (tmp_path / "a.lock.holder").write_text('{"host": "elsewhere", "pid": 1}')
    assert is_held(lock)


def leave_holder(
    lock: Path, *, host: str = "", pid: int = 0, born: int = 1, silent_s: float = 0.0
) -> None:
    """What stands beside a lock whose file system let go of it."""
    holder = {"host": host or socket.gethostname(), "pid": pid or os.getpid(), "born": born}
    holder_path(lock).write_text(json.dumps(holder))
    beat_at = time.time() - silent_s
    os.utime(holder_path(lock), (beat_at, beat_at))


def test_a_process_of_a_later_time_with_the_holders_number_is_not_the_holder(tmp_path: Path):
    lock = tmp_path / "a.lock"
    leave_holder(lock)
    assert not is_held(lock)
    with hold(lock, "the thing"):
        pass


def test_a_holder_on_another_host_is_taken_for_dead_when_it_is_silent_for_long(tmp_path: Path):
    lock = tmp_path / "a.lock"
    leave_holder(lock, host="elsewhere", silent_s=SILENT_S - 20)
    with pytest.raises(Locked, match="thing") as locked, hold(lock, "the thing"):
        pass
    assert "elsewhere" in locked.value.why
    leave_holder(lock, host="elsewhere", silent_s=SILENT_S + 1)
    with hold(lock, "the thing"):
        assert "elsewhere" not in holder_path(lock).read_text()


@pytest.mark.parametrize("is_dead", [True, False])
def test_a_holder_of_the_future_is_believed_where_it_is_heard_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_dead: bool
):
    # The clock was set back since it was heard of last.
    lock = tmp_path / "a.lock"
    leave_holder(lock, host="elsewhere", silent_s=-300 * 24 * 3600)

    def wait(seconds: float) -> None:
        assert seconds > locks.HEARTBEAT_S
        if not is_dead:
            os.utime(holder_path(lock))

    give_own_time(monkeypatch, locks, sleep=wait)
    if is_dead:
        with hold(lock, "the thing"):
            pass
    else:
        with pytest.raises(Locked, match="thing"), hold(lock, "the thing"):
            pass


@pytest.mark.parametrize("pid", [-1, -(2**40)])
def test_a_number_that_is_no_process_holds_nothing(tmp_path: Path, pid: int):
    lock = tmp_path / "a.lock"
    holder_path(lock).write_text(json.dumps({"host": socket.gethostname(), "pid": pid}))
    assert not is_held(lock)
    with hold(lock, "the thing"):
        pass


@pytest.fixture
def lying(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system on which everybody gets every lock."""
    monkeypatch.setattr(FileLock, "_acquire", lambda lock: os.open(lock.lock_file, os.O_RDONLY))
    monkeypatch.setattr(FileLock, "is_locked", property(lambda lock: True))
    monkeypatch.setattr(FileLock, "release", lambda lock, force=False: None)


def test_where_every_lock_is_given_to_everybody_the_second_one_is_turned_away(
    tmp_path: Path, start: Start, lying: None
):
    lock = tmp_path / "a.lock"
    child = start(lock, 1.0)
    with pytest.raises(Locked) as locked, hold(lock, "the thing"):
        pass
    assert f"process {child.pid}" in locked.value.why
    with hold(lock, "the thing", wait_s=20.0):
        assert json.loads(holder_path(lock).read_text())["pid"] == os.getpid()


def test_where_locks_hold_nothing_a_killed_holder_frees_them_all_the_same(
    tmp_path: Path, start: Start, lying: None
):
    lock = tmp_path / "a.lock"
    child = start(lock)
    child.kill()
    child.wait()
    with hold(lock, "the thing"):
        pass


def test_a_holder_is_heard_of_every_few_seconds(tmp_path: Path):
    lock = tmp_path / "a.lock"
    program = HOLD.replace(
        "with hold", "import hugflow.store.locks as locks\nlocks.HEARTBEAT_S = 0.02\nwith hold"
    )
    command = [sys.executable, "-c", program, str(lock), "20", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        os.utime(holder_path(lock), (1.0, 1.0))
        ends_at = time.monotonic() + 10
        while holder_path(lock).stat().st_mtime == 1.0 and time.monotonic() < ends_at:
            time.sleep(0.01)
        assert holder_path(lock).stat().st_mtime > 1.0
        child.kill()


def test_nothing_is_left_beside_a_lock_that_was_given_back(tmp_path: Path):
    with hold(tmp_path / "a.lock", "the thing"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.lock"]
