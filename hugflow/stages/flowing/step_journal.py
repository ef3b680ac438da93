"""The journal of one step over one shard: the outcome of each row.

`STATE_DIR/ledger/<name>/<plan id>/<shard>.flow.<step>.jsonl`, appended, and started again when the
step's version changes. Each line begins with the CRC-32 of the rest:

    5f0c1a2b {"flow_journal": 1, "version": "0e5751c026e543b2"}
    04a747dc [12,"out",57]                       bytes of the row's file
    e1883094 [13,"dropped",18]
    a3533a65 [14,"error","KeyError: 'text'"]
"""

import json
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, get_args

from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors, make_folder, read_file, sync_folder, write_file

Kind = Literal["out", "dropped", "error"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FORMAT = 1


@dataclass(frozen=True, slots=True)
class RowFlowed:
    """The outcome of a row in a step. message: of an error. size_bytes: of the row's file."""

    kind: Kind
    message: str = ""
    size_bytes: int = 0


class StepJournal:
    """The open journal of a step over a shard, for its one writer: the shard's lock is held."""

    def __init__(self, path: Path, version: str) -> None:
        """Open it; empty it first if it has another version."""
        self._path = path
        make_folder(path.parent)
        header = _to_line({"flow_journal": FORMAT, "version": version})
        if read_version(path) != version:
            write_file(path, header)
        with disk_errors(path):
            self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            size = os.fstat(self._fd).st_size
            if os.pread(self._fd, 1, size - 1) != b"\n":
                # A line that a kill has cut off.
                os.write(self._fd, b"\n")
        sync_folder(path.parent)

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        os.close(self._fd)

    def append(self, rows: Iterable[tuple[int, RowFlowed]]) -> None:
        """Append lines in one write, and sync them."""
        data = b"".join(
            _to_line([row, flowed.kind, *filter(None, (flowed.message, flowed.size_bytes))])
            for row, flowed in rows
        )
        with disk_errors(self._path):
            while data:
                data = data[os.write(self._fd, data) :]
            os.fdatasync(self._fd)


def read_step_journal(path: Path, version: str | None) -> dict[int, RowFlowed]:
    """The outcome of each row under a version; the last line of a row counts.

    version: None takes the outcomes of whichever version the journal has.
    """
    found_version = read_version(path)
    if found_version is None or version not in (None, found_version):
        return {}
    found: dict[int, RowFlowed] = {}
    for value in _parse_all(read_file(path).splitlines()[1:]):
        match value:
            case [int(row), str(kind), int(size_bytes)] if kind in KINDS:
                found[row] = RowFlowed(kind, size_bytes=size_bytes)
            case [int(row), str(kind), *rest] if kind in KINDS:
                found[row] = RowFlowed(kind, str(rest[0]) if rest else "")
    return found


def read_version(path: Path) -> str | None:
    """The version that a journal is of; None if there is none that can be read."""
    try:
        with path.open("rb") as file:
            header = _parse(file.readline(1000).rstrip(b"\n"))
    except OSError:
        return None
    return str(header.get("version")) if isinstance(header, Mapping) else None


def _to_line(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _parse_all(lines: Sequence[bytes]) -> list[Any]:
    """The values of the undamaged lines, parsed as one text, which takes half the time."""
    whole = [line for line in lines if _is_whole(line)]
    try:
        values: list[Any] = json.loads(b"[%s]" % b",".join(line[9:] for line in whole))
    except (ValueError, RecursionError):
        return [_parse(line) for line in whole]
    return values


def _is_whole(line: bytes) -> bool:
    return line[:9] == b"%08x " % zlib.crc32(line[9:])


def _parse(line: bytes) -> Any:
    """The value of a line; None if it is damaged."""
    text = line[9:]
    if not _is_whole(line):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
