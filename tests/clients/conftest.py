"""A client of the Hub, and a clock that does not make it wait."""

import time

import pytest

from hugflow.clients.hub import Hub
from hugflow.testing.hub import LoopbackHub


@pytest.fixture
def client(hub: LoopbackHub) -> Hub:
    """A client of the loopback Hub, without a token."""
    return Hub()


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
