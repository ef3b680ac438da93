"""A pool of workers: child processes that stay warm, each answering one question at a time.

What may crash, hang, or take all memory is done in a worker, and costs that question alone. A worker
is never forked, so that threads do it no harm, and ends with its owner, however that one ends.
"""

import mmap
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field, replace
from threading import Event, Lock
from typing import IO, Final, Self

from hugflow.errors import HugflowError, Stopped
from hugflow.late_dataclass import dataclass
from hugflow.lean_start import with_extras
from hugflow.redact import without_secrets
from hugflow.workers.channel import (
    HALF_BYTES,
    Bytes,
    Channel,
    ChannelClosed,
    Header,
    Take,
    new_area,
)
from hugflow.workers.child import Prepare
from hugflow.workers.turns import Turns

_MODULE: Final = "hugflow.workers.child"
_ENDS_WITHIN_S: Final = 1.0
# Sent by people and service managers, and never the doing of a question.
_SENT: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_TUNED: Final = {
    # A worker takes and frees the same memory for each question: it keeps it meanwhile.
    "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 20),
    # A worker answers one question at a time; numpy would start a thread per core, with memory.
    "OPENBLAS_NUM_THREADS": "1",
}


class WorkerDied(HugflowError):
    """A worker ended, or was ended, before it had answered.

    is_crash: whether the question may be to blame: a fault in native code, too little memory, too
    much time, or code that left. False if somebody ended the worker, or it never started.
    was_started: whether it had been prepared, so that it was asked a question at all.
    """

    def __init__(self, doing: str, how: str, *, is_crash: bool, was_started: bool = True) -> None:
        """doing: `make the MP3 of row 5`; how: `was ended by SIGSEGV`."""
        self.how = how
        self.is_crash = is_crash
        self.was_started = was_started
        super().__init__(
            f"the process that was to {doing} {how}",
            why="it is a process of its own: its crash costs only what it was doing",
            mend="run the same command again; if it happens each time, leave out what it was doing",
        )


class WorkerFailed(HugflowError):
    """A worker's code raised an error that nobody foresaw; `trace` is its traceback."""

    def __init__(self, doing: str, trace: str) -> None:
        """The last line of a traceback is the error itself."""
        self.trace = trace
        super().__init__(
            f"the process that was to {doing} failed",
            why=trace.strip().rpartition("\n")[2],
            mend="the traceback is in the log; report it with the version of hugflow",
        )


@dataclass(slots=True)
class _Worker:
    process: "subprocess.Popen[bytes]"
    area: mmap.mmap

    def channel(self, look: "_Look") -> Channel:
        reads, writes = _pipe(self.process.stdout), _pipe(self.process.stdin)
        return Channel(reads.fileno(), writes.fileno(), self.area, at=0, look=look)

    def end(self) -> int:
        """End it, if it has not ended by itself; gives how it ended."""
        with suppress(BrokenPipeError):
            _pipe(self.process.stdin).close()
        _pipe(self.process.stdout).close()
        self.area.close()
        try:
            return self.process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class _TookTooLong(Exception):
    """The time for an answer is over."""


@dataclass(frozen=True, slots=True)
class _Look:
    """Ends a wait when it is to stop, or its time is over."""

    stop: Event | None
    ends_at: float | None = None

    def __call__(self) -> None:
        if self.stop is not None and self.stop.is_set():
            raise Stopped
        if self.ends_at is not None and time.monotonic() > self.ends_at:
            raise _TookTooLong


