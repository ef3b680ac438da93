"""The common part of stand-ins: ports, injected faults, a log, and control from outside.

The Hub's is in `hub`, GitHub's in `github`, Slack's in `slack`.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from hugflow.late_dataclass import dataclass
from hugflow.testing.control import answer_control, is_control
from hugflow.testing.exchange import Ask, Port, Response
from hugflow.testing.faults import Fault, Match
from hugflow.testing.injections import Injection, When, compose_injection, strike_all
from hugflow.testing.ports import OpenPorts
from hugflow.testing.request_log import LoggedRequest, log_request

ANYTHING = Match()


def _nothing() -> None:
    """The effect of a request that only reads: none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The true answer to a request, and the function that makes its effect.

    user: the token's owner.
    secrets: the owner of each value that the log must not show.
    """

    answer: Response
    settle: Callable[[], None] = _nothing
    user: str | None = None
    secrets: Mapping[str, str] | None = None
    is_logged: bool = True


class StandIn(ABC):
    """A service on free ports of 127.0.0.1, open as long as the `with` block is.

    Its content may change while it is open, from any thread.
    """

    def __init__(self, numbers: Mapping[Port, int]) -> None:
        """Set up; nothing listens before the `with` block is entered. Port 0 is any free one."""
        self._numbers = numbers
        self._requests: list[LoggedRequest] = []
        self._injections: list[Injection] = []
        self._lock = threading.Lock()
        self._ports: OpenPorts | None = None
        self._control: OpenPorts | None = None

    def __enter__(self) -> Self:
        """Listen."""
        self._ports = OpenPorts(self.answer, self._numbers)
        self._note_urls(self._ports.urls)
        return self

    def __exit__(self, *_: object) -> None:
        """Close every port."""
        for ports in (self._ports, self._control):
            if ports is not None:
                ports.close()
        self._control = None

    @property
    def control_url(self) -> str:
        """An address for steering from another process, open during outages too.

        It is opened at first use.
        """
        if self._control is None:
            name = next(iter(self._numbers))
            self._control = OpenPorts(self._answer_control, {name: 0})
        [url] = self._control.urls.values()
        return url

    def refuse(self) -> None:
        """Begin an outage: every connection breaks, and new connections are refused."""
        if self._ports is not None:
            self._ports.refuse()

    def accept(self) -> None:
        """End the outage: the same ports listen again."""
        if self._ports is not None:
            self._ports.accept()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Refuse connections during the `with` block."""
        self.refuse()
        try:
            yield
        finally:
            self.accept()

    @property
    def requests(self) -> tuple[LoggedRequest, ...]:
        """Every request answered so far, on all ports, oldest first.

        It leaves out clients' own requests, and control from outside.
        """
        with self._lock:
            return tuple(self._requests)

    def clear_requests(self) -> None:
        """Empty the log."""
        with self._lock:
            self._requests.clear()

    def inject(
        self,
        *faults: Fault,
        when: When = ANYTHING,
        times: int | None = 1,
        after: int = 0,
        with_effect: bool = False,
    ) -> Injection:
        """Let faults strike the answers to matching requests; the result counts them.

        Several faults strike one answer each, in turn.

        times: how often all of them strike; None means until they are cleared.
        after: the number of matching answers that pass first.
        with_effect: the requested effect happens, and only the answer is wrong.

        Raises UsageWrong when they could never strike.
        """
        injection = compose_injection(
            faults, when=when, times=times, after=after, with_effect=with_effect
        )
        with self._lock:
            for fault in faults:
                self._check(fault)
            self._injections.append(injection)
        return injection

    @contextmanager
    def faults(
        self,
        *faults: Fault,
        when: When = ANYTHING,
        times: int | None = 1,
        after: int = 0,
        with_effect: bool = False,
    ) -> Iterator[Injection]:
        """The same during the `with` block; other faults stay."""
        injection = self.inject(
            *faults, when=when, times=times, after=after, with_effect=with_effect
        )
        try:
            yield injection
        finally:
            with self._lock:
                self._injections = [each for each in self._injections if each is not injection]

    @property
    def injections(self) -> tuple[Injection, ...]:
        """Every active injection, oldest first."""
        with self._lock:
            return tuple(self._injections)

    def clear_faults(self) -> None:
        """Clear all faults."""
        with self._lock:
            self._injections.clear()

    def clear(self) -> None:
        """Reset to the state when opened: no content, no fault, no outage, an empty log."""
        self.accept()
        with self._lock:
            self._forget()
            self._injections.clear()
            self._requests.clear()

    def answer(self, ask: Ask) -> Response:
        """Every answer passes through here."""
        if is_control(ask):
            return answer_control(self, ask, stays_open=False)
        with self._lock:
            found = self._find_answer(ask)
            if not found.is_logged:
                return found.answer
            answer, struck = strike_all(self._injections, ask, found.answer)
            if answer.is_done:
                found.settle()
            self._requests.append(
                log_request(ask, answer, struck, user=found.user, secrets=found.secrets)
            )
            for fault in struck:
                self._follow(fault)
        return answer

    @property
    def verbs(self) -> Mapping[str, Callable[..., Any]]:
        """Its own verbs for other processes."""
        return {}

    def describe(self) -> Any:
        """What it holds, as values that JSON has."""
        return {}

    def _answer_control(self, ask: Ask) -> Response:
        return answer_control(self, ask, stays_open=True)

    @abstractmethod
    def _find_answer(self, ask: Ask) -> Finding:
        """The true answer; nothing that is held changes before it is settled."""

    @abstractmethod
    def _forget(self) -> None:
        """Hold nothing."""

    @abstractmethod
    def _note_urls(self, urls: Mapping[Port, str]) -> None:
        """Remember where it listens."""

    def _check(self, fault: Fault) -> None:
        """Refuse a fault that this one cannot have."""
        del fault

    def _follow(self, fault: Fault) -> None:
        """Do what comes behind an answer that a fault struck."""
        del fault
