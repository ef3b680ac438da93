"""What a step gave for a row, as a file of its own."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from hugflow.errors import StateUnreadable
from hugflow.stages.tree.flow_files import DROPPED, result_file
from hugflow.store.atomic import TEMPORARY_SUFFIX, disk_errors, read_file, sync_folder
from hugflow.store.sync_disk import WatchedDisk

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def write_rows(
    place: Path,
    outs: Mapping[int, Mapping[str, Any] | None],
    take: Callable[[int], None] = lambda size_bytes: None,
) -> dict[int, int]:
    """Write the files of some rows of a step; they appear once the bytes of all are on the disk.

    place: the folder of the step's results.
    outs: None for a row that the step leaves out.
    take: called with the bytes before they are written; what it raises prevents that.
    Returns the size of each file. Names are put together as text, and the disk is
    synced once for all: a step may give a line for each of a million rows, and paths and an `fsync`
    for each would cost more than the rest together.
    """
    if not outs:
        return {}
    begin = f"{place}{os.sep}"
    data = {
        row: f"{_ENCODER.encode(DROPPED if out is None else dict(out))}\n".encode()
        for row, out in outs.items()
    }
    sizes = {row: len(each) for row, each in data.items()}
    take(sum(sizes.values()))
    with disk_errors(place), WatchedDisk([place]) as disk:
        for row, each in data.items():
            _write(_temporary(begin, row), each)
        if not disk.sync():
            for row in outs:
                _sync(_temporary(begin, row))
        for row in outs:
            os.rename(_temporary(begin, row), f"{begin}{row}.json")  # noqa: PTH104  # as above
    sync_folder(place)
    return sizes


def read_out(place: Path, row: int) -> dict[str, Any]:
    """The fields that a step gave for a row. Raises StateUnreadable where its file is damaged."""
    return read_flow_row(result_file(place, row))


def read_flow_row(path: Path) -> dict[str, Any]:
    """The fields in a file of a step. Raises StateUnreadable if it is damaged."""
    try:
        value = json.loads(read_file(path))
        if not isinstance(value, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError, RecursionError) as error:
        raise StateUnreadable(
            f"{path} cannot be read",
            why=str(error),
            mend="delete the file and run the same command again: the step runs again for the row",
        ) from error
    return value


def _temporary(begin: str, row: int) -> str:
    """The same name as `temporary_path` gives."""
    return f"{begin}.{row}.json{TEMPORARY_SUFFIX}"


def _write(name: str, data: bytes) -> None:
    try:
        opened = os.open(name, _FLAGS, 0o666)
    except FileExistsError:
        # What a killed run left; a link would be written through.
        Path(name).unlink()
        opened = os.open(name, _FLAGS, 0o666)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(opened, view) :]
    finally:
        os.close(opened)


def _sync(name: str) -> None:
    opened = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
