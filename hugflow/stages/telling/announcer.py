"""Notices of a running build: as it begins, at each interval of rows, and as it ends.

Notices are not part of the work: an error with a notice is only logged.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import field
from datetime import UTC, datetime

from hugflow.late_dataclass import dataclass
from hugflow.ledger.progress import Status
from hugflow.notify.notices import FailedRow, Failure, Notice, StepNote, write_notice
from hugflow.stages.build.build import Build
from hugflow.stages.tree.failures import read_failed_rows
from hugflow.stages.tree.manifest import read_manifest

log = logging.getLogger(__name__)

# Seed 004: only large datasets have progress notices.
LEAST_ROWS = 1_000
MOST_FAILED_TOLD = 5


@dataclass(slots=True)
class Announcer:
    """Writes the notices of one build, and passes each to a callback.

    total_rows: None while unknown.
    resumed_from: rows that existed when the work began.

    Not safe to call from two threads.
    """

    build: Build
    total_rows: int | None
    resumed_from: int
    on_notice: Callable[[Notice], None]
    _began_at: float = field(default_factory=time.monotonic)
    _told_rows: int = field(init=False)
    _has_complained: bool = False

    def __post_init__(self) -> None:
        """Count the existing rows as announced."""
        self._told_rows = self.resumed_from

    def begin(self, rows: int, failed_rows: int) -> None:
        """Announce that the work begins, unless there is nothing to make."""
        self._began_at = time.monotonic()
        if self.total_rows is None or rows < self.total_rows:
            self._announce("downloading", rows, failed_rows)

    def go_on(self, resumed_from: int, seconds: float) -> None:
        """Go on with work that began so many seconds ago, and was announced."""
        self.resumed_from, self._began_at = resumed_from, time.monotonic() - seconds

    def follow(self, rows: int, failed_rows: int) -> None:
        """Announce progress when another interval of the dataset's rows is complete."""
        every = self.build.options.progress_interval
        total_rows = rows if self.total_rows is None else self.total_rows
        if total_rows >= LEAST_ROWS and rows // every > self._told_rows // every:
            self._announce("downloading", rows, failed_rows)

    def end(
        self, status: Status, rows: int, failed_rows: int, error: BaseException | None = None
    ) -> None:
        """Announce how the work ended."""
        self._announce(status, rows, failed_rows, error)

    def _announce(
        self, status: Status, rows: int, failed_rows: int, error: BaseException | None = None
    ) -> None:
        self._told_rows = rows
        try:
            notice = self._compose(status, rows, failed_rows, error)
            write_notice(self.build.places, notice)
            self.on_notice(notice)
        except Exception as problem:  # noqa: BLE001  # whatever it is, the work goes on
            if not self._has_complained:
                self._has_complained = True
                log.warning("the state of %s cannot be announced: %s", self.build.name, problem)

    def _compose(
        self, status: Status, rows: int, failed_rows: int, error: BaseException | None
    ) -> Notice:
        build, is_complete = self.build, status == "completed"
        new, seconds = rows - self.resumed_from, time.monotonic() - self._began_at
        return Notice(
            name=build.name,
            hf_id=build.request.hf_id,
            state=status,
            at=datetime.now(UTC),
            rows=rows,
            total_rows=self.total_rows,
            failed_rows=failed_rows,
            resumed_from=self.resumed_from,
            rows_per_second=round(new / seconds, 3) if new > 0 and seconds > 0 else None,
            location=str(build.places.dataset(build.name).root) if is_complete else None,
            link=str(build.places.link(build.name)) if is_complete else None,
            commit=build.plan.commit,
            request=build.request.digest,
            failure=Failure.of(error) if status == "failed" and error is not None else None,
            steps=self._read_steps() if is_complete and build.request.flows else (),
            first_failed=self._read_failed() if failed_rows and status != "downloading" else (),
        )

    def _read_failed(self) -> tuple[FailedRow, ...]:
        """The first rows of `failures.jsonl`; none where it is not written yet."""
        is_there = self.build.folder.failures.is_file()
        folder = self.build.folder if is_there else self.build.places.dataset(self.build.name)
        found = read_failed_rows(folder.failures).rows.values()
        return tuple(FailedRow(row.row, row.code, row.message) for row in found)[:MOST_FAILED_TOLD]

    def _read_steps(self) -> tuple[StepNote, ...]:
        """What became of the rows in the steps of the published tree."""
        manifest = read_manifest(self.build.places.dataset(self.build.name).manifest)
        steps = manifest.flows.steps if manifest is not None and manifest.flows is not None else ()
        return tuple(StepNote(each.name, each.rows, each.dropped, each.errors) for each in steps)
