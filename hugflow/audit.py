"""The audit trail: what was done, by whom and when, as a chain of lines.

`STATE_DIR/audit.jsonl`, appended, never rewritten:

    {"seq": 12, "at": "2026-11-22T01:02:03.123456+00:00", "who": "ada@host", "what": "published",
     "dataset": "acme__speech__split_train__rev_main", "commit": "8a6c...", "plan": "4c1f...",
     "result": {"rows": 998, "failed_rows": 2}, "prev": "<sha256 of line 11>", "sha256": "<of this>"}

Each entry (one line in the file) holds the hash of the entry before it, so a line that was changed,
deleted or inserted is found. `STATE_DIR/audit.head` holds number and hash of the last line, so
missing last lines are found too. A line that a power cut tore stays as it is; the next line
continues from the last whole line.
"""

import hashlib
import json
import os
import pwd
import socket
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors, make_folder, sync_folder
from hugflow.store.layout import Places
from hugflow.store.locks import hold
from hugflow.store.records import RecordForm

What = Literal[
    "planned",
    "published",
    "failed",
    "removed",
    "brought back",
    "retried",
    "merged",
    "rolled back",
    "pushed",
    "repaired",
    "set aside",
]

BEGINNING: Final = "0" * 64
LOCK_WAIT_S: Final = 30.0
_PIECE_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was done. result: plain values; must hold no secret."""

    who: str
    what: What
    dataset: str
    commit: str | None = None
    plan: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the trail."""

    seq: int
    at: datetime
    deed: Deed
    prev: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Head:
    """Number and hash of the last line."""

    seq: int
    sha256: str


HEAD = RecordForm(
    Head, "the record", version=None, mend="delete the file: the next line writes it again"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where the chain is broken: the line, from 1, and why."""

    line: int
    why: str


def record(places: Places, deed: Deed, *, at: datetime | None = None) -> Entry:
    """Append a deed, and sync it to the disk; one writer at a time.

    Raises DiskFull, CannotWrite and Locked: a deed that is not recorded must not count as done.
    """
    path = places.audit
    make_folder(path.parent)
    with hold(places.state_dir / "locks" / "audit.lock", "the audit trail", wait_s=LOCK_WAIT_S):
        with disk_errors(path):
            last, is_whole = _read_last(path)
        seq, prev = (last["seq"] + 1, last["sha256"]) if last is not None else (1, BEGINNING)
        entry = _to_entry(seq, at or datetime.now(UTC), deed, prev)
        line = ("" if is_whole else "\n") + json.dumps(_to_json(entry), ensure_ascii=False) + "\n"
        is_new = not path.exists()
        with disk_errors(path), path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(path.parent)
        HEAD.write(places.audit_head, Head(entry.seq, entry.sha256))
    return entry


def read_trail(places: Places) -> Iterator[Entry]:
    """The entries in order; lines that cannot be read are skipped, see `find_faults`."""
    for _, value in _lines(places.audit):
        entry = _from_json(value)
        if entry is not None:
            yield entry


def find_faults(places: Places) -> Iterator[Fault]:
    """Lines that were changed, deleted, inserted or torn; empty if the chain is whole."""
    prev, seq = BEGINNING, 0
    head = HEAD.read(places.audit_head)
    met_head = head is None
    number = 0
    for number, value in _lines(places.audit):
        entry = _from_json(value)
        if entry is None:
            yield Fault(number, "it cannot be read")
            continue
        if entry.sha256 != _digest(entry):
            yield Fault(number, "it was changed: its hash is another one")
        if entry.prev != prev or entry.seq != seq + 1:
            yield Fault(number, f"it does not follow on line {seq} of the trail")
        prev, seq = entry.sha256, entry.seq
        met_head = met_head or Head(entry.seq, entry.sha256) == head
    if not met_head and head is not None:
        yield Fault(
            number + 1, f"the trail went on to line {head.seq}, which is not there any more"
        )


def this_user() -> str:
    """The present user: `ada@host`."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # A container often runs as a user number without a name.
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _to_entry(seq: int, at: datetime, deed: Deed, prev: str) -> Entry:
    entry = Entry(seq, at.astimezone(UTC), deed, prev, "")
    return Entry(seq, entry.at, deed, prev, _digest(entry))


def _digest(entry: Entry) -> str:
    """The sha256 of all other fields, whatever their order."""
    value = {name: part for name, part in _to_json(entry).items() if name != "sha256"}
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _to_json(entry: Entry) -> dict[str, Any]:
    deed = entry.deed
    return {
        "seq": entry.seq,
        "at": entry.at.isoformat(),
        "who": deed.who,
        "what": deed.what,
        "dataset": deed.dataset,
        "commit": deed.commit,
        "plan": deed.plan,
        "result": dict(deed.result),
        "prev": entry.prev,
        "sha256": entry.sha256,
    }


def _from_json(value: Any) -> Entry | None:
    try:
        deed = Deed(
            who=value["who"],
            what=value["what"],
            dataset=value["dataset"],
            commit=value["commit"],
            plan=value["plan"],
            result=dict(value["result"]),
        )
        at = datetime.fromisoformat(value["at"]).astimezone(UTC)
        entry = Entry(int(value["seq"]), at, deed, value["prev"], value["sha256"])
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
    # A time can be written in many ways; if it is not written our way, the line was changed.
    return entry if _to_json(entry) == value else None


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Each line's number, from 1, and its entry; None if it cannot be read."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for number, line in enumerate(file, start=1):
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None


def _read_last(path: Path) -> tuple[dict[str, Any] | None, bool]:
    """The last line that can be read, and whether the file ends with a whole line."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            tail = b""
            while end > 0:
                start = max(0, end - _PIECE_BYTES)
                file.seek(start)
                tail = file.read(end - start) + tail
                lines = tail.split(b"\n") if start == 0 else tail.split(b"\n")[1:]
                for line in reversed(lines):
                    value = _parse(line)
                    if value is not None:
                        return value, tail.endswith(b"\n")
                end = start
            return None, tail.endswith(b"\n") or not tail
    except FileNotFoundError:
        return None, True


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and _from_json(value) is not None else None
