"""What this process does now: words, counts and received bytes, for whoever shows them.

Work that may take over two seconds names itself, and whoever receives bytes counts them:

    with step("reading 600 footers", total=600) as reading:
        ...
        reading.advance()

Nothing is printed here. `hugflow.cli.progress` looks here several times a second.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field

from hugflow.late_dataclass import dataclass


@dataclass(slots=True, eq=False)
class Step:
    """One piece of work. total: how many parts it has; None for work that is not counted."""

    words: str
    total: int | None = None
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def advance(self, parts: int = 1) -> None:
        """Count parts that are done; any thread may do it."""
        with self._lock:
            self.done += parts

    def __str__(self) -> str:
        """`reading 600 footers 120/600`."""
        return self.words if self.total is None else f"{self.words} {self.done:,}/{self.total:,}"


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes of published files. fresh: received now. kept: found on disk, or not needed."""

    fresh: int = 0
    kept: int = 0


_lock = threading.Lock()
_steps: list[Step] = []
_received = Received()


def per_shard(dataset: str = "") -> dict[str, str]:
    """The `extra` of a log call for a line that comes once a shard: a terminal hides such lines.

    dataset: the first line of this dataset is shown.
    """
    return {"per_shard": dataset}


@contextmanager
def step(words: str, total: int | None = None) -> Iterator[Step]:
    """Name the work of the block; a step inside it is shown in its place meanwhile."""
    begun = Step(words, total)
    with _lock:
        _steps.append(begun)
    try:
        yield begun
    finally:
        with _lock:
            _steps.remove(begun)


def current_step() -> Step | None:
    """The innermost step, of any thread."""
    with _lock:
        return _steps[-1] if _steps else None


def count_received(size_bytes: int) -> None:
    """Count bytes that the network has just delivered."""
    global _received
    with _lock:
        _received = Received(_received.fresh + size_bytes, _received.kept)


def count_kept(size_bytes: int) -> None:
    """Count bytes that need not be fetched: they are on disk, or their rows are."""
    global _received
    with _lock:
        _received = Received(_received.fresh, _received.kept + size_bytes)


def received() -> Received:
    """All bytes since the process started."""
    return _received
