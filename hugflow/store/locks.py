"""Locks: one writer at a time, and the name of the holder.

The lock is the kernel's (`flock`), so it ends with its holder, however the holder ends. The holder
is named in `<lock>.holder`, a file that it touches every few seconds:

    {"host": "speech1", "pid": 4711, "born": 880123, "started_at": "2026-11-22T01:02:03+00:00"}

born: start time of the process by /proc, null elsewhere; a later process with the same number has
    another one.

The file tells people who holds the lock. On a network file system whose locks do not work, it also
keeps out a second writer.
"""

import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from hugflow.errors import Locked
from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors, make_folder
from hugflow.store.records import RecordForm

FOR_EVER = -1.0
HEARTBEAT_S = 10.0
# A holder on another host shows no other sign of life than touching its file.
SILENT_S = 60.0
_LOOK_EVERY_S = 0.1
# Errors of file systems without hard links.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK})


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of a lock; see the module. Fields with a default are missing in older files."""

    host: str
    pid: int
    born: int | None = None
    started_at: str | None = None


HOLDER = RecordForm(
    Holder,
    "the holder's name",
    version=None,
    mend="delete the file: the lock itself is the kernel's",
    is_compact=True,
)


@contextmanager
def hold(lock: Path, what: str, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold `lock` while the block runs.

    what: the locked thing, in words for people ("shard 00001-of-00004 of <name>").
    wait_s: how long to wait for another holder; 0 does not wait, FOR_EVER waits without limit.

    Raises Locked, with the holder's host, process and start.
    """
    make_folder(lock.parent)
    held = FileLock(lock, thread_local=False)
    ends_at = time.monotonic() + wait_s
    while True:
        left_s = wait_s if wait_s == FOR_EVER else max(0.0, ends_at - time.monotonic())
        try:
            with disk_errors(lock):
                held.acquire(timeout=left_s, poll_interval=_LOOK_EVERY_S)
        except Timeout as error:
            raise _locked(lock, what) from error
        try:
            if _take(lock):
                break
        except BaseException:
            held.release()
            raise
        # The kernel gave us the lock, but its holder is alive.
        held.release()
        if left_s == 0.0:
            raise _locked(lock, what)
        time.sleep(_LOOK_EVERY_S)
    try:
        yield
    finally:
        _HEART.drop(holder_path(lock))
        held.release()


def is_held(lock: Path) -> bool:
    """Whether another process seems to hold `lock`; the lock itself is not touched.

    A holder on this host must be a running process. A holder on another host is believed.
    """
    holder = read_holder(lock)
    return holder is not None and (holder.host != socket.gethostname() or _is_process(holder))


def read_holder(lock: Path) -> Holder | None:
    """The holder named beside a lock; None if there is none, or its file cannot be read."""
    return HOLDER.read(holder_path(lock))


def holder_path(lock: Path) -> Path:
    """The file beside a lock that names its holder."""
    return lock.with_name(lock.name + ".holder")


def _locked(lock: Path, what: str) -> Locked:
    holder = read_holder(lock)
    who = "another process"
    if holder is not None:
        since = holder.started_at or "an unknown time"
        who = f"process {holder.pid} on {holder.host}, since {since},"
    return Locked(
        f"{what} is locked",
        why=f"{who} is at work on it",
        mend="let it finish, or give --wait SECONDS to wait for it",
    )


def _take(lock: Path) -> bool:
    """Name us as the holder of a lock that the kernel gave us; False if another holder is alive."""
    path = holder_path(lock)
    holder = Holder(
        host=socket.gethostname(),
        pid=os.getpid(),
        born=_born(os.getpid()),
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    while not _create(path, HOLDER.render(holder)):
        if _is_alive(lock):
            return False
        path.unlink(missing_ok=True)
    _HEART.keep(path)
    return True


def _create(path: Path, text: str) -> bool:
    """Create a file with all its text at once; False if it exists."""
    own = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with disk_errors(path):
        try:
            own.write_text(text, "utf-8")
            path.hardlink_to(own)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # Here it may be seen empty for a moment; the kernel's lock is what counts then.
            try:
                with path.open("x", encoding="utf-8") as file:
                    file.write(text)
            except FileExistsError:
                return False
        finally:
            own.unlink(missing_ok=True)
    return True


def _is_alive(lock: Path) -> bool:
    """Whether the holder that is named beside a lock is alive."""
    holder = read_holder(lock)
    if holder is None:
        return False
    if holder.host == socket.gethostname():
        return _is_process(holder)
    with suppress(OSError):
        # By one clock, that of the file system.
        lock.touch()
        beat_at = holder_path(lock).stat().st_mtime
        silent_s = lock.stat().st_mtime - beat_at
        if silent_s < -SILENT_S:
            # The clock was set back; a living holder soon touches its file by the new clock.
            time.sleep(HEARTBEAT_S * 1.5)
            return holder_path(lock).stat().st_mtime != beat_at
        return silent_s <= SILENT_S
    return False


def _is_process(holder: Holder) -> bool:
    """Whether a holder on this host is a running process."""
    if holder.pid <= 0:
        # Such a number would mean a group of processes.
        return False
    try:
        os.kill(holder.pid, 0)
    except PermissionError:
        pass
    except (OSError, OverflowError):
        return False
    return holder.born in (None, _born(holder.pid))


def _born(pid: int) -> int | None:
    """Start time of a process, in ticks since the host started; None if /proc does not say.

    Also None for a zombie, a process that has ended without its parent noticing: a container
    without an init keeps zombies for ever.
    """
    try:
        # The program's name, in brackets, may hold any character.
        state, *fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return None if state == "Z" else int(fields[18])
    except (OSError, ValueError, IndexError):
        return None


class _Heart:
    """Touches the holder files of this process every few seconds, for all of its locks."""

    def __init__(self) -> None:
        self._paths: set[Path] = set()
        self._pid = 0

    def keep(self, path: Path) -> None:
        self._paths.add(path)
        # A thread does not survive a fork.
        if self._pid != os.getpid():
            self._pid = os.getpid()
            threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def drop(self, path: Path) -> None:
        self._paths.discard(path)
        path.unlink(missing_ok=True)

    def _beat(self) -> None:
        never = threading.Event()
        while not never.wait(HEARTBEAT_S):
            for path in tuple(self._paths):
                # A short failure of the disk must not end the lock.
                with suppress(OSError):
                    os.utime(path)


_HEART = _Heart()
