"""The files that row steps and `keep` add to a tree: paths, and which index has every made row.

    flows/<step>/<row>.json       the step's result for a row: its fields, or {"dropped": true}
    flows/errors.jsonl            rows at which a step failed: {"row", "step", "message"}
    flows/left_out.jsonl          rows that `keep` leaves out: {"row", and what `keep` names}
    flows/.rows/<shard>.parquet   the index of the made rows, without the steps' changes
    flows/.next/                  of a published dataset: <step>/ of its changed steps, and
                                  errors.jsonl, until they are published

A dataset without steps and `keep` has none of them, and its `index/` is that of the made rows.
"""

import json
from pathlib import Path
from typing import Any, Final

from hugflow.store.atomic import read_file
from hugflow.store.layout import DatasetFolder

FLOWS = "flows"
ROWS = ".rows"
NEXT = ".next"
ERRORS = "errors.jsonl"
# What stands in a row's file that a step left out; no field that a step gives has this name.
DROPPED: Final[dict[str, Any]] = {"dropped": True}


def flows_folder(folder: DatasetFolder) -> Path:
    """Folder of all files from steps."""
    return folder.root / FLOWS


def step_folder(folder: DatasetFolder, step: str) -> Path:
    """Folder of one step's results."""
    return flows_folder(folder) / step


def next_steps_folder(folder: DatasetFolder) -> Path:
    """Folder of the results of changed steps that are not published yet."""
    return flows_folder(folder) / NEXT


def result_file(place: Path, row: int) -> Path:
    """A step's result for a row. place: the folder of its results."""
    return place / f"{row}.json"


def row_file(folder: DatasetFolder, step: str, row: int) -> Path:
    """One step's result for one row, as it is published."""
    return result_file(step_folder(folder, step), row)


def errors_file(folder: DatasetFolder) -> Path:
    """The list of rows at which steps failed."""
    return flows_folder(folder) / ERRORS


def next_errors_file(folder: DatasetFolder) -> Path:
    """The same of changed steps that are not published yet."""
    return next_steps_folder(folder) / ERRORS


def last_errors_file(folder: DatasetFolder) -> Path:
    """The list of the last run of the steps, whether it was published or refused."""
    path = next_errors_file(folder)
    return path if path.is_file() else errors_file(folder)


def left_out_file(folder: DatasetFolder) -> Path:
    """The list of rows that `keep` leaves out."""
    return flows_folder(folder) / "left_out.jsonl"


def made_rows_folder(folder: DatasetFolder) -> Path:
    """Folder of the indexes of the made rows, in a dataset with steps."""
    return flows_folder(folder) / ROWS


def has_steps(folder: DatasetFolder) -> bool:
    """Whether the tree was prepared for steps."""
    return made_rows_folder(folder).is_dir()


def made_index_file(folder: DatasetFolder, shard_name: str) -> Path:
    """The index of a shard's made rows: in `index/`, unless steps write that one."""
    if has_steps(folder):
        return made_rows_folder(folder) / f"{shard_name}.parquet"
    return folder.index_file(shard_name)


def read_left_out(folder: DatasetFolder) -> frozenset[int]:
    """Numbers of the rows that `keep` leaves out; none if the list cannot be read."""
    try:
        lines = read_file(left_out_file(folder)).splitlines()
        return frozenset(json.loads(line)["row"] for line in lines)
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def step_kept(folder: DatasetFolder, step: str, row: int) -> bool:
    """Whether a step gave fields for a row, and did not leave it out."""
    try:
        return bool(json.loads(read_file(row_file(folder, step, row))) != DROPPED)
    except (OSError, ValueError, RecursionError):
        return False
