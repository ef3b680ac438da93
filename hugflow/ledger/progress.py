"""The progress file of seed 004: a view for people and scripts, never the truth.

`STATE_DIR/progress/<name>.json`:

    {
      "dataset_name": "acme__speech__split_train__rev_main",
      "status": "downloading",
      "downloaded_files": 1500, "total_files": 10000, "percent_complete": 15.0,
      "resumed_from": 1000, "newly_downloaded": 500,
      "resume_data": {
        "completed_ranges": [[0, 1499]],
        "completed_rows": [0, 1, 2],          (left out above 100,000 rows)
        "last_successful_row": 1499,
        "expected_total_rows": 10000,
        "version": "3.0"
      },
      "flows": {                        (only where the request has row steps, in their order)
        "clean": {
          "rows": 110, "dropped": 9, "errors": 1, "expected_total_rows": 300,
          "completed_ranges": [[0, 118]],
          "completed_rows": [0, 1, 2]   (left out above 100,000 rows of all steps)
        }
      },
      "run": "8c1f..."                  (only of a run of Dagster: its id)
      "error": "..."                    (only of a failed run: what happened, why, how to fix it)
    }

A file here is a row. Of a step, `rows` went on, `dropped` were left out, and the step failed at
`errors`; the first two are complete. How many rows will reach a step is null until it is known.

If this file is deleted or damaged, nothing is lost: it is written again from
the ledger. While the number of rows is unknown, all values that depend on it are null. Version 2.0,
which had only `completed_rows`, is read too.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from hugflow.late_dataclass import dataclass
from hugflow.store.records import RecordForm, is_none

VERSION: Final = "3.0"
MOST_LISTED_ROWS = 100_000

Status = Literal[
    "pending",
    "planned",
    "downloading",
    "interrupted",
    "incomplete",
    "failed",
    "completed",
    "removed",
]
STATUS_WORDS: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class StepProgress:
    """The progress of one row step.

    rows: rows that went on. dropped: rows that it left out. errors: rows at which it failed.
    total_rows: rows that reach it; None until the step before it is done.
    ranges: rows that went on or were left out, as those of `Progress`.
    """

    name: str
    rows: int
    dropped: int
    errors: int
    total_rows: int | None
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a dataset.

    ranges: completed rows as (first, last), in order, without overlap.
    resumed_from: number of rows that were complete when this run began.
    total_rows: None while unknown.
    error: the three lines of the error, if the run failed.
    run: the id of the run of Dagster.
    steps: the row steps of the request, in order.
    """

    dataset: str
    status: Status
    ranges: tuple[tuple[int, int], ...]
    total_rows: int | None
    resumed_from: int = 0
    error: str | None = None
    run: str | None = None
    steps: tuple[StepProgress, ...] = ()

    @property
    def rows(self) -> int:
        """Number of complete rows."""
        return sum(last - first + 1 for first, last in self.ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ResumeData:
    """The data that scripts resume by; completed_rows: left out if there are many."""

    completed_ranges: tuple[tuple[int, int], ...] | None = None
    completed_rows: Annotated[tuple[int, ...] | None, Field(exclude_if=is_none)] = None
    last_successful_row: int | None = None
    expected_total_rows: int | None
    version: Literal["2.0", "3.0"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _StepView:
    """One row step; completed_rows: left out if there are many."""

    rows: int
    dropped: int
    errors: int
    expected_total_rows: int | None
    completed_ranges: tuple[tuple[int, int], ...]
    completed_rows: Annotated[tuple[int, ...] | None, Field(exclude_if=is_none)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """The file in the form of seed 004; see the module."""

    dataset_name: str
    status: Status
    downloaded_files: int = 0
    total_files: int | None = 0
    percent_complete: float | None = 0.0
    resumed_from: int
    newly_downloaded: int = 0
    resume_data: _ResumeData
    flows: Annotated[dict[str, _StepView] | None, Field(exclude_if=is_none)] = None
    run: Annotated[str | None, Field(exclude_if=is_none)] = None
    error: Annotated[str | None, Field(exclude_if=is_none)] = None


PROGRESS = RecordForm(
    _View,
    "the progress file",
    version=None,
    mend="delete the file: it is written again from the ledger",
    is_compact=True,
)


def write_progress(path: Path, progress: Progress) -> None:
    """Write the view whole."""
    rows, ranges, total = progress.rows, progress.ranges, progress.total_rows
    is_listed = rows <= MOST_LISTED_ROWS
    resume = _ResumeData(
        completed_ranges=ranges,
        completed_rows=_list(ranges) if is_listed else None,
        last_successful_row=ranges[-1][1] if ranges else None,
        expected_total_rows=total,
        version=VERSION,
    )
    view = _View(
        dataset_name=progress.dataset,
        status=progress.status,
        downloaded_files=rows,
        total_files=total,
        percent_complete=_percent(rows, total),
        resumed_from=progress.resumed_from,
        newly_downloaded=rows - progress.resumed_from,
        resume_data=resume,
        flows=_view_steps(progress.steps),
        run=progress.run,
        error=progress.error,
    )
    PROGRESS.write_view(path, view)


def read_progress(path: Path) -> Progress | None:
    """The view as it was last written; None if there is none that can be read."""
    view = PROGRESS.read(path)
    if view is None:
        return None
    resume = view.resume_data
    ranges = resume.completed_ranges
    if ranges is None:
        if resume.completed_rows is None:
            return None
        ranges = tuple(to_pairs(sorted(set(resume.completed_rows))))
    return Progress(
        view.dataset_name,
        view.status,
        ranges,
        resume.expected_total_rows,
        view.resumed_from,
        view.error,
        view.run,
        tuple(
            StepProgress(
                name,
                step.rows,
                step.dropped,
                step.errors,
                step.expected_total_rows,
                step.completed_ranges,
            )
            for name, step in (view.flows or {}).items()
        ),
    )


def _view_steps(steps: Sequence[StepProgress]) -> dict[str, _StepView] | None:
    is_listed = sum(step.rows + step.dropped for step in steps) <= MOST_LISTED_ROWS
    views = {
        step.name: _StepView(
            rows=step.rows,
            dropped=step.dropped,
            errors=step.errors,
            expected_total_rows=step.total_rows,
            completed_ranges=step.ranges,
            completed_rows=_list(step.ranges) if is_listed else None,
        )
        for step in steps
    }
    return views or None


def _list(ranges: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    return tuple(chain.from_iterable(range(first, last + 1) for first, last in ranges))


def _percent(rows: int, total_rows: int | None) -> float | None:
    """Percentage, rounded down: 100 means that every row is complete."""
    if total_rows is None:
        return None
    return math.floor(10_000 * (rows / total_rows if total_rows else 1.0)) / 100


def to_pairs(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Row numbers in rising order, as (first, last) pairs."""
    pairs: list[tuple[int, int]] = []
    for row in rows:
        if pairs and pairs[-1][1] == row - 1:
            pairs[-1] = (pairs[-1][0], row)
        else:
            pairs.append((row, row))
    return pairs
