"""The Hub with faults, and a client of it."""

import pytest

from hugflow.clients.hub import Hub
from hugflow.testing.hub import LoopbackHub
from tests.clients.faults import faults, slept

__all__ = ["client", "faults", "slept"]


@pytest.fixture
def client(hub: LoopbackHub) -> Hub:
    """A client of the loopback Hub, without a token."""
    return Hub()
