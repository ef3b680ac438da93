"""How full the server is: senders of new messages stop first, so that replies and states have room.

room    a key in each user's bucket, by the administrator: bytes that all users together may store
        before no new messages are sent

The server itself refuses everything above its limit. If messages filled it up to there, no worker
could store a reply, and the messages would wait for ever.
"""

import time
from typing import TYPE_CHECKING

from hugflow.errors import FlowStorageFull, NotAuthorised

if TYPE_CHECKING:
    from hugflow.serving.link import Link

KEY = "room"
LOOK_EVERY_S = 1.0
# Messages of one caller that wait for one instance. A number takes no room before it is reached. A
# limit in bytes would: JetStream keeps the whole of a stream's max_bytes free on the disk, so limits
# for a thousand users would need a thousand times the disk. The server has one limit for all.
MOST_WAITING = 100_000


def room_for_messages(max_store_bytes: int) -> int:
    """How much may be stored before no new messages are sent."""
    return max_store_bytes * 3 // 4


class Room:
    """What a sender knows of the server's room. Used in the client's loop."""

    def __init__(self, link: "Link") -> None:
        """Nothing is known yet."""
        self._link = link
        self._room: int | None = None
        self._looked_at = 0.0
        self._sent = 0

    async def take(self, size: int) -> None:
        """Count a message that is to be sent. Raises FlowStorageFull.

        The server is asked once a second, or after a sixteenth of its room has been sent.
        """
        self._sent += size
        is_recent = time.monotonic() - self._looked_at < LOOK_EVERY_S
        if self._room is not None and is_recent and self._sent * 16 < self._room:
            return
        found = await self._link.read_key(KEY)
        if found is None:
            # The server was set up by an earlier version.
            self._room, self._looked_at = 1 << 62, time.monotonic()
            return
        try:
            used = await self._link.count_stored()
        except NotAuthorised:
            return
        self._room = int(found[0])
        if used > self._room:
            raise no_room(f"{used:,} bytes are stored, and messages are taken up to {self._room:,}")
        self._sent, self._looked_at = size, time.monotonic()


def no_room(why: str) -> FlowStorageFull:
    """The error for what the server does not take any more."""
    return FlowStorageFull(
        "the server of flows has no room left; nothing that it holds is deleted for more",
        why=why,
        mend="delete instances (`hugflow flows unserve ENDPOINT --delete`), wait until replies are "
        "a day old, or start the server with a larger `hugflow flows up --max-gb`",
    )


def queue_full() -> FlowStorageFull:
    """The error for a message above MOST_WAITING."""
    return FlowStorageFull(
        f"{MOST_WAITING:,} messages of yours wait for this instance, and no more are taken",
        why="its worker does not run, or is slower than you send",
        mend="start its worker (`hugflow flows status` at its owner), and send it again later",
    )
