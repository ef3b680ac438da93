"""One writer at a time, and a name to it.

The lock is the kernel's (`flock`), so it never outlives its holder, however that ended. Who
holds it is written beside it, in `<lock>.holder`, for the person who finds the door shut.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from hugflow.errors import Locked
from hugflow.store.atomic import disk_errors, make_folder

FOR_EVER = -1.0


@contextmanager
def hold(lock: Path, what: str, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold `lock` while the block runs.

    what: the thing that is locked, in words a person reads ("shard 00001-of-00004 of <name>").
    wait_s: how long to wait for another holder; 0 does not wait, FOR_EVER waits as long as it
    takes.

    Raises Locked, naming the holder's host, process and start.
    """
    make_folder(lock.parent)
    held = FileLock(lock, timeout=wait_s, thread_local=False)
    try:
        with disk_errors(lock):
            held.acquire(poll_interval=0.1)
    except Timeout as error:
        raise Locked(
            f"{what} is locked",
            why=f"{_read_holder(lock)} is at work on it",
            mend="let it finish, or give --wait SECONDS to wait for it",
        ) from error
    try:
        _write_holder(lock)
        yield
    finally:
        holder_path(lock).unlink(missing_ok=True)
        held.release()


def is_held(lock: Path) -> bool:
    """Whether somebody seems to be at work behind `lock`; the lock itself is not touched.

    On this host a holder is alive while its process is; of another host we know only what it
    wrote.
    """
    try:
        holder = json.loads(holder_path(lock).read_text("utf-8"))
        if holder["host"] != socket.gethostname():
            return True
        os.kill(int(holder["pid"]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def holder_path(lock: Path) -> Path:
    """The file beside a lock that names its holder."""
    return lock.with_name(lock.name + ".holder")


@contextmanager
def download_slot(folder: Path, slots: int) -> Iterator[None]:
    """Wait for one of this host's `slots` download slots, and hold it while the block runs."""
    host = folder / socket.gethostname()
    make_folder(host)
    # One process waits at the gate while all slots are taken, so nobody is passed over for long.
    with FileLock(host / "gate.lock", timeout=FOR_EVER, thread_local=False):
        held = _first_free(host, slots)
    try:
        yield
    finally:
        held.release()


def _first_free(host: Path, slots: int) -> FileLock:
    """Try every slot in turn until one is free."""
    while True:
        for slot in range(slots):
            lock = FileLock(host / f"slot-{slot}.lock", timeout=0.05, thread_local=False)
            try:
                lock.acquire(poll_interval=0.05)
            except Timeout:
                continue
            return lock


def _write_holder(lock: Path) -> None:
    holder = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with disk_errors(lock):
        holder_path(lock).write_text(json.dumps(holder), "utf-8")


def _read_holder(lock: Path) -> str:
    try:
        holder = json.loads(holder_path(lock).read_text("utf-8"))
        return f"process {holder['pid']} on {holder['host']}, since {holder['started_at']},"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
