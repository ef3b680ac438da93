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

from hugflow.errors import Locked
from hugflow.store.locks import download_slot, hold, is_held

HOLD = """
import sys, time
from pathlib import Path
from hugflow.store.locks import hold
with hold(Path(sys.argv[1]), "the thing"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""
SLOT = """
import os, sys, time
from pathlib import Path
from hugflow.store.locks import download_slot
inside = Path(sys.argv[2])
with download_slot(Path(sys.argv[1]), 2):
    mine = inside / str(os.getpid())
    mine.touch()
    time.sleep(0.05)
    print(len(list(inside.iterdir())), flush=True)
    time.sleep(0.05)
    mine.unlink()
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


def test_no_more_downloads_run_at_once_than_there_are_slots(tmp_path: Path):
    inside = tmp_path / "inside"
    inside.mkdir()
    command = [sys.executable, "-c", SLOT, str(tmp_path / "slots"), str(inside)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    seen = [int(child.communicate(timeout=30)[0]) for child in children]
    assert max(seen) <= 2
    assert list(inside.iterdir()) == []


def test_a_slot_is_free_again_when_its_block_raises(tmp_path: Path):
    for _ in range(3):
        with pytest.raises(RuntimeError), download_slot(tmp_path, 1):
            raise RuntimeError
