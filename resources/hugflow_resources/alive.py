"""Which runs are alive: a run holds a lock of the kernel's as long as its process lives.

    STATE_DIR/locks/runs/<run id>.lock            held
    STATE_DIR/locks/runs/<run id>.lock.holder     {"host": ..., "pid": ..., "started_at": ...}

Dagster's own run launcher does not notice a run whose machine went down; here the lock is free
then, and the run can be reported as failed. Some network file systems lie about locks, to other
hosts above all: the holder's file is touched every few seconds, and that counts too.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hugflow.errors import Locked
from hugflow.store.layout import Places
from hugflow.store.locks import hold, holder_path, is_held, read_holder

# As long as a clock of another host may be wrong, and a network file system may be slow.
SILENT_S = 120.0
# From the start of a run's process to its first sign of life: importing everything, on a busy host.
LONGEST_BIRTH_S = 180.0
LOOKING_S = 2.0


@contextmanager
def show_alive(places: Places, run_id: str) -> Iterator[None]:
    """Let others see that the run is at work while the block runs.

    Of a run's processes the first to come shows it, for all of them.
    """
    lock = _lock(places, run_id)
    with ExitStack() as stack:
        try:
            # A sensor may be looking at this very moment.
            stack.enter_context(hold(lock, f"the run {run_id}", wait_s=LOOKING_S))
        except Locked:
            yield
            return
        stack.callback(forget_run, places, run_id)
        yield


def is_dead(places: Places, run_id: str, *, started_at: float, now: float) -> bool:
    """Whether the process of a run that Dagster holds for running has gone without ending it.

    started_at: when Dagster saw it start, as seconds since the epoch. One that never showed itself
    is given some minutes to be born.
    """
    lock = _lock(places, run_id)
    holder = holder_path(lock)
    named, silent_s = read_holder(lock), 0.0
    try:
        silent_s = now - holder.stat().st_mtime
    except OSError:
        named = None
    if named is None:
        # There is none, or it is just being written.
        return now - started_at > LONGEST_BIRTH_S
    if named.host != socket.gethostname():
        return silent_s > SILENT_S
    if is_held(lock) and silent_s <= SILENT_S:
        return False
    try:
        with hold(lock, f"the run {run_id}"):
            return True
    except Locked:
        return False


def forget_run(places: Places, run_id: str) -> None:
    """Remove what told that the run is alive."""
    lock = _lock(places, run_id)
    for path in (lock, holder_path(lock)):
        path.unlink(missing_ok=True)


def _lock(places: Places, run_id: str) -> Path:
    return places.state_dir / "locks" / "runs" / f"{run_id}.lock"
