"""Progress: a bar on a terminal, a line now and then elsewhere."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hugflow.cli.output import is_terminal

if TYPE_CHECKING:
    from hugflow.ledger.journal import Outcome

log = logging.getLogger(__name__)

OnRows = Callable[[Sequence["Outcome"]], None]


@contextmanager
def watch_rows(total_rows: int, interval_rows: int) -> Iterator[OnRows]:
    """Give a function that counts committed rows and shows how far they are."""
    if is_terminal():
        with _bar(total_rows) as on_rows:
            yield on_rows
    else:
        yield _lines(total_rows, interval_rows)


@contextmanager
def _bar(total_rows: int) -> Iterator[OnRows]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), "rows", TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total_rows)
        yield lambda outcomes: progress.advance(task, len(outcomes))


def _lines(total_rows: int, interval_rows: int) -> OnRows:
    """A line each `interval_rows`, with the rate since the first row."""
    done, next_line, started = 0, interval_rows, time.monotonic()

    def on_rows(outcomes: Sequence["Outcome"]) -> None:
        nonlocal done, next_line
        done += len(outcomes)
        if done >= next_line:
            next_line = done - done % interval_rows + interval_rows
            rate = done / max(time.monotonic() - started, 1e-9)
            log.info("%s of %s rows, %.0f rows/s", f"{done:,}", f"{total_rows:,}", rate)

    return on_rows
