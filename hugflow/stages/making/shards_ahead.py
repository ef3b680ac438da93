"""Preparing the next shards while one is being made."""

import threading
import time
from collections.abc import Sequence
from functools import partial

from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.making.prepare_shard import Prepared, Wanted, is_done, prepare
from hugflow.stages.making.reuse_shards import Reuse
from hugflow.stages.making.spare_slots import LOOK_EVERY_S, SpareSlots

# What is known of the rows of prepared shards stays in memory.
MOST_ROWS_AHEAD = 200_000
# How long a shard is waited for while a later one is ready.
LATE_S = 5.0
# How long the threads that prepare shards may take to end.
LEAVE_S = 1.0


class ShardsAhead:
    """Prepares the next shards, each in its own thread, while one is being made.

    As many at once as there are download slots, as far ahead as FETCH_AHEAD_GB holds their files;
    the next shard always. One is begun when those before it leave a slot (`SpareSlots`). A shard
    that is late is passed over for one that is ready.

    The threads are daemons, so leaving early does not wait for a download. A partial file stays, and
    the next run resumes it. A context manager: it begins and ends with the block.
    """

    def __init__(self, build: Build, shards: Sequence[Shard], wanted: Wanted) -> None:
        """Prepare nothing yet. wanted: what is to be done for each shard."""
        self._prepare = partial(prepare, build, Reuse(build), wanted, self._has_ended)
        self._is_done = partial(is_done, build, wanted)
        self._shards = shards
        self._budget = build.options.fetch_ahead_bytes
        self._spare = SpareSlots(build.download_slots)
        self._changed = threading.Condition()
        self._next = 0
        # Not taken yet: all that were begun, in order, and the results of those that are ready.
        self._begun: list[int] = []
        self._ready: dict[int, Prepared | BaseException] = {}
        # Begun, and their files may have to be fetched.
        self._fetching: set[int] = set()
        # Of a thread that could not begin a shard.
        self._failure: BaseException | None = None
        self._is_stopped = False
        count = min(build.options.download_slots, len(shards))
        self._threads = [
            threading.Thread(target=self._run, name="prepare", daemon=True) for _ in range(count)
        ]

    def __enter__(self) -> "ShardsAhead":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
            for left in self._ready.values():
                if isinstance(left, Prepared):
                    left.lock.close()
        ends_at = time.monotonic() + LEAVE_S
        for thread in self._threads:
            thread.join(max(0.0, ends_at - time.monotonic()))

    def take(self) -> tuple[Shard, "Prepared | BaseException"]:
        """The next shard and the result of preparing it; a later one if the next is late.

        Raises what kept a shard from being begun.
        """
        with self._changed:
            late_at = time.monotonic() + LATE_S
            while (at := self._find_ready(is_late=time.monotonic() >= late_at)) is None:
                if self._failure is not None:
                    raise self._failure
                self._changed.wait(1.0)
            self._begun.remove(at)
            self._changed.notify_all()
            return self._shards[at], self._ready.pop(at)

    def _find_ready(self, *, is_late: bool) -> int | None:
        first = min(self._ready, default=None)
        return first if is_late or first in self._begun[:1] else None

    def _has_ended(self) -> bool:
        return self._is_stopped

    def _run(self) -> None:
        try:
            self._prepare_all()
        except BaseException as error:  # noqa: BLE001  # raised where a shard is taken
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _prepare_all(self) -> None:
        while (at := self._begin()) is not None:
            try:
                prepared: Prepared | BaseException = self._prepare(self._shards[at])
            except BaseException as error:  # noqa: BLE001  # raised where the shard is taken
                prepared = error
            # A shard that is ready after the end would never be taken, and would stay locked.
            with self._changed:
                self._fetching.discard(at)
                if not self._is_stopped:
                    self._ready[at] = prepared
                    self._changed.notify_all()
                elif isinstance(prepared, Prepared):
                    prepared.lock.close()

    def _begin(self) -> int | None:
        """Wait for the turn of the next shard; None when there is no more to do."""
        with self._changed:
            while not self._is_stopped and self._next < len(self._shards):
                is_wanted = self._is_within_budget(self._shards[self._next])
                fetching = (self._shards[at] for at in self._fetching)
                if is_wanted and self._spare.are_left(fetching):
                    at, self._next = self._next, self._next + 1
                    self._begun.append(at)
                    if not self._is_done(self._shards[at]):
                        self._fetching.add(at)
                    return at
                self._changed.wait(LOOK_EVERY_S if is_wanted else None)
            return None

    def _is_within_budget(self, shard: Shard) -> bool:
        """Whether one more shard may be ahead; the next one always may."""
        ahead = [self._shards[at] for at in self._begun] + [shard]
        rows = sum(each.rows or 0 for each in ahead)
        size = sum(each.size_bytes for each in ahead)
        is_few = len(ahead) <= 2 * len(self._threads) and rows <= MOST_ROWS_AHEAD
        return len(ahead) == 1 or (size <= self._budget and is_few)
