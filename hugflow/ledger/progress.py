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
      "error": "..."                    (only of a run that failed: what happened, why, how to mend)
    }

A file here is a row. Deleting or damaging it loses nothing: it is written again from the ledger.
Where rows are not known before they are fetched, what is reckoned from their number is null.
Version 2.0, which had `completed_rows` only, is read too.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from pydantic import Field

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
class Progress:
    """How far a dataset is.

    ranges: completed rows as (first, last), in order, without overlap. resumed_from: rows that
    were complete when the present run began. total_rows: None while nobody knows. error: of a run that failed, in three lines.
    """

    dataset: str
    status: Status
    ranges: tuple[tuple[int, int], ...]
    total_rows: int | None
    resumed_from: int = 0
    error: str | None = None

    @property
    def rows(self) -> int:
        """Rows that are complete."""
        return sum(last - first + 1 for first, last in self.ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ResumeData:
    """What a script resumes by; completed_rows: left out where there are many."""

    completed_ranges: tuple[tuple[int, int], ...] | None = None
    completed_rows: Annotated[tuple[int, ...] | None, Field(exclude_if=is_none)] = None
    last_successful_row: int | None = None
    expected_total_rows: int | None
    version: Literal["2.0", "3.0"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """The file as seed 004 has it; see the module."""

    dataset_name: str
    status: Status
    downloaded_files: int = 0
    total_files: int | None = 0
    percent_complete: float | None = 0.0
    resumed_from: int
    newly_downloaded: int = 0
    resume_data: _ResumeData
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
        completed_rows=tuple(chain.from_iterable(range(a, b + 1) for a, b in ranges))
        if is_listed
        else None,
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
        error=progress.error,
    )
    PROGRESS.write_view(path, view)


def read_progress(path: Path) -> Progress | None:
    """The view as it was last written; None where there is none that can be read."""
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
    )


def _percent(rows: int, total_rows: int | None) -> float | None:
    """Rounded down: 100 is when all of it is there."""
    if total_rows is None:
        return None
    return math.floor(10_000 * (rows / total_rows if total_rows else 1.0)) / 100


def to_pairs(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Row numbers in rising order as (first, last) pairs."""
    pairs: list[tuple[int, int]] = []
    for row in rows:
        if pairs and pairs[-1][1] == row - 1:
            pairs[-1] = (pairs[-1][0], row)
        else:
            pairs.append((row, row))
    return pairs
