"""Being alone with a dataset: nobody plans, makes, publishes or removes it meanwhile."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from hugflow.store.layout import Places
from hugflow.store.locks import FOR_EVER, hold


@contextmanager
def hold_whole(places: Places, name: str, wait_s: float) -> Iterator[None]:
    """Hold a dataset's lock while the block runs, once nobody is at work on any of its shards.

    Whoever has the dataset open and comes to its next shard only then finds its plan gone.
    Raises Locked when somebody is at work for longer than `wait_s`.
    """
    ends_at = time.monotonic() + wait_s
    with hold(places.dataset_lock(name), f"the dataset {name}", wait_s=wait_s):
        left_s = max(0.0, ends_at - time.monotonic())
        wait_for_shards(places, name, left_s, with_samples=True)
        yield


def wait_for_shards(
    places: Places, name: str, wait_s: float, *, with_samples: bool = False
) -> None:
    """Wait until nobody is at work on a shard of a dataset; its lock is held by the caller.

    wait_s: FOR_EVER waits as long as it takes. Raises Locked.
    """
    ends_at = time.monotonic() + wait_s
    lock = places.dataset_lock(name)
    # Those of samples lie in folders of their own.
    for shard_lock in sorted(lock.parent.glob("**/*.lock" if with_samples else "*.lock")):
        if shard_lock == lock:
            continue
        left_s = wait_s if wait_s == FOR_EVER else max(0.0, ends_at - time.monotonic())
        # One at a time: a dataset may have more shards than a process may open files.
        with hold(shard_lock, f"shard {shard_lock.stem} of {name}", wait_s=left_s):
            pass
