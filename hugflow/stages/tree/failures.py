"""Reading `failures.jsonl`: the rows that could not be made, and why."""

import json
from collections.abc import Mapping
from pathlib import Path

from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import RowFailed
from hugflow.store.atomic import read_file


@dataclass(frozen=True, slots=True)
class FailedRows:
    """Failed rows by number, and the number of unreadable lines."""

    rows: Mapping[int, RowFailed]
    damaged_lines: int


def read_failed_rows(path: Path) -> FailedRows:
    """The content of `failures.jsonl`; empty when there is no such file."""
    rows: dict[int, RowFailed] = {}
    damaged = 0
    lines = read_file(path).splitlines() if path.is_file() else []
    for line in lines:
        try:
            value = json.loads(line)
            row = value["row"]
            if type(row) is not int or row < 0:
                raise ValueError(row)
            if row in rows:
                raise ValueError("it comes twice")
            rows[row] = RowFailed(row, str(value["code"]), str(value["message"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            damaged += 1
    return FailedRows(rows, damaged)
