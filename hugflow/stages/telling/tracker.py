"""Tracking a running build: its progress file, written every few seconds, and its notices."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field

from hugflow.audit import Deed, record
from hugflow.errors import HugflowError, Locked
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Outcome, RowFailed, RowMade, read_journal
from hugflow.ledger.markers import read_marker
from hugflow.ledger.progress import Progress, Status, read_progress, write_progress
from hugflow.notify.notices import Failure, Notice
from hugflow.shards.counts import counted
from hugflow.stages.build.build import Build
from hugflow.stages.flowing.resolved import ResolvedStep
from hugflow.stages.flowing.run_steps import journal_path
from hugflow.stages.flowing.step_journal import RowFlowed, read_step_journal, read_version
from hugflow.stages.telling.announcer import Announcer
from hugflow.stages.telling.row_marks import RowMarks
from hugflow.stages.telling.rows_safe import safe_rows
from hugflow.stages.telling.step_marks import StepMarks

log = logging.getLogger(__name__)

WRITE_EVERY_S = 2.0
# After a write that takes long, of many ranges of rows: so many times its duration, and no more
# than that.
PAUSE_PER_WRITE, LONGEST_PAUSE_S = 20, 30.0


@dataclass(slots=True)
class Tracker:
    """Counts rows as they are committed, and writes progress file and notices at intervals.

    on_notice: called with each notice, in the thread that commits; it must not take long.
    rows: rows complete now.
    failed_rows: rows that could not be made.
    total_rows: all rows; None while unknown.
    resumed_from: rows complete when the work began.
    missing_bytes: of the files of the shards that were not complete then.

    Takes two bytes of memory a row, and three for each row step. Safe to call from the thread that
    commits.
    """

    build: Build
    on_notice: Callable[[Notice], None] = lambda notice: None
    rows: int = field(init=False, default=0)
    failed_rows: int = field(init=False, default=0)
    total_rows: int | None = field(init=False)
    resumed_from: int = field(init=False)
    missing_bytes: int = field(init=False, default=0)
    error: str | None = None
    _steps: StepMarks | None = None
    _counted_at_rows: int = -1
    _done: RowMarks = field(init=False)
    _failed: RowMarks = field(init=False)
    _end: int = field(init=False)
    _announcer: Announcer = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _write_at: float = 0.0
    _has_complained: bool = False

    def __post_init__(self) -> None:
        """Begin with the rows in the ledger; markers avoid reading whole journals."""
        state = self.build.state
        self.total_rows, self._end = self.build.count_rows(), self._find_end()
        self._done, self._failed = RowMarks(self._blocks()), RowMarks(self._blocks())
        for shard in self.build.shards:
            marker = read_marker(state.marker(shard.name, "metadata"))
            if marker is not None:
                self._done.mark_all(self.build.rows_of(counted(state, shard)))
                self._done.mark(marker.failed_rows, False)
                self._failed.mark(marker.failed_rows, True)
            else:
                self.missing_bytes += shard.size_bytes
                self._add(read_journal(state.journal(shard.name)).values())
        self.rows = self.resumed_from = self._done.count
        self.failed_rows = self._failed.count
        self._announcer = Announcer(self.build, self.total_rows, self.rows, self.on_notice)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count a committed batch; write the file every few seconds, and a notice when due."""
        with self._lock:
            self._add(outcomes)
            self._announcer.follow(self.rows, self.failed_rows)
            if time.monotonic() >= self._write_at:
                self._write("downloading")

    def follow_steps(self, steps: Sequence[ResolvedStep]) -> None:
        """Count what the steps have done in their present version; until then, in any."""
        if not steps:
            return
        counted_already = self._find_steps() if self._are_counted(steps) else None
        found = counted_already or self._read_steps({step.name: step.version for step in steps})
        with self._lock:
            if self.total_rows is None:
                # Rows that had to be fetched to be counted may be here by now.
                self.total_rows = self.build.count_rows()
            self._steps = found
            self._write("downloading")

    def add_flowed(self, step: str, flowed: Mapping[int, RowFlowed]) -> None:
        """Count the rows that a step has run over, all of one shard."""
        with self._lock:
            if self._steps is not None:
                self._steps.add(step, flowed)
            if time.monotonic() >= self._write_at:
                self._write("downloading")

    def write(self, status: Status) -> None:
        """Write the file now."""
        with self._lock:
            self._write(status)

    @contextmanager
    def watch(self, *, since: float | None = None) -> Iterator[Callable[[Status], None]]:
        """Write file and notice around a block: `downloading` first, then how it ended.

        since: when this run began, in seconds since the epoch, if a block before has announced it
            and ended `downloading`.

        The block gets a function and calls it with the final status. A block that does not call it
        ends `incomplete`; a stopped one `interrupted`; one that raises `failed`; one that finds the
        dataset locked leaves `downloading`.
        """
        status: Status = "incomplete"
        raised: BaseException | None = None

        def end(word: Status) -> None:
            nonlocal status
            status = word

        if since is not None:
            self._go_on(since)
        self.write("downloading")
        if since is None:
            with self._lock:
                self._announcer.begin(self.rows, self.failed_rows)
        try:
            with safe_rows(lambda: (self.rows, self.total_rows)):
                yield end
        except Locked:
            # Another process is at work, and the file is its own.
            status = "downloading"
            raise
        except HugflowError as error:
            status, self.error, raised = "failed", str(error), error
            raise
        except Exception as error:
            status, self.error, raised = "failed", f"unexpected {type(error).__name__}", error
            raise
        except BaseException:
            # A signal came, or the consumer of the events closed the iterator.
            status = "interrupted"
            raise
        finally:
            self.write(status)
            if status != "downloading":
                with self._lock:
                    self._announcer.total_rows = self.total_rows
                    self._announcer.end(status, self.rows, self.failed_rows, raised)
            if raised is not None and self.build.sample_rows is None:
                self._record_failure(raised)

    def _go_on(self, since: float) -> None:
        """Take over where this run began, and when."""
        before = read_progress(self.build.places.progress(self.build.name))
        if before is not None and before.run == self.build.options.run_id:
            self.resumed_from = before.resumed_from
        self._announcer.go_on(self.resumed_from, time.time() - since)

    def _record_failure(self, error: BaseException) -> None:
        """Write the failure to the audit trail; if that fails too, keep the first error."""
        result = {"rows": self.rows, "error": Failure.of(error).what}
        plan = self.build.plan
        deed = Deed(
            self.build.options.actor, "failed", self.build.name, plan.commit, plan.id, result
        )
        try:
            record(self.build.places, deed)
        except HugflowError as problem:
            log.warning("%s is not in the audit trail as failed: %s", self.build.name, problem.what)

    def _add(self, outcomes: Iterable[Outcome]) -> None:
        ours = [outcome for outcome in outcomes if outcome.row < self._end]
        made = [
            each.row for each in ours if isinstance(each, RowMade) and each.json_bytes is not None
        ]
        failed = [each.row for each in ours if isinstance(each, RowFailed)]
        self.rows += self._done.mark(made, True)
        self.failed_rows -= self._failed.mark(made, False)
        self.failed_rows += self._failed.mark(failed, True)

    def _read_steps(self, version_by_step: Mapping[str, str | None]) -> StepMarks:
        """The rows that each step has run over, by its journals; None takes any version."""
        self._counted_at_rows = self.rows
        marks = StepMarks(list(version_by_step), self._blocks())
        for shard in self.build.shards:
            for step, version in version_by_step.items():
                path = journal_path(self.build, shard, step)
                marks.read(step, read_step_journal(path, version), self._done)
        return marks

    def _are_counted(self, steps: Sequence[ResolvedStep]) -> bool:
        """Whether the counts are of the present rows, and the journals of the present versions."""
        self._find_steps()
        return self._counted_at_rows == self.rows and all(
            read_version(journal_path(self.build, shard, step.name)) in (None, step.version)
            for shard in self.build.shards
            for step in steps
        )

    def _find_steps(self) -> StepMarks | None:
        """The marks of the request's steps; None without steps, and in a sample."""
        flows = self.build.request.flows
        if self._steps is None and flows and self.build.sample_rows is None:
            self._steps = self._read_steps({step.name: None for step in flows})
        return self._steps

    def _blocks(self) -> list[tuple[int, int]]:
        """First row and number of rows of each block of consecutive numbers."""
        if self.build.plan.numbering == "through":
            return [(0, self.total_rows or 0)]
        return [(shard.first_row, shard.rows or 0) for shard in self.build.shards]

    def _find_end(self) -> int:
        """The number after the build's last row."""
        return max((self.build.rows_of(shard).stop for shard in self.build.shards), default=0)

    def _write(self, status: Status) -> None:
        """Write the progress file; a failed write costs no row and hides no other error."""
        self._write_at = time.monotonic() + WRITE_EVERY_S
        try:
            self._write_view(status)
        except (OSError, HugflowError) as error:
            if not self._has_complained:
                self._has_complained = True
                what = error.what if isinstance(error, HugflowError) else str(error)
                log.warning("the progress of %s cannot be shown: %s", self.build.name, what)

    def _write_view(self, status: Status) -> None:
        steps = self._find_steps()
        began = time.monotonic()
        is_made = self.total_rows == self.rows + self.failed_rows
        write_progress(
            self.build.places.progress(self.build.name),
            Progress(
                dataset=self.build.name,
                status=status,
                ranges=tuple(self._done.pairs()),
                total_rows=self.total_rows,
                resumed_from=self.resumed_from,
                error=self.error,
                run=self.build.options.run_id,
                steps=steps.view(self.rows if is_made else None) if steps is not None else (),
            ),
        )
        ended = time.monotonic()
        self._write_at = ended + find_pause_s(ended - began)


def find_pause_s(write_s: float) -> float:
    """How long no file is written after one that took so long."""
    return max(WRITE_EVERY_S, min(LONGEST_PAUSE_S, PAUSE_PER_WRITE * write_s))
