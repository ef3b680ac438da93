"""Which runs are alive: a run holds a kernel lock as long as its process lives.

    STATE_DIR/locks/runs/<run id>.lock            held
    STATE_DIR/locks/runs/<run id>.lock.holder     {"host": ..., "pid": ..., "started_at": ...}

Dagster's run launcher does not notice a run whose machine went down. Its lock is free then, so the
run can be reported as failed. Some network file systems report locks wrongly, above all to other
hosts. So the run also touches the holder's file every few seconds, and that counts too.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from hugflow.errors import Locked
from hugflow.store.layout import Places
from hugflow.store.locks import hold, holder_path, is_held, read_holder

# Allows for a wrong clock on another host and for a slow network file system.
SILENT_S = 120.0
# From the start of a run's process to its first sign of life: the imports, on a busy host.
LONGEST_BIRTH_S = 180.0
LOOKING_S = 2.0


@contextmanager
def show_alive(places: Places, run_id: str) -> Iterator[None]:
    """Show other processes that the run is alive while the block runs.

    The first process of a run does so for all processes of the run.
    """
    lock = places.run_lock(run_id)
    with ExitStack() as stack:
        try:
            # A sensor may be reading the file at this moment.
            stack.enter_context(hold(lock, f"the run {run_id}", wait_s=LOOKING_S))
        except Locked:
            yield
            return
        stack.callback(forget_run, places, run_id)
        yield


def is_dead(places: Places, run_id: str, *, started_at: float, now: float) -> bool:
    """Whether a run that Dagster lists as running has lost its process.

    started_at: when Dagster saw it start, in seconds since the epoch. A run without any sign of
    life has some minutes to start.
    """
    lock = places.run_lock(run_id)
    holder = holder_path(lock)
    named, silent_s = read_holder(lock), 0.0
    try:
        silent_s = now - holder.stat().st_mtime
    except OSError:
        named = None
    if named is None:
        # The file does not exist, or it is just being written.
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
    """Remove the files that showed the run alive."""
    lock = places.run_lock(run_id)
    for path in (lock, holder_path(lock)):
        path.unlink(missing_ok=True)
