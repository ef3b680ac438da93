"""Processes that answer questions about sound, so that a codec that crashes takes down none but one.

A question and its answer are frames: two lengths, a JSON, and bytes.
"""

import json
import os
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import IO, Any, TypeAlias

from hugflow.audio.bad import CRASHED, AudioBad
from hugflow.audio.spool import Spool, Stopped
from hugflow.errors import HugflowError
from hugflow.redact import without_secrets

_LENGTHS = struct.Struct("<IQ")
_PIECE_BYTES = 1 << 20
_LOOK_EVERY_S = 0.2
_SENT = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

Bytes: TypeAlias = bytes | bytearray | memoryview
Header: TypeAlias = dict[str, Any]
Process: TypeAlias = "subprocess.Popen[bytes]"


@dataclass(slots=True)
class Processes:
    """As many processes of a module as there are questions at once; each answers one at a time.

    module: one whose `main` calls `answer_questions`. spill_folder, stop: as `Spool` has them.
    """

    module: str
    spill_folder: Path | None = None
    stop: Event | None = None
    _idle: list[Process] = field(default_factory=list, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def ask(self, header: Header, data: Bytes = b"") -> tuple[Header, Spool] | None:
        """The answer to a question; None where a process ended by itself and gave none.

        Raises AudioBad (`codec_crashed`) where a signal ended it, and where that is the answer.
        """
        process = self._take()
        try:
            answer = self._exchange(process, header, data)
        except BaseException:
            _end(process)
            raise
        if answer is None:
            _refuse_crash(_end(process))
            return None
        with self._lock:
            self._idle.append(process)
        if "bad" in answer[0]:
            answer[1].close()
            raise AudioBad(*answer[0]["bad"])
        return answer

    def close(self) -> None:
        """End the processes; none is at work any more."""
        for process in self._idle:
            _end(process)
        self._idle.clear()

    def _exchange(
        self, process: Process, header: Header, data: Bytes
    ) -> tuple[Header, Spool] | None:
        """Send a question, and read its answer; None where no whole one comes back."""
        with suppress(BrokenPipeError):
            _write_frame(_pipe(process.stdin), header, [data], len(data))
        answers = _pipe(process.stdout)
        lengths = b"".join(self._read(answers, _LENGTHS.size))
        if len(lengths) < _LENGTHS.size:
            return None
        header_bytes, size = _LENGTHS.unpack(lengths)
        text = b"".join(self._read(answers, header_bytes))
        if len(text) < header_bytes:
            return None
        body = Spool(self.spill_folder, self.stop)
        try:
            for piece in self._read(answers, size):
                body.append(piece)
        except BaseException:
            body.close()
            raise
        if len(body) == size:
            return json.loads(text), body
        body.close()
        return None

    def _read(self, pipe: IO[bytes], size: int) -> Iterator[bytes]:
        """So many bytes, fewer where the process ends; raises Stopped."""
        # Not `select`, which takes no descriptor above 1023.
        ready = select.poll()
        ready.register(pipe, select.POLLIN)
        while size:
            while not ready.poll(_LOOK_EVERY_S * 1000):
                if self.stop is not None and self.stop.is_set():
                    raise Stopped
            piece = os.read(pipe.fileno(), min(size, _PIECE_BYTES))
            if not piece:
                return
            size -= len(piece)
            yield piece

    def _take(self) -> Process:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        # `-P`: a folder named `hugflow` in the working directory is not ours. A session of its own:
        # who interrupts us from a terminal does not interrupt it.
        try:
            return subprocess.Popen(  # noqa: S603  # a module of ours
                [sys.executable, "-P", "-m", self.module],
                env=without_secrets(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            # No clip's doing, and never to be taken for it.
            raise HugflowError(
                "a process that looks at clips cannot be started",
                why=error.strerror or str(error),
                mend="let fewer programs run beside it, lower WORKERS, or raise the limits (`ulimit "
                "-n`, `ulimit -u`); then run the same command again: it goes on where it stopped",
            ) from error


@dataclass(frozen=True, slots=True)
class Answer:
    """What a process answers: a JSON, and `size` bytes in pieces."""

    header: Header
    pieces: Iterable[Bytes] = ()
    size: int = 0


def answer_questions(answer: Callable[[Header, bytes], Answer]) -> None:
    """Answer frames on stdin with frames on stdout until there are no more.

    answer: takes a question's JSON and bytes; what it raises as AudioBad is an answer too.
    """
    # Whoever stops a whole group of processes stops the one that we work for.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Whatever a library may print goes nowhere, and not between the frames.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with suppress(BrokenPipeError):
        while lengths := sys.stdin.buffer.read(_LENGTHS.size):
            header_bytes, size = _LENGTHS.unpack(lengths)
            header = json.loads(sys.stdin.buffer.read(header_bytes))
            try:
                given = answer(header, sys.stdin.buffer.read(size))
                _write_frame(answers, given.header, given.pieces, given.size)
            except AudioBad as bad:
                _write_frame(answers, {"bad": [bad.code, bad.message]}, (), 0)


def _write_frame(pipe: IO[bytes], header: Header, pieces: Iterable[Bytes], size: int) -> None:
    text = json.dumps(header).encode()
    for piece in (_LENGTHS.pack(len(text), size) + text, *pieces):
        view = memoryview(piece).cast("B")
        while view:
            view = view[os.write(pipe.fileno(), view[:_PIECE_BYTES]) :]


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("it was started with pipes")
    return pipe


def _end(process: Process) -> int:
    """End a process, if it has not ended by itself; gives how it ended."""
    with suppress(BrokenPipeError):
        _pipe(process.stdin).close()
    _pipe(process.stdout).close()
    try:
        return process.wait(1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _refuse_crash(status: int) -> None:
    """Raise AudioBad for a process that a signal ended, but for one that somebody sent."""
    if status < 0 and -status not in _SENT:
        name = signal.Signals(-status).name
        raise AudioBad(CRASHED, f"the process that decoded or encoded it was ended by {name}")
