"""Signs of life of a message that runs: without them the server gives it to another worker."""

import asyncio
from typing import TYPE_CHECKING

from nats.aio.msg import Msg

if TYPE_CHECKING:
    from hugflow.serving.link import Link


class Life:
    """A sign every so many seconds until `end`. Used in the client's loop."""

    def __init__(self, link: "Link", message: Msg, every_s: float) -> None:
        """The first sign comes after the first pause: most messages are done before it."""
        self._link = link
        self._message = message
        self._every_s = every_s
        self._next = asyncio.get_running_loop().call_later(every_s, self._show)

    def end(self) -> None:
        """Give no more signs."""
        self._next.cancel()

    def _show(self) -> None:
        self._link.start(self._message.in_progress())
        self._next = asyncio.get_running_loop().call_later(self._every_s, self._show)
