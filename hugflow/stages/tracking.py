"""Keeping the progress file of a running build: a view, written every few seconds."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hugflow.errors import HugflowError, Locked
from hugflow.ledger.journal import Outcome, RowMade, read_journal
from hugflow.ledger.markers import read_marker
from hugflow.ledger.progress import Progress, Status, write_progress
from hugflow.stages.build import Build

WRITE_EVERY_S = 2.0


@dataclass(slots=True)
class Tracker:
    """Counts rows as they are committed, and writes the progress file from time to time.

    One byte of memory a row. Safe to call from the thread that commits.
    """

    build: Build
    resumed_from: int = 0
    error: str | None = None
    _is_done: npt.NDArray[np.bool_] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _written_at: float = 0.0

    def __post_init__(self) -> None:
        """Begin with what the ledger says; markers spare the reading of whole journals."""
        state = self.build.state
        self._is_done = np.zeros(self.build.rows, dtype=np.bool_)
        for shard in self.build.shards:
            marker = read_marker(state.marker(shard.name, "metadata"))
            if marker is not None:
                rows = self.build.rows_of(shard)
                self._is_done[rows.start : rows.stop] = True
                self._is_done[list(marker.failed_rows)] = False
            else:
                self._add(read_journal(state.journal(shard.name)).values())
        self.resumed_from = self.rows

    @property
    def rows(self) -> int:
        """Rows that are complete."""
        return int(self._is_done.sum())

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count a committed batch; every few seconds, write the file."""
        with self._lock:
            self._add(outcomes)
            if time.monotonic() - self._written_at > WRITE_EVERY_S:
                self._write("downloading")

    def write(self, status: Status) -> None:
        """Write the file now."""
        with self._lock:
            self._write(status)

    @contextmanager
    def watch(self) -> Iterator[Callable[[Status], None]]:
        """Write the file around a block: `downloading` at its begin, and how it ended.

        The block calls what it is given with its status; one that ends without calling it ends
        `incomplete`, one that is stopped `interrupted`, one that raises `failed`; one that is
        locked out leaves it `downloading`.
        """
        status: Status = "incomplete"

        def end(word: Status) -> None:
            nonlocal status
            status = word

        self.write("downloading")
        try:
            yield end
        except Locked:
            # Somebody else is at work, and the file is theirs.
            status = "downloading"
            raise
        except HugflowError as error:
            status, self.error = "failed", str(error)
            raise
        except Exception as error:
            status, self.error = "failed", f"unexpected {type(error).__name__}"
            raise
        except BaseException:
            # A signal, or whoever listens to the events has stopped listening.
            status = "interrupted"
            raise
        finally:
            self.write(status)

    def _add(self, outcomes: Iterable[Outcome]) -> None:
        rows = [
            outcome.row
            for outcome in outcomes
            if isinstance(outcome, RowMade) and outcome.json_bytes is not None
        ]
        self._is_done[[row for row in rows if row < len(self._is_done)]] = True

    def _write(self, status: Status) -> None:
        self._written_at = time.monotonic()
        edges = np.flatnonzero(np.diff(self._is_done, prepend=False, append=False))
        pairs = [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]
        write_progress(
            self.build.places.progress(self.build.name),
            Progress(
                dataset=self.build.name,
                status=status,
                ranges=tuple(pairs),
                total_rows=self.build.rows,
                resumed_from=self.resumed_from,
                error=self.error,
            ),
        )
