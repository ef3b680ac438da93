"""The files that row steps add to a tree: paths, and which index has every made row.

    flows/<step>/<row>.json       what the step gave for a row: its fields, or {"dropped": true}
    flows/errors.jsonl            rows that a step failed at: {"row", "step", "message"}
    flows/.rows/<shard>.parquet   the index as the rows were made, without what the steps changed

A dataset without steps has none of them, and its `index/` is that of the rows as they were made.
"""

from pathlib import Path

from hugflow.store.layout import DatasetFolder

FLOWS = "flows"
ROWS = ".rows"


def flows_folder(folder: DatasetFolder) -> Path:
    """Folder of all that steps add."""
    return folder.root / FLOWS


def step_folder(folder: DatasetFolder, step: str) -> Path:
    """Folder of what one step gave."""
    return flows_folder(folder) / step


def row_file(folder: DatasetFolder, step: str, row: int) -> Path:
    """What one step gave for one row."""
    return step_folder(folder, step) / f"{row}.json"


def errors_file(folder: DatasetFolder) -> Path:
    """The rows that steps failed at."""
    return flows_folder(folder) / "errors.jsonl"


def made_rows_folder(folder: DatasetFolder) -> Path:
    """Folder of the indexes as the rows were made, in a dataset with steps."""
    return flows_folder(folder) / ROWS


def has_steps(folder: DatasetFolder) -> bool:
    """Whether the tree was prepared for steps."""
    return made_rows_folder(folder).is_dir()


def made_index_file(folder: DatasetFolder, shard_name: str) -> Path:
    """The index of a shard as its rows were made: in `index/`, unless steps write that one."""
    if has_steps(folder):
        return made_rows_folder(folder) / f"{shard_name}.parquet"
    return folder.index_file(shard_name)
