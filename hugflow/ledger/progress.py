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

A file here is a row. Deleting or damaging it loses nothing: it is written anew from the ledger.
Version 2.0, which had `completed_rows` only, is read too.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from hugflow.store.atomic import read_file, write_view

VERSION = "3.0"
READABLE_VERSIONS = ("2.0", VERSION)
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
# What a damaged file can set off, whatever is in it.
_NOT_A_VIEW = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
)
STATUS_WORDS: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a dataset is.

    ranges: completed rows as (first, last), in order, without overlap. resumed_from: rows that
    were complete when the present run began. error: of a run that failed, in three lines.
    """

    dataset: str
    status: Status
    ranges: tuple[tuple[int, int], ...]
    total_rows: int
    resumed_from: int = 0
    error: str | None = None

    @property
    def rows(self) -> int:
        """Rows that are complete."""
        return sum(last - first + 1 for first, last in self.ranges)


def write_progress(path: Path, progress: Progress) -> None:
    """Write the view whole."""
    rows = progress.rows
    resume: dict[str, Any] = {"completed_ranges": [list(pair) for pair in progress.ranges]}
    if rows <= MOST_LISTED_ROWS:
        resume["completed_rows"] = [
            row for first, last in progress.ranges for row in range(first, last + 1)
        ]
    resume["last_successful_row"] = progress.ranges[-1][1] if progress.ranges else None
    resume["expected_total_rows"] = progress.total_rows
    resume["version"] = VERSION
    share = rows / progress.total_rows if progress.total_rows else 1.0
    write_view(
        path,
        json.dumps(
            {
                "dataset_name": progress.dataset,
                "status": progress.status,
                "downloaded_files": rows,
                "total_files": progress.total_rows,
                "percent_complete": math.floor(10_000 * share) / 100,
                "resumed_from": progress.resumed_from,
                "newly_downloaded": rows - progress.resumed_from,
                "resume_data": resume,
                **({"error": progress.error} if progress.error is not None else {}),
            }
        )
        + "\n",
    )


def read_progress(path: Path) -> Progress | None:
    """The view as it was last written; None where there is none that can be read."""
    try:
        value = json.loads(read_file(path))
        resume = value["resume_data"]
        if resume["version"] not in READABLE_VERSIONS or value["status"] not in STATUS_WORDS:
            return None
        ranges = resume.get("completed_ranges")
        if ranges is None:
            ranges = to_pairs(sorted(set(resume["completed_rows"])))
        return Progress(
            dataset=str(value["dataset_name"]),
            status=value["status"],
            ranges=tuple((int(first), int(last)) for first, last in ranges),
            total_rows=int(resume["expected_total_rows"]),
            resumed_from=int(value["resumed_from"]),
            error=str(value["error"]) if "error" in value else None,
        )
    except _NOT_A_VIEW:
        return None


def to_pairs(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Row numbers in rising order as (first, last) pairs."""
    pairs: list[tuple[int, int]] = []
    for row in rows:
        if pairs and pairs[-1][1] == row - 1:
            pairs[-1] = (pairs[-1][0], row)
        else:
            pairs.append((row, row))
    return pairs
