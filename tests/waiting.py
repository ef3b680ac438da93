"""Waiting for what another thread or process does."""

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Return as soon as it is so. Raises AssertionError when the time is over."""
    ends_at = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < ends_at, f"it was not so within {timeout_s:g} s"
        time.sleep(0.02)
