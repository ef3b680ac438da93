"""A step's result for a row, as a file."""

import json
from collections.abc import Mapping
from typing import Any

from hugflow.errors import StateUnreadable
from hugflow.stages.tree.flow_files import DROPPED, row_file
from hugflow.store.atomic import StagedFile, read_file, write_temporary
from hugflow.store.layout import DatasetFolder


def stage_row(
    folder: DatasetFolder, step: str, row: int, out: Mapping[str, Any] | None
) -> StagedFile:
    """Write a row's file beside its place; out: None for a row that the step leaves out."""
    value = DROPPED if out is None else dict(out)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return write_temporary(row_file(folder, step, row), f"{text}\n".encode())


def read_out(folder: DatasetFolder, step: str, row: int) -> dict[str, Any]:
    """The fields from a step for a row. Raises StateUnreadable when its file is damaged."""
    path = row_file(folder, step, row)
    try:
        value = json.loads(read_file(path))
    except (OSError, ValueError, RecursionError) as error:
        raise StateUnreadable(
            f"{path} cannot be read",
            why=str(error),
            mend="delete the file and run the same command again: the step runs again for the row",
        ) from error
    return value if isinstance(value, dict) else {}
