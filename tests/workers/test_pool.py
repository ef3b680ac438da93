"""A pool of workers: what is asked is answered, and what crashes costs one answer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event, Timer

import pytest

from hugflow.errors import HugflowError, Stopped
from hugflow.workers.channel import HALF_BYTES, Header
from hugflow.workers.pool import WorkerDied, WorkerFailed, WorkerPool
from tests.workers.questions import fail, prepare

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(partial(prepare, "kept"), environment=ENVIRONMENT) as pool:
        yield pool


def ask(pool: WorkerPool, header: Header | None = None, data: bytes = b"") -> Header:
    return pool.ask(header or {}, data, doing="answer the test")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(holds: Callable[[], bool], within_s: float = 10.0) -> bool:
    ends_at = time.monotonic() + within_s
    while not holds() and time.monotonic() < ends_at:
        time.sleep(0.01)
    return holds()


@pytest.mark.parametrize("size", [0, 1, HALF_BYTES, HALF_BYTES + 1, 5 * HALF_BYTES])
def test_bytes_of_any_length_come_there_and_back(pool: WorkerPool, size: int):
    data, found = os.urandom(size), bytearray()
    answer = pool.ask({"a": ["ä", 1]}, data, doing="answer the test", into=found.extend)
    assert (answer["a"], found) == (["ä", 1], data)


def test_a_worker_is_prepared_once_and_answers_one_question_after_the_other(pool: WorkerPool):
    first, second = ask(pool), ask(pool)
    assert (first["pid"], first["began"]) == (second["pid"], second["began"])
    assert first["word"] == "kept"


def test_questions_at_once_have_a_worker_each(pool: WorkerPool):
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: ask(pool, {}, b"x" * HALF_BYTES), range(20)))
    assert 1 <= len(pool._idle) <= 2


def test_a_crash_names_what_was_done_and_costs_nothing_else(pool: WorkerPool):
    before = ask(pool)["pid"]
    with pytest.raises(WorkerDied, match="answer the test was ended by SIGSEGV") as died:
        ask(pool, {"do": "crash"})
    assert died.value.is_crash
    assert not is_alive(before)
    assert ask(pool)["pid"] != before


def test_a_worker_that_leaves_within_a_question_may_do_so_because_of_it(pool: WorkerPool):
    with pytest.raises(WorkerDied, match="left with status 3") as died:
        ask(pool, {"do": "leave"})
    assert died.value.is_crash


def test_a_question_that_is_asked_alone_has_a_new_worker_and_no_company(pool: WorkerPool):
    before = ask(pool)["pid"]
    with ThreadPoolExecutor(4) as threads:
        others = [threads.submit(ask, pool, {"do": "nap"}) for _ in range(6)]
        alone = [
            threads.submit(pool.ask, {"do": "nap"}, doing="answer the test", alone=True)
            for _ in range(2)
        ]
    spans = [(found.result()["asked"], found.result()["ended"]) for found in others]
    for found in alone:
        answer = found.result()
        assert answer["pid"] != before
        spans_of_others = [span for span in spans if span[0] != answer["asked"]]
        assert all(
            end <= answer["asked"] or answer["ended"] <= begin for begin, end in spans_of_others
        )
    assert len({found.result()["pid"] for found in alone}) == 2


def test_who_waits_to_be_alone_can_be_told_to_stop(pool: WorkerPool):
    stop = Event()
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(pool.ask, {"do": "nap"}, doing="nap", timeout_s=20)
        assert wait_until(lambda: pool._turns._given == 1)
        stop.set()
        with pytest.raises(Stopped):
            pool.ask({}, doing="answer the test", stop=stop, alone=True)
        other.result()
    assert ask(pool)["word"] == "kept"


def test_what_native_code_says_in_a_worker_reaches_our_stderr_if_it_is_to(
    capfd: pytest.CaptureFixture[str],
):
    for talks in (False, True):
        with WorkerPool(prepare, environment=ENVIRONMENT, talks=talks) as pool:
            ask(pool, {"do": "talk"})
        assert ("nor this" in capfd.readouterr().err) is talks


def test_a_question_that_takes_too_long_is_given_up_and_costs_nothing_else(pool: WorkerPool):
    before = ask(pool)["pid"]
    with pytest.raises(WorkerDied, match=r"no answer within 0\.3 s") as died:
        pool.ask({"do": "sleep"}, doing="answer the test", timeout_s=0.3)
    assert died.value.is_crash
    assert not is_alive(before)
    assert ask(pool)["pid"] != before


def test_an_error_of_the_question_is_shown_and_the_worker_goes_on(pool: WorkerPool):
    before = ask(pool)["pid"]
    with pytest.raises(WorkerFailed, match="of the question") as failed:
        ask(pool, {"do": "raise"})
    assert 'raise ValueError("of the question")' in failed.value.trace
    assert ask(pool)["pid"] == before


def test_an_error_of_the_preparation_is_shown():
    with (
        WorkerPool(fail, environment=ENVIRONMENT) as pool,
        pytest.raises(WorkerFailed, match="of the preparation"),
    ):
        ask(pool)


def test_what_a_library_prints_is_no_part_of_an_answer(pool: WorkerPool):
    found = bytearray()
    pool.ask({"do": "talk"}, b"data", doing="answer the test", into=found.extend)
    assert found == b"data"


def has_ended(pid: int) -> bool:
    """Whether all threads of a child have ended, so that its owner can know it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def test_a_worker_that_somebody_ended_while_it_was_idle_costs_no_question(pool: WorkerPool):
    before = ask(pool)["pid"]
    os.kill(before, signal.SIGKILL)
    assert wait_until(lambda: has_ended(before))
    assert ask(pool)["pid"] != before


def test_workers_get_our_environment_without_secrets_or_the_one_they_are_given(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HOLIDAY", "yes")
    with WorkerPool(prepare) as scrubbed:
        environment = ask(scrubbed)["env"]
    assert environment["HOLIDAY"] == "yes"
    assert "HF_TOKEN" not in environment
    assert "HOLIDAY" not in ask(pool)["env"]


def test_one_that_is_told_to_stop_waits_for_no_answer():
    stop = Event()
    with WorkerPool(prepare, stop, ENVIRONMENT) as pool:
        pid = ask(pool)["pid"]
        Timer(0.2, stop.set).start()
        with pytest.raises(Stopped):
            ask(pool, {"do": "sleep"})
    assert not is_alive(pid)


def test_workers_end_with_their_pool(pool: WorkerPool):
    pid = ask(pool)["pid"]
    pool.close()
    assert not is_alive(pid)


def test_a_worker_that_cannot_be_started_says_so(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(HugflowError, match="cannot be started") as failed:
        ask(pool)
    assert not isinstance(failed.value, WorkerDied)


def test_no_worker_outlives_an_owner_that_is_killed_idle_or_busy():
    program = """
import sys, threading, time
from functools import partial
from hugflow.workers.pool import WorkerPool
from tests.workers.questions import prepare
pool = WorkerPool(prepare, environment={"PYTHONPATH": sys.argv[1]})
pids = {pool.ask({}, doing="begin")["pid"]}
threading.Thread(target=pool.ask, args=({"do": "sleep"},), kwargs={"doing": "sleep"}).start()
while pool._idle: time.sleep(0.01)
pids.add(pool.ask({}, doing="begin another one")["pid"])
print(*pids, flush=True)
time.sleep(60)
"""
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(ROOT)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    owner.kill()
    owner.communicate()
    assert len(pids) == 2
    assert wait_until(lambda: not any(map(is_alive, pids)))
