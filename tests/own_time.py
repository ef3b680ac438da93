"""A clock of one module's own: other threads of the tests keep the real one."""

import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


def give_own_time(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, **functions: Callable[..., Any]
) -> None:
    """Replace functions of `time`, as this module alone sees them.

    `time` itself belongs to every thread: servers and heartbeats that run beside a test would
    call the replacement too, and would end by what it raises.
    """
    monkeypatch.setattr(module, "time", SimpleNamespace(**(vars(time) | functions)))
