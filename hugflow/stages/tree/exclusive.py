"""Exclusive use of a dataset: no other process plans, makes, publishes or removes it meanwhile."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from hugflow.store.layout import Places
from hugflow.store.locks import FOR_EVER, hold


@contextmanager
def hold_whole(places: Places, name: str, wait_s: float) -> Iterator[None]:
    """Hold a dataset's lock while the block runs, after all work on its shards has ended.

    A process that still has the dataset open finds its plan gone at its next shard. Raises Locked
    when another process is at work for longer than `wait_s`.
    """
    ends_at = time.monotonic() + wait_s
    with hold(places.dataset_lock(name), f"the dataset {name}", wait_s=wait_s):
        left_s = max(0.0, ends_at - time.monotonic())
        wait_for_shards(places, name, left_s, with_samples=True)
        yield


def wait_for_shards(
    places: Places, name: str, wait_s: float, *, with_samples: bool = False
) -> None:
    """Wait until no process works on a shard of a dataset; the caller holds the dataset's lock.

    wait_s: FOR_EVER waits without limit. Raises Locked.
    """
    ends_at = time.monotonic() + wait_s
    lock = places.dataset_lock(name)
    # The locks of samples are in their own folders.
    for shard_lock in sorted(lock.parent.glob("**/*.lock" if with_samples else "*.lock")):
        if shard_lock == lock:
            continue
        left_s = wait_s if wait_s == FOR_EVER else max(0.0, ends_at - time.monotonic())
        # Take one at a time: a dataset may have more shards than a process may open files.
        with hold(shard_lock, f"shard {shard_lock.stem} of {name}", wait_s=left_s):
            pass
