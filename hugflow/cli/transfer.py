"""One dataset on its way: rows made, bytes fetched, how fast, and the time left.

`Transfer` counts; `Transfer.measure` gives a `Figures`, which is a value, with its words.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import field
from typing import NamedTuple

from hugflow.activity import Received, received
from hugflow.amounts import human_bytes, share_of_bytes, short_time
from hugflow.late_dataclass import dataclass

# Rates are those of the last seconds: a Hub may slow down, and rows come in batches.
RATE_OVER_S = 20.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a dataset now.

    rows_per_s, bytes_per_s: None before something came. left_s: None while it cannot be said.
    step: the rows of the row step at work, by its name.
    """

    rows: int
    total_rows: int | None
    rows_per_s: float | None
    fetched_bytes: int
    total_bytes: int
    bytes_per_s: float | None
    left_s: float | None
    step: tuple[str, int] | None = None

    def parts(self) -> list[str]:
        """`1,200/10,000 rows 120/s`, `34.1/120.0 MB 8.1 MB/s`, `1m12s left`."""
        if self.step is not None:
            name, rows = self.step
            return [f"step {name}: {rows:,}/{self.rows:,} rows"]
        of = "" if self.total_rows is None else f"/{self.total_rows:,}"
        parts = [f"{self.rows:,}{of} rows{_rate(self.rows_per_s)}"]
        if self.total_bytes or self.fetched_bytes:
            total = max(self.total_bytes, self.fetched_bytes)
            speed = f" {human_bytes(round(self.bytes_per_s))}/s" if self.bytes_per_s else ""
            parts.append(share_of_bytes(self.fetched_bytes, total) + speed)
        if self.left_s is not None:
            parts.append(f"{short_time(self.left_s)} left")
        return parts

    def words(self) -> str:
        """The parts in one line."""
        return ", ".join(self.parts())

    @property
    def share(self) -> float | None:
        """How much is done, from 0 to 1: of the rows, or of the bytes while rows are unknown."""
        if self.step is not None:
            return min(1.0, self.step[1] / self.rows) if self.rows else None
        if self.total_rows:
            return min(1.0, self.rows / self.total_rows)
        return min(1.0, self.fetched_bytes / self.total_bytes) if self.total_bytes else None


class _Sample(NamedTuple):
    at: float
    rows: int
    bytes: int


@dataclass(slots=True, eq=False)
class Transfer:
    """Counts the rows of one dataset. Rows may be counted in any thread.

    total_rows: None when unknown. rows: done before. total_bytes: of the files still to be fetched.
    """

    name: str
    total_rows: int | None
    rows: int
    total_bytes: int = 0
    clock: Callable[[], float] = time.monotonic
    step: tuple[str, int] | None = None
    _before: Received = field(default_factory=received)
    _samples: deque[_Sample] = field(init=False)

    def __post_init__(self) -> None:
        """Begin to measure now."""
        self._samples = deque([_Sample(self.clock(), self.rows, 0)])

    def measure(self) -> Figures:
        """The figures of this moment; called by one thread at a time."""
        now, rows, got = self.clock(), self.rows, received()
        fresh = got.fresh - self._before.fresh
        fetched = fresh + got.kept - self._before.kept
        fetched = min(fetched, self.total_bytes) if self.total_bytes else fresh
        self._samples.append(_Sample(now, rows, fresh))
        while len(self._samples) > 2 and now - self._samples[1].at > RATE_OVER_S:
            self._samples.popleft()
        first = self._samples[0]
        passed = max(now - first.at, 1e-9)
        rows_per_s, bytes_per_s = (rows - first.rows) / passed, (fresh - first.bytes) / passed
        waits = [_left_s((self.total_rows or rows) - rows, rows_per_s)]
        waits.append(_left_s(self.total_bytes - fetched if self.total_bytes else 0, bytes_per_s))
        known = [wait for wait in waits if wait is not None]
        # The later of the two: neither rows nor bytes may be missing at the end.
        left_s = max(known) if known and any(known) else None
        return Figures(
            rows,
            self.total_rows,
            rows_per_s or None,
            fetched,
            self.total_bytes,
            bytes_per_s or None,
            left_s,
            self.step,
        )


def _left_s(missing: int, rate: float) -> float | None:
    if missing <= 0:
        return 0.0
    return missing / rate if rate > 0 else None


def _rate(per_s: float | None) -> str:
    if not per_s:
        return ""
    return f" {per_s:,.1f}/s" if per_s < 10 else f" {per_s:,.0f}/s"
