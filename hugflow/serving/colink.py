"""A user's client: `connect` gives one, and every function of served flows takes it as `cl`."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hugflow.errors import FlowServerUnavailable
from hugflow.flows.trust import Trust
from hugflow.late_dataclass import dataclass
from hugflow.redact import remember
from hugflow.serving.extra import needs_extra
from hugflow.serving.keys import read_seed, shared_key_of, signer_of, user_id_of
from hugflow.serving.memory import keep_freed_memory

if TYPE_CHECKING:
    from hugflow.serving.link import Link
    from hugflow.serving.server import FlowServer
    from hugflow.serving.tls import TlsTrust

DEFAULT_URL = "nats://127.0.0.1:4222"
ACK_WAIT_S = 2.0
_KEPT_KEYS = 4096

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Project:
    """Whose code this user serves. root: the folder that classes are imported from."""

    root: Path = field(default_factory=Path.cwd)
    trust: Trust = field(default_factory=Trust)


class CoLink:
    """A connected user. It has a thread of its own, so calls may come from any thread.

    ack_wait_s: after so long without a sign of life from a worker, another gets its message.
    """

    def __init__(
        self,
        url: str,
        seed: str,
        *,
        project: Project | None = None,
        ack_wait_s: float = ACK_WAIT_S,
        trust: "TlsTrust | None" = None,
    ) -> None:
        """Connect. Raises FlowServerUnavailable.

        trust: whose certificate the server must have; None: one that this machine trusts.
        """
        with needs_extra():
            from hugflow.serving.link import open_link
            from hugflow.serving.replies import Replies
        remember(seed)
        keep_freed_memory()
        self.url = url
        self.project = project or Project()
        self.ack_wait_s = ack_wait_s
        self._seed = seed
        self._user_id = user_id_of(seed)
        self._sign = signer_of(seed)
        self._shared_key = lru_cache(_KEPT_KEYS)(partial(shared_key_of, seed))
        self._closers: list[Callable[[], None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="flows-client", daemon=True
        )
        self._thread.start()
        try:
            self.link: Link = self.run(open_link(url, seed, self._user_id, trust))
        except BaseException:
            self._stop_loop()
            raise
        self.replies: Replies = Replies(self)
        # The server that this process started for it, if it did.
        self.server: FlowServer | None = None

    def __repr__(self) -> str:
        """Show the id, never the secret."""
        return f"CoLink({self._user_id})"

    def get_user_id(self) -> str:
        """The public key of the user."""
        return self._user_id

    def owner_of(self, user_id: str) -> str:
        """The id that `local` or an id means."""
        return self._user_id if user_id == "local" else user_id

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the client's loop, and wait for it."""
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("the client's own loop cannot wait for itself")
        return self.start(work).result()

    def start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run a coroutine in the client's loop. Raises FlowServerUnavailable once it is closed."""
        if self._loop.is_closed():
            work.close()
            raise FlowServerUnavailable(
                "the client is closed",
                why="`close` was called, or the `with` block of the client has ended",
                mend="connect again",
            )
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def sign(self, data: bytes) -> bytes:
        """An Ed25519 signature by the user's key."""
        return self._sign(data)

    def shared_key(self, user_id: str) -> bytes:
        """What this user and another have in common, and nobody else knows. Raises NotAuthorised."""
        return self._shared_key(user_id)

    def call_at_close(self, close: Callable[[], None]) -> None:
        """Call `close` before the connection is closed, the last given first."""
        self._closers.append(close)

    def close(self) -> None:
        """End the workers of this client and disconnect; doing it again is harmless."""
        if self._loop.is_closed():
            return
        while self._closers:
            self._closers.pop()()
        self.run(self.link.close())
        self._stop_loop()

    def __enter__(self) -> "CoLink":
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self.close()

    def _stop_loop(self) -> None:
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def connect(
    seed_file: str | Path,
    url: str = DEFAULT_URL,
    *,
    project: Project | None = None,
    ack_wait_s: float = ACK_WAIT_S,
    ca_file: str | Path | None = None,
) -> CoLink:
    """A client for the user whose seed a file holds. Raises FlowServerUnavailable.

    ca_file: PEM certificates that a server at `tls://` may have; None: those that this machine
        trusts.
    """
    from hugflow.serving.tls import TlsTrust

    trust = TlsTrust(Path(ca_file)) if ca_file is not None else None
    seed = read_seed(Path(seed_file))
    return CoLink(url, seed, project=project, ack_wait_s=ack_wait_s, trust=trust)


async def _cancel_others() -> None:
    """Cancel what still runs in this loop, so that nothing is destroyed half-way."""
    own = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not own]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
