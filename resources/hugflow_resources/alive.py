"""Which runs are alive: a run holds a lock of the kernel's as long as its process lives.

`STATE_DIR/locks/runs/<run id>.lock`. Dagster's own run launcher does not notice a run whose
machine went down; here the lock is free then, and the run can be reported as failed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hugflow.errors import Locked
from hugflow.store.layout import Places
from hugflow.store.locks import hold


@contextmanager
def show_alive(places: Places, run_id: str) -> Iterator[None]:
    """Let others see that the run is at work while the block runs."""
    lock = _lock(places, run_id)
    # A sensor may be looking at this very moment.
    with hold(lock, f"the run {run_id}", wait_s=10.0):
        try:
            yield
        finally:
            forget_run(places, run_id)


def is_dead(places: Places, run_id: str) -> bool:
    """Whether the run was at work and its process has gone without ending it."""
    lock = _lock(places, run_id)
    # Written once the lock is held: without it the run is only about to begin.
    if not lock.with_name(lock.name + ".holder").is_file():
        return False
    try:
        with hold(lock, f"the run {run_id}"):
            return True
    except Locked:
        return False


def forget_run(places: Places, run_id: str) -> None:
    """Remove what told that the run is alive."""
    lock = _lock(places, run_id)
    for path in (lock, lock.with_name(lock.name + ".holder")):
        path.unlink(missing_ok=True)


def _lock(places: Places, run_id: str) -> Path:
    return places.state_dir / "locks" / "runs" / f"{run_id}.lock"
