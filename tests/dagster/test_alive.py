"""Which runs are alive, as the sensor sees it."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from hugflow.store.layout import Places
from hugflow_resources import alive
from hugflow_resources.alive import LONGEST_BIRTH_S, SILENT_S, is_dead, show_alive

RUN = "4a1d5c8e"


def leave_dead(places: Places, run_id: str, *, host: str = "", silent_s: float = 0.0) -> None:
    """What a run leaves that was killed, on this host or on another."""
    holder = places.state_dir / "locks" / "runs" / f"{run_id}.lock.holder"
    holder.parent.mkdir(parents=True, exist_ok=True)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    holder.with_suffix("").touch()
    holder.write_text(json.dumps({"host": host or socket.gethostname(), "pid": gone.pid}))
    beat_at = time.time() - silent_s
    os.utime(holder, (beat_at, beat_at))


def looks_dead(places: Places, *, started_s_ago: float = 3600.0) -> bool:
    now = time.time()
    return is_dead(places, RUN, started_at=now - started_s_ago, now=now)


def test_a_run_at_work_is_alive_and_leaves_nothing_behind(places: Places):
    with show_alive(places, RUN):
        assert not looks_dead(places)
    assert not list((places.state_dir / "locks" / "runs").iterdir())


def test_a_run_whose_process_was_killed_is_dead_at_once(places: Places):
    leave_dead(places, RUN)
    assert looks_dead(places)


def test_a_run_of_another_host_is_dead_once_its_heart_has_stopped(places: Places):
    leave_dead(places, RUN, host="elsewhere", silent_s=SILENT_S - 60)
    assert not looks_dead(places)
    leave_dead(places, RUN, host="elsewhere", silent_s=SILENT_S + 1)
    assert looks_dead(places)


def test_a_run_that_never_showed_itself_is_given_time_to_be_born(places: Places):
    assert not looks_dead(places, started_s_ago=LONGEST_BIRTH_S - 60)
    assert looks_dead(places, started_s_ago=LONGEST_BIRTH_S + 1)


def test_where_locks_hold_nothing_the_process_and_its_heart_count(places: Places):
    leave_dead(places, RUN)
    holder = places.state_dir / "locks" / "runs" / f"{RUN}.lock.holder"
    holder.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}))
    assert not looks_dead(places)


def test_a_second_process_of_the_same_run_is_not_kept_from_its_work(
    places: Places, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(alive, "LOOKING_S", 0.1)
    with show_alive(places, RUN):
        with show_alive(places, RUN):
            assert not looks_dead(places)
        assert not looks_dead(places)
