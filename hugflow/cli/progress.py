"""Progress: a bar on a terminal, elsewhere a log line at intervals."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hugflow.cli.output import is_terminal

if TYPE_CHECKING:
    from hugflow.ledger.journal import Outcome

log = logging.getLogger(__name__)

OnRows = Callable[[Sequence["Outcome"]], None]
OnStepRows = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Watch:
    """Shows the progress of a dataset: its rows as they are made, then the rows of each step."""

    on_rows: OnRows
    on_step_rows: OnStepRows


@contextmanager
def watch_dataset(total_rows: int | None, done_rows: int, interval_rows: int) -> Iterator[Watch]:
    """As `watch_rows`, also for the rows that row steps run over."""
    if is_terminal():
        with _bars(total_rows, done_rows) as watch:
            yield watch
    else:
        yield Watch(_lines(total_rows, done_rows, interval_rows), _step_lines(interval_rows))


@contextmanager
def watch_rows(total_rows: int | None, done_rows: int, interval_rows: int) -> Iterator[OnRows]:
    """Give a function that counts committed rows and shows progress.

    total_rows: None when unknown. done_rows: rows that were done before.
    """
    if is_terminal():
        with _bars(total_rows, done_rows) as watch:
            yield watch.on_rows
    else:
        yield _lines(total_rows, done_rows, interval_rows)


@contextmanager
def _bars(total_rows: int | None, done_rows: int) -> Iterator[Watch]:
    """A bar for the rows, and one for each step when it begins.

    A step may run over fewer rows: an earlier one leaves some out.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), "rows {task.description}", TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total_rows, completed=done_rows)
        step_tasks: dict[str, TaskID] = {}

        def on_step_rows(step: str, rows: int) -> None:
            if step not in step_tasks:
                step_tasks[step] = progress.add_task(f"of step {step}", total=total_rows)
            progress.advance(step_tasks[step], rows)

        yield Watch(lambda outcomes: progress.advance(task, len(outcomes)), on_step_rows)


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


def _step_lines(interval_rows: int) -> OnStepRows:
    """Logs a line when a step begins, and every `interval_rows` rows."""
    done: dict[str, int] = {}

    def on_step_rows(step: str, rows: int) -> None:
        before = done.get(step)
        done[step] = (before or 0) + rows
        if before is None or done[step] // interval_rows > before // interval_rows:
            log.info("step %s: %s rows", step, f"{done[step]:,}")

    return on_step_rows
