"""Threads that run the flows of a worker, for the loop that waits for them.

Beside `ThreadPoolExecutor` with `run_in_executor`, a hand-over takes half of the time, and it is
what a call of a trivial flow mostly waits for. A flow that never returns keeps no program from
ending.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Work = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class WorkThreads:
    """Up to so many threads, which start when they are needed. Used in one loop alone."""

    def __init__(self, most: int) -> None:
        """No thread is started yet."""
        self._most = most
        self._threads = 0
        self._unfinished = 0
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._is_open = True

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` gives, or raises; it runs in a thread, in its turn.

        Raises RuntimeError after `close`: nobody would run it.
        """
        if not self._is_open:
            raise RuntimeError("the worker has stopped")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._unfinished += 1
        if self._threads < min(self._unfinished, self._most):
            self._threads += 1
            name = f"flow-{self._threads}"
            threading.Thread(target=self._work, args=(loop,), name=name, daemon=True).start()
        self._queue.put((work, done))
        return await done

    def close(self) -> None:
        """Let each thread end after what it runs; what waits is never run."""
        self._is_open = False
        for _ in range(self._threads):
            self._queue.put(None)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (found := self._queue.get()) is not None:
            work, done = found
            settle: Callable[[], object] = done.cancel
            if self._is_open:
                try:
                    settle = partial(done.set_result, work())
                except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
                    settle = partial(done.set_exception, error)
            try:
                loop.call_soon_threadsafe(self._finish, done, settle)
            except RuntimeError:
                # The loop is closed, and nobody waits any more.
                return
            # A thread that waits for its next message must not keep megabytes of the last one.
            del found, work, done, settle

    def _finish(self, done: "asyncio.Future[Any]", settle: Callable[[], object]) -> None:
        self._unfinished -= 1
        if not done.done():
            settle()
