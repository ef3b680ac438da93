"""Progress of a run as lines in its log, because a shard may take hours."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from hugflow.amounts import human_time
from hugflow.ledger.journal import Outcome, RowFailed

log = logging.getLogger("hugflow.progress")

EVERY_S = 15.0
MOST_NAMED = 5


@dataclass(slots=True)
class RunProgress:
    """Counts the rows that a run commits, and logs the progress every few seconds.

    name: the dataset's name.
    rows_done: rows of the dataset that were done when the run began.
    rows: all rows of the dataset; None if unknown.

    Failed rows are logged at once with their reasons, a few of each batch.
    """

    name: str
    rows_done: int
    rows: int | None
    _new: int = 0
    _began_at: float = field(default_factory=time.monotonic)
    _told_at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count a committed batch; safe from any thread."""
        failed = [outcome for outcome in outcomes if isinstance(outcome, RowFailed)]
        for row in failed[:MOST_NAMED]:
            log.warning("row %d failed: %s: %s", row.row, row.code, row.message)
        if len(failed) > MOST_NAMED:
            log.warning("and %d rows more", len(failed) - MOST_NAMED)
        with self._lock:
            self._new += len(outcomes)
            now = time.monotonic()
            if now - self._told_at < EVERY_S:
                return
            self._told_at = now
            line = self._render(now)
        log.info("%s", line)

    def _render(self, now: float) -> str:
        per_second = self._new / max(now - self._began_at, 0.001)
        if self.rows is None:
            done = self.rows_done + self._new
            return f"{self.name}: {done:,} rows so far, {per_second:,.1f} rows/s"
        done = min(self.rows_done + self._new, self.rows)
        left_s = (self.rows - done) / per_second if per_second else 0.0
        percent = 100 * done / max(self.rows, 1)
        return (
            f"{self.name}: {done:,} of {self.rows:,} rows ({percent:.1f} %), "
            f"{per_second:,.1f} rows/s, about {human_time(left_s)} left"
        )
