"""Whether a file may be begun: files that were begun before come first.

A file that is begun takes as many slots as it can use, so that shards arrive one after the other,
and not all at the end: the encoder then has work from the first shard on. A slot that stays idle
shows that the begun files have no use for it.
"""

import time
from collections.abc import Iterable

from hugflow.clients.part_file import DIVISIBLE_BYTES
from hugflow.shards.plan import Shard
from hugflow.store.slots import Slots

LOOK_EVERY_S = 0.1
# Within that many looks a large file takes all slots that are idle (`hugflow.clients.fetch`).
_LOOKS = 3


class SpareSlots:
    """Says when the next shard may be begun; not safe to use from several threads at once."""

    def __init__(self, slots: Slots) -> None:
        """slots: of this host, over all runs."""
        self._slots = slots
        self._look_at = 0.0
        self._idle_looks = 0

    def are_left(self, begun: Iterable[Shard]) -> bool:
        """Whether the shards that are being fetched leave a slot for another one.

        By their sizes, or because a slot was idle at some looks in turn.
        """
        if sum(map(_most_connections, begun)) < self._slots.count:
            return True
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_EVERY_S
        self._idle_looks = self._idle_looks + 1 if self._is_one_idle() else 0
        if self._idle_looks < _LOOKS:
            return False
        self._idle_looks = 0
        return True

    def _is_one_idle(self) -> bool:
        slot = self._slots.take_idle()
        if slot is not None:
            slot.release()
        return slot is not None


def _most_connections(shard: Shard) -> int:
    """How many connections the shard's files are worth."""
    return sum(1 + file.size_bytes // DIVISIBLE_BYTES for file in shard.files)
