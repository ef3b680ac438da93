"""The threads that run flows."""

import asyncio
import threading
import time

import pytest

from hugflow.serving.threads import WorkThreads


def test_no_more_threads_run_than_are_allowed_and_all_work_is_done() -> None:
    running, most = set[int](), 0

    def work() -> int:
        nonlocal most
        running.add(threading.get_ident())
        most = max(most, len(running))
        time.sleep(0.01)
        running.discard(threading.get_ident())
        return threading.get_ident()

    async def run_all() -> list[int]:
        hands = WorkThreads(3)
        found = await asyncio.gather(*(hands.run(work) for _ in range(10)))
        hands.close()
        return found

    found = asyncio.run(run_all())
    assert len(found) == 10
    assert (most, len(set(found))) == (3, 3)


def test_a_thread_is_used_again_before_another_starts() -> None:
    async def run_some() -> set[int]:
        hands = WorkThreads(3)
        found = {await hands.run(threading.get_ident) for _ in range(5)}
        hands.close()
        return found

    assert len(asyncio.run(run_some())) == 1


def test_what_work_raises_is_raised_where_it_is_waited_for() -> None:
    error = ValueError("wrong")

    def fail() -> None:
        raise error

    async def run_both() -> list[BaseException | int | None]:
        hands = WorkThreads(1)
        work = hands.run(fail), hands.run(lambda: 7)
        found = await asyncio.gather(*work, return_exceptions=True)
        hands.close()
        return found

    assert asyncio.run(run_both()) == [error, 7]


def test_after_the_end_what_runs_is_finished_and_what_waits_is_not_run() -> None:
    may_end, begun = threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> str:
        begun.set()
        may_end.wait(5)
        return "first"

    async def run_both() -> list[str | BaseException]:
        hands = WorkThreads(1)
        work = [hands.run(first), hands.run(lambda: done.append("second") or "second")]
        results = asyncio.gather(*work, return_exceptions=True)
        while not begun.is_set():
            await asyncio.sleep(0.001)
        hands.close()
        may_end.set()
        return await results

    found = asyncio.run(run_both())
    assert found[0] == "first"
    assert isinstance(found[1], asyncio.CancelledError)
    assert done == []


def test_what_comes_after_the_end_is_refused_at_once() -> None:
    async def run_late() -> None:
        hands = WorkThreads(1)
        await hands.run(lambda: 1)
        hands.close()
        await hands.run(lambda: 2)

    with pytest.raises(RuntimeError, match="the worker has stopped"):
        asyncio.run(run_late())
