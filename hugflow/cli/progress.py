"""Progress: the last line of a terminal, elsewhere a log line at intervals.

    ⠹ acme/speech  ━━━━━━━━───────  1,200/10,000 rows 120/s  34.1/120.0 MB 8.1 MB/s  1m12s left

`showing` runs for the whole command, in a thread that looks at `hugflow.activity`. `watch_dataset`
and `watch_rows` add the rows of one dataset.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hugflow.activity import Step, current_step
from hugflow.cli import status_line
from hugflow.cli.output import clip, is_live_terminal, is_unicode, paint
from hugflow.cli.transfer import Transfer
from hugflow.late_dataclass import dataclass

if TYPE_CHECKING:
    from hugflow.ledger.journal import Outcome
    from hugflow.stages.telling.tracker import Tracker

log = logging.getLogger(__name__)

OnRows = Callable[[Sequence["Outcome"]], None]
OnStepRows = Callable[[str, int], None]

DRAW_EVERY_S = 0.2
LINE_EVERY_S = 10.0
# A step that ends sooner is not shown.
_PATIENCE_S = 0.4
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_SPINNER = "|/-\\"
_LEAST_BAR, _LONGEST_BAR, _LONGEST_NAME = 8, 40, 40

_transfers: list[Transfer] = []


@dataclass(frozen=True, slots=True)
class Watch:
    """Shows the progress of a dataset: its rows as they are made, then the rows of each step."""

    on_rows: OnRows
    on_step_rows: OnStepRows


@contextmanager
def showing() -> Iterator[None]:
    """Show what the process does while the block runs."""
    display = _Display()
    thread = threading.Thread(target=display.run, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        display.stop.set()
        thread.join(timeout=1)
        status_line.draw("")


@contextmanager
def watch_dataset(tracker: "Tracker", interval_rows: int) -> Iterator[Watch]:
    """Show rows and bytes of a dataset that is made, then the rows that row steps run over.

    interval_rows: without a terminal there is also a line every so many rows.
    """
    name, total_rows = tracker.build.request.hf_id, tracker.total_rows
    transfer = Transfer(name, total_rows, tracker.rows, tracker.missing_bytes)
    with _shown(transfer, interval_rows) as on_rows:
        yield Watch(on_rows, _count_step_rows(transfer, interval_rows))


@contextmanager
def watch_rows(
    name: str, total_rows: int | None, done_rows: int, interval_rows: int
) -> Iterator[OnRows]:
    """Give a function that counts rows, and show how many there are.

    total_rows: None when unknown. done_rows: rows that were done before.
    """
    with _shown(Transfer(name, total_rows, done_rows), interval_rows) as on_rows:
        yield on_rows


@contextmanager
def _shown(transfer: Transfer, interval_rows: int) -> Iterator[OnRows]:
    def on_rows(outcomes: Sequence["Outcome"]) -> None:
        before = transfer.rows
        transfer.rows += len(outcomes)
        _tell_at_interval(transfer, before, transfer.rows, interval_rows)

    _transfers.append(transfer)
    try:
        yield on_rows
    finally:
        _transfers.remove(transfer)


def _count_step_rows(transfer: Transfer, interval_rows: int) -> OnStepRows:
    """Count the rows of row steps; without a terminal a line when one begins, and at intervals."""
    done: dict[str, int] = {}

    def on_step_rows(step: str, rows: int) -> None:
        before = done.get(step)
        done[step] = (before or 0) + rows
        transfer.step = (step, done[step])
        _tell_at_interval(transfer, -1 if before is None else before, done[step], interval_rows)

    return on_step_rows


def _tell_at_interval(transfer: Transfer, before: int, now: int, interval_rows: int) -> None:
    if now // interval_rows > before // interval_rows and not is_live_terminal():
        log.info("%s", transfer.measure().words())


class _Display:
    """Draws the last line of a terminal, or logs a line from time to time."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._turn = 0
        self._next_line_at = time.monotonic() + LINE_EVERY_S
        self._seen: tuple[Step | None, float] = (None, time.monotonic())

    def run(self) -> None:
        """Show what is done, until it is stopped."""
        while not self.stop.wait(DRAW_EVERY_S):
            step, transfer = self._find_step(), _transfers[-1] if _transfers else None
            if is_live_terminal():
                self._turn += 1
                status_line.draw(self._line(step, transfer))
            elif (step or transfer) and time.monotonic() >= self._next_line_at:
                self._next_line_at = time.monotonic() + LINE_EVERY_S
                log.info("%s", _words(step, transfer))

    def _find_step(self) -> Step | None:
        """The step at work, once it takes longer than a moment."""
        step = current_step()
        if step is not self._seen[0]:
            self._seen = (step, time.monotonic())
        return step if time.monotonic() - self._seen[1] >= _PATIENCE_S else None

    def _line(self, step: Step | None, transfer: Transfer | None) -> str:
        turns = _SPINNER if is_unicode() else _PLAIN_SPINNER
        turn = paint(turns[self._turn % len(turns)], "36")
        if step is not None:
            return f"{turn} {clip(str(step), status_line.width() - 3)}"
        return f"{turn} {render(transfer, status_line.width() - 3)}" if transfer else ""


def render(transfer: Transfer, columns: int) -> str:
    """The line of a dataset, in so many columns: name, bar, figures; what has no room is left out."""
    figures = transfer.measure()
    told = "  ".join(figures.parts())
    room = columns - len(told)
    if room < _LEAST_BAR + 2 or figures.share is None:
        return clip(told, columns)
    name = clip(transfer.name, max(0, min(_LONGEST_NAME, room - _LEAST_BAR - 4)))
    named = f"{name}  " if len(name) > 3 else ""
    return f"{named}{_bar(figures.share, min(_LONGEST_BAR, room - len(named) - 2))}  {told}"


def _bar(share: float, columns: int) -> str:
    full = round(share * columns)
    if not is_unicode():
        return f"{'#' * full}{'-' * (columns - full)}"
    return paint("━" * full, "32") + paint("━" * (columns - full), "2")


def _words(step: Step | None, transfer: Transfer | None) -> str:
    if step is not None or transfer is None:
        return str(step)
    named = f"{transfer.name}: " if transfer.name else ""
    return f"{named}{transfer.measure().words()}"
