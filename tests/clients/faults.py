"""Faults between the Hub and its client: the answer that one request gets is another one."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hugflow.testing import hub as loopback
from hugflow.testing.api import Holdings
from hugflow.testing.exchange import Answer, Ask, Extract, Refusal
from hugflow.testing.repository import HubFile

# Gives the answer in place of the true one, or None to let the true one pass.
Fault = Callable[[Ask, Answer], Answer | None]
Answering = Callable[[Holdings, Ask], Answer]


@dataclass(slots=True)
class Faults:
    """Faults by the number of the request they strike, among those that `counts` says yes to."""

    by_number: dict[int, Fault] = field(default_factory=dict)
    always: Fault | None = None
    counts: Callable[[Ask], bool] = lambda ask: True
    seen: int = 0

    def strike(self, ask: Ask, answer: Answer) -> Answer:
        """The answer that is sent."""
        if not self.counts(ask):
            return answer
        number, self.seen = self.seen, self.seen + 1
        fault = self.by_number.get(number, self.always)
        return (fault(ask, answer) if fault is not None else None) or answer


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Faults of the Hub that all tests share, for this test."""
    faults = Faults()
    for name in ("answer_api", "answer_storage"):
        real: Answering = getattr(loopback, name)

        def answer(held: Holdings, ask: Ask, real: Answering = real) -> Answer:
            return faults.strike(ask, real(held, ask))

        monkeypatch.setattr(loopback, name, answer)
    return faults


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were to be slept, without sleeping them."""
    seconds: list[float] = []
    sleep = time.sleep

    def record(wait_s: float) -> None:
        # The loopback Hub and `threading` take short naps of their own.
        if wait_s >= 0.1:
            seconds.append(wait_s)
        sleep(min(wait_s, 0.001))

    monkeypatch.setattr(time, "sleep", record)
    return seconds


def refuse(status: int, **headers: str) -> Fault:
    """An error, as a server between us and the Hub sends it: `Retry_After="1"` is a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda ask, answer: Refusal(status, "no", headers=named).to_answer()


def page(ask: Ask, answer: Answer) -> Answer:
    """The page of a proxy that wants somebody to log in."""
    return Answer(200, {"Content-Type": "text/html"}, b"<html>Please log in</html>")


def cut(at: int) -> Fault:
    """The connection breaks after so many bytes of the body."""
    return lambda ask, answer: replace(answer, body=_as_extract(answer, _cut(answer, at)))


def flip(at: int) -> Fault:
    """One bit of the body is another."""

    def fault(ask: Ask, answer: Answer) -> Answer:
        data = bytearray(_read(answer))
        data[at] ^= 1
        return replace(answer, body=bytes(data))

    return fault


def ignore_range(ask: Ask, answer: Answer) -> Answer | None:
    """The whole file, whatever part of it was asked for."""
    if not isinstance(answer.body, Extract):
        return None
    headers = {n: v for n, v in answer.headers.items() if n != "Content-Range"}
    whole = Extract(answer.body.file, 0, answer.body.file.size_bytes)
    return Answer(200, headers, whole)


def is_body(ask: Ask) -> bool:
    """Whether the question is for a large file's bytes."""
    return ask.port == "storage"


class _Broken:
    """A file whose reading ends too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        yield self.data
        # Time for the bytes to leave before the server closes the connection behind them.
        raise ConnectionAbortedError("cut")


def _read(answer: Answer) -> bytes:
    if isinstance(answer.body, bytes):
        return answer.body
    return b"".join(answer.body.file.read(answer.body.start, answer.body.stop))


def _cut(answer: Answer, at: int) -> Any:
    return _Broken(_read(answer)[:at])


def _as_extract(answer: Answer, file: HubFile) -> Extract:
    return Extract(file, 0, answer.size_bytes)