@dataclass(slots=True)
class WorkerPool:
    """As many workers as there are questions at once; safe to use from any number of threads.

    prepare: called once in each worker, gives what answers questions there; pickled, so it is a
    function of a module, or a `functools.partial` of one. stop: once it is set, `ask` raises Stopped.
    environment: of the workers; None for ours without secrets. talks: whether what native code
    writes to stderr in a worker goes to our stderr; else it is lost. ready_within_s: how long a
    worker may take to start, None for as long as it takes; later is WorkerFailed.
    """

    prepare: Prepare
    stop: Event | None = None
    environment: Mapping[str, str] | None = None
    talks: bool = False
    ready_within_s: float | None = None
    _idle: list[_Worker] = field(default_factory=list, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)
    _turns: Turns = field(default_factory=Turns, init=False)

    def __enter__(self) -> Self:
        """The pool; no worker is started yet."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the workers."""
        self.close()

    def ask(
        self,
        header: Header,
        data: Bytes = b"",
        *,
        doing: str,
        into: Take = lambda piece: None,
        timeout_s: float | None = None,
        stop: Event | None = None,
        alone: bool = False,
    ) -> Header:
        """The JSON of a question's answer.

        doing: what is asked for, after `the process that was to`. into: told the bytes of the answer,
        piece by piece; a piece is valid until it returns. timeout_s: for the answer, without the
        start of a worker. stop: for this question, in place of the pool's. alone: ask a new worker,
        while no other question is in work.

        Raises WorkerDied and WorkerFailed, HugflowError where no worker can be started, Stopped, and
        what `into` raises. After an error the bytes may have come in part.
        """
        look = _Look(self.stop if stop is None else stop)
        with self._turns.take(alone=alone, look=look):
            if alone:
                self._end_one_idle()
                worker = self._begin(doing, look)
            else:
                worker = self._take(doing, look)
            return self._ask(worker, header, data, doing, into, look, timeout_s)

    def close(self) -> None:
        """End the workers; none is at work any more."""
        for worker in self._idle:
            worker.end()
        self._idle.clear()

    def _ask(
        self,
        worker: _Worker,
        header: Header,
        data: Bytes,
        doing: str,
        into: Take,
        look: _Look,
        timeout_s: float | None,
    ) -> Header:
        if timeout_s is not None:
            look = replace(look, ends_at=time.monotonic() + timeout_s)
        try:
            answer = _exchange(worker.channel(look), header, data, into)
        except ChannelClosed:
            raise _death(doing, worker.end()) from None
        except _TookTooLong:
            worker.process.kill()
            worker.end()
            raise WorkerDied(
                doing, f"gave no answer within {timeout_s:g} s, and was ended", is_crash=True
            ) from None
        except BaseException:
            worker.process.kill()
            worker.end()
            raise
        with self._lock:
            self._idle.append(worker)
        if "raised" in answer:
            raise WorkerFailed(doing, str(answer["raised"]))
        found: Header = answer["answer"]
        return found

    def _take(self, doing: str, look: _Look) -> _Worker:
        """A worker that is idle, or a new one."""
        while True:
            with self._lock:
                if not self._idle:
                    break
                worker = self._idle.pop()
            if worker.process.poll() is None:
                return worker
            # Somebody ended it while it did nothing.
            worker.end()
        return self._begin(doing, look)

    def _end_one_idle(self) -> None:
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        if idle is not None:
            idle.end()

    def _begin(self, doing: str, look: _Look) -> _Worker:
        """A new worker, prepared."""
        worker = self._start()
        within_s = self.ready_within_s
        if within_s is not None:
            look = replace(look, ends_at=time.monotonic() + within_s)
        try:
            pickled = pickle.dumps(self.prepare)
            ready = _exchange(worker.channel(look), {}, pickled, lambda piece: None)
        except ChannelClosed:
            # No question's doing: it was asked none.
            how = _how(worker.end())
            raise WorkerDied(
                doing, f"{how} as it was started", is_crash=False, was_started=False
            ) from None
        except _TookTooLong:
            worker.process.kill()
            worker.end()
            trace = f"TimeoutError: it was not ready within {within_s:g} s"
            raise WorkerFailed(doing, trace) from None
        except BaseException:
            worker.process.kill()
            worker.end()
            raise
        if "raised" in ready:
            worker.end()
            raise WorkerFailed(doing, str(ready["raised"]))
        return worker

    def _start(self) -> _Worker:
        environment = without_secrets(os.environ) if self.environment is None else self.environment
        area = new_area()
        try:
            shared = mmap.mmap(area, 2 * HALF_BYTES)
            # `-P`: a folder named `hugflow` in the working directory is not ours. A session of its
            # own: who interrupts us from a terminal does not interrupt it.
            process = subprocess.Popen(  # noqa: S603  # a module of ours
                [sys.executable, "-P", "-m", _MODULE, str(area)],
                env=_TUNED | with_extras(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if self.talks else subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
                pass_fds=[area],
            )
            writes = _pipe(process.stdin)
            # Else a worker that reads no more would hold us at a long question.
            os.set_blocking(writes.fileno(), False)
            return _Worker(process, shared)
        except OSError as error:
            raise HugflowError(
                "a child process cannot be started",
                why=error.strerror or str(error),
                mend="let fewer programs run beside it, lower WORKERS, or raise the limits (`ulimit "
                "-n`, `ulimit -u`); then run the same command again: it continues where it stopped",
            ) from error
        finally:
            os.close(area)


def _exchange(channel: Channel, header: Header, data: Bytes, into: Take) -> Header:
    channel.send(header, [data], len(data))
    return channel.receive(into)


def _death(doing: str, status: int) -> WorkerDied:
    return WorkerDied(doing, _how(status), is_crash=-status not in _SENT)


def _how(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"left with status {status}"


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("it was started with pipes")
    return pipe
