"""Progress: a bar on a terminal, elsewhere a log line at intervals."""

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
def watch_rows(total_rows: int | None, done_rows: int, interval_rows: int) -> Iterator[OnRows]:
    """Give a function that counts committed rows and shows progress.

    total_rows: None when unknown. done_rows: rows that were done before.
    """
    if is_terminal():
        with _bar(total_rows, done_rows) as on_rows:
            yield on_rows
    else:
        yield _lines(total_rows, done_rows, interval_rows)


@contextmanager
def _bar(total_rows: int | None, done_rows: int) -> Iterator[OnRows]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), "rows", TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total_rows, completed=done_rows)
        yield lambda outcomes: progress.advance(task, len(outcomes))


def _lines(total_rows: int | None, done_rows: int, interval_rows: int) -> OnRows:
    """Logs a line every `interval_rows` rows, with the rate of this run."""
    done, started = done_rows, time.monotonic()
    next_line = done - done % interval_rows + interval_rows

    def on_rows(outcomes: Sequence["Outcome"]) -> None:
        nonlocal done, next_line
        done += len(outcomes)
        if done >= next_line:
            next_line = done - done % interval_rows + interval_rows
            rate = (done - done_rows) / max(time.monotonic() - started, 1e-9)
            of = "" if total_rows is None else f" of {total_rows:,}"
            log.info("%s%s rows, %.0f rows/s", f"{done:,}", of, rate)

    return on_rows
