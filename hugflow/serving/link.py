"""One user's connection to the server: questions, streams and the user's bucket, as coroutines.

Every coroutine runs in the loop of the client that owns the link. Reads and stores are tried again
while the server is away, stores under the same id, until their time is over. What the server does
not permit comes as an error of its own, which is matched to the operation by its subject.
"""

import asyncio
import contextlib
import logging
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ConnectionClosedError, NoRespondersError
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    Header,
)
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from hugflow.errors import (
    FlowMessageTooLarge,
    FlowServerUnavailable,
    FlowStorageFull,
    NotAuthorised,
)
from hugflow.redact import in_a_line
from hugflow.serving import subjects
from hugflow.serving.room import Room, no_room, queue_full
from hugflow.serving.tls import TlsTrust, context_for, needs_tls

log = logging.getLogger(__name__)

# One try; the server answers in a millisecond, and an answer that was lost never comes.
TRY_S = 2.0
CLOSE_S = 1.0
STORE_WITHIN_S = 60.0
AGAIN_AFTER_S = 0.05
# Headers count towards the server's limit, and a message over it ends the connection.
ROOM_BYTES = 64 << 10
PER_SUBJECT = "maximum messages per subject"
# Of the server, of an account, and of a stream.
NO_ROOM = (10023, 10047, 10002, 10077)
WRONG_LAST_SEQUENCE = (10071, 10164)
_FORBIDDEN = re.compile(
    r'permissions violation for (?:publish|subscription) to "([^"]+)"', re.IGNORECASE
)

T = TypeVar("T")


class NobodyAnswers(Exception):
    """Nobody is subscribed to a question's subject."""


class KeyTaken(Exception):
    """A key was written by somebody else in the meantime."""


class _NoTls(NatsError):
    """A server that was to speak TLS would speak in the clear."""


class _Client(Client):
    """A client that says nothing to a server without TLS where TLS is asked for."""

    needs_tls = False

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # The library would go on in the clear, and somebody on the way can make a server seem so.
        if self.needs_tls and initial_connection and not info.get("tls_required"):
            raise _NoTls("the address begins with tls://, and the server offers no TLS")
        await super()._process_info(info, initial_connection)


class Link:
    """An open connection; `open_link` makes one."""

    def __init__(self, user_id: str) -> None:
        """Nothing is connected yet."""
        self.user_id = user_id
        self.client = _Client()
        self.js: JetStreamContext = self.client.jetstream(timeout=TRY_S)
        self.bucket_stream = subjects.bucket_stream(user_id)
        self.room = Room(self)
        self._was_open = False
        self._waiting: dict[str, set[asyncio.Future[Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, url: str, seed: str, trust: TlsTrust | None = None) -> None:
        """Connect. Raises FlowServerUnavailable, and SettingInvalid for certificates.

        trust: whose certificate the server must have; None: one that this machine trusts.
        """
        self.client.needs_tls = needs_tls(url)
        context = context_for(url, trust)
        try:
            await self.client.connect(
                url,
                nkeys_seed_str=seed,
                inbox_prefix=subjects.inbox(self.user_id),
                error_cb=self._note_error,
                # A first connection is not tried for ever; one that was open is opened again.
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0.2,  # type: ignore[arg-type]  # it is only slept for
                connect_timeout=5,
                pending_size=64 << 20,
                tls=context,
                name="hugflow",
            )
            self._was_open = True
            self.client.options.update(allow_reconnect=True, max_reconnect_attempts=-1)
        except (TimeoutError, NatsError, OSError) as error:
            await self._close_quietly()
            what, mend = self._explain(error)
            raise FlowServerUnavailable(
                f"the server of flows at {url} {what}",
                why=in_a_line(str(error) or type(error).__name__),
                mend=mend,
            ) from error

    def _explain(self, error: Exception) -> tuple[str, str]:
        """What is wrong with a server, and what helps."""
        if "authorization" in str(error).lower():
            return (
                "does not know this user",
                f"add the user {self.user_id} on the server's machine "
                "(`hugflow flows user add NAME ID`), and reload it",
            )
        if isinstance(error, _NoTls):
            return "speaks no TLS", "start it with --cert and --key, or check the address"
        if isinstance(error, ssl.SSLError):
            return (
                "has a certificate that is not trusted",
                "write the authority's PEM file into flows: tls_ca: of hugflow.yaml, and use a name "
                "that the certificate has",
            )
        return "does not answer", "start it with `hugflow flows up`, or check the address"

    async def close(self) -> None:
        """Send what waits, and disconnect."""
        with contextlib.suppress(NatsError, asyncio.TimeoutError, OSError):
            await asyncio.wait_for(self.client.flush(), TRY_S)
        await self._close_quietly()

    @property
    def most_bytes(self) -> int:
        """The largest message that can be sent."""
        return self.client.max_payload - ROOM_BYTES

    def check_size(self, data: bytes, what: str) -> None:
        """Raise FlowMessageTooLarge for a message that the server would not take."""
        if len(data) > self.most_bytes:
            raise FlowMessageTooLarge(
                f"{what} is {len(data):,} bytes, and was not sent",
                why=f"the server takes messages of up to {self.most_bytes:,} bytes",
                mend="send less at once, or raise max_payload of the server",
            )

    async def ask(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        """The answer to a question. Raises NobodyAnswers, TimeoutError and NotAuthorised."""
        try:
            answer = await self._permitted(
                subject, self.client.request(subject, data, timeout=timeout_s)
            )
        except NoRespondersError as error:
            raise NobodyAnswers(subject) from error
        return answer.data

    async def is_answered(self, subject: str, within_s: float = 1.0) -> bool:
        """Whether anybody answers a question."""
        try:
            await self.ask(subject, b"", within_s)
        except (NobodyAnswers, NatsTimeoutError):
            return False
        return True

    async def store(
        self,
        subject: str,
        data: bytes,
        message_id: str,
        within_s: float = STORE_WITHIN_S,
        *,
        is_reply: bool = False,
    ) -> bool:
        """Store a message in a stream once; False when the stream has it already.

        A store that timed out may have been done: it is tried again under the same id.
        is_reply: of each subject the first is kept, whatever its id. Raises FlowStorageFull.
        """
        headers = {Header.MSG_ID.value: message_id}

        async def once() -> bool:
            try:
                stored = await self.js.publish(subject, data, headers=headers)
            except APIError as error:
                if is_reply and PER_SUBJECT in str(error.description):
                    return False
                raise
            return not stored.duplicate

        return await self.again(subject, once, within_s)

    async def tell(self, subject: str, data: bytes) -> None:
        """Send without waiting for anything."""
        with contextlib.suppress(NatsError):
            await self.client.publish(subject, data)

    async def read_key(self, key: str) -> tuple[bytes, int] | None:
        """The value of a key in the bucket, and its revision; None if there is none."""
        return await self.read_last(self.bucket_stream, self._subject_of(key))

    async def read_last(self, stream: str, subject: str) -> tuple[bytes, int] | None:
        """The last message of a subject in a stream of this user, and its number."""

        async def once() -> tuple[bytes, int] | None:
            try:
                found = await self.js.get_msg(stream, subject=subject, direct=True)
            except NotFoundError:
                return None
            return found.data or b"", found.seq or 0

        return await self.again(f"$JS.API.DIRECT.GET.{stream}.{subject}", once)

    async def peek_last(self, stream: str, subject: str) -> dict[str, str] | None:
        """The headers of a subject's last message in a stream, perhaps of another user.

        None without a message. It is asked once. Raises NoRespondersError without such a stream,
        TimeoutError and NotAuthorised.
        """
        asked = f"$JS.API.DIRECT.GET.{stream}.{subject}"
        try:
            found = await self._permitted(
                asked, self.js.get_msg(stream, subject=subject, direct=True)
            )
        except NotFoundError:
            return None
        return found.headers or {}

    async def find_last(self, stream: str, pattern: str) -> tuple[str, bytes] | None:
        """The last message of a pattern of subjects, with its subject."""

        async def once() -> tuple[str, bytes] | None:
            try:
                found = await self.js.get_msg(stream, subject=pattern)
            except NotFoundError:
                return None
            return found.subject or "", found.data or b""

        return await self.again(f"$JS.API.STREAM.MSG.GET.{stream}", once)

    async def write_key(self, key: str, value: bytes, last: int | None = None) -> int:
        """Write a key of the bucket; gives its revision.

        last: the revision that it must have, 0 for a key that must not exist; None: any.
        Raises KeyTaken.
        """
        subject = self._subject_of(key)
        headers = {} if last is None else {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(last)}

        async def once() -> int:
            try:
                stored = await self.js.publish(subject, value, headers=headers)
            except APIError as error:
                if error.err_code in WRONG_LAST_SEQUENCE:
                    if (found := await self.read_key(key)) is not None and found[0] == value:
                        # An earlier try of ours, whose answer was lost.
                        return found[1]
                    raise KeyTaken(key) from error
                raise
            return stored.seq

        return await self.again(subject, once)

    async def delete_key(self, key: str) -> None:
        """Delete a key with its history; one that is not there is no error."""
        await self._purge(self.bucket_stream, self._subject_of(key))

    async def forget_reply(self, subject: str) -> None:
        """Delete a reply that has been dealt with."""
        await self._purge(subjects.reply_stream(self.user_id), subject)

    async def list_keys(self, prefix: str) -> list[str]:
        """The keys of the bucket below a prefix, without it."""
        whole = self._subject_of(prefix)

        async def once() -> list[str]:
            info = await self.js.stream_info(self.bucket_stream, subjects_filter=f"{whole}.>")
            return [subject[len(whole) + 1 :] for subject in info.state.subjects or {}]

        return sorted(await self.again(f"$JS.API.STREAM.INFO.{self.bucket_stream}", once))

    async def add_consumer(
        self, name: str, filter_subject: str, deliver_subject: str, group: str, pending: int,
        ack_wait_s: float,
    ) -> None:  # fmt: skip
        """Let the server deliver messages of a subject to a group of workers."""
        config = ConsumerConfig(
            durable_name=name,
            filter_subject=filter_subject,
            deliver_subject=deliver_subject,
            deliver_group=group,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait_s,
            max_ack_pending=pending,
        )
        stream = subjects.message_stream(self.user_id)
        await self.again(stream, lambda: self.js.add_consumer(stream, config))

    async def delete_consumer(self, name: str) -> None:
        """Delete a consumer; one that is not there is no error."""
        stream = subjects.message_stream(self.user_id)

        async def once() -> None:
            with contextlib.suppress(NotFoundError):
                await self.js.delete_consumer(stream, name)

        await self.again(stream, once)
        await self._purge(stream, subjects.message(self.user_id, "*", name))

    async def count_waiting(self, name: str) -> int | None:
        """How many messages of a consumer are not done; None if there is no such consumer."""
        stream = subjects.message_stream(self.user_id)
        try:
            info = await self.js.consumer_info(stream, name)
        except NotFoundError:
            return None
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def count_stored(self) -> int:
        """How many bytes all users together have stored."""
        return (await self.again("$JS.API.INFO", self.js.account_info)).storage

    async def subscribe(
        self, subject: str, take: Callable[[Msg], Coroutine[Any, Any, None]], group: str = ""
    ) -> Subscription:
        """Call `take` for each message, one after another."""
        found = await self.client.subscribe(
            subject, queue=group, cb=take, pending_bytes_limit=512 << 20
        )
        # Not `flush`, which waits for nothing while a connection is opened anew. That also forgets
        # who waits for an answer, so it is asked again.
        await self.again(subject, lambda: self.client.rtt(int(TRY_S)))
        return found

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Get no more messages; a connection that is closed has none anyway."""
        with contextlib.suppress(NatsError):
            await subscription.unsubscribe()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside others, and keep it from being collected."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _subject_of(self, key: str) -> str:
        return f"$KV.{subjects.bucket(self.user_id)}.{key}"

    async def _purge(self, stream: str, subject: str) -> None:
        async def once() -> None:
            with contextlib.suppress(NotFoundError):
                await self.js.purge_stream(stream, subject=subject)

        await self.again(f"$JS.API.STREAM.PURGE.{stream}", once)

    async def again(
        self,
        subject: str,
        once: Callable[[], Coroutine[Any, Any, T]],
        within_s: float = STORE_WITHIN_S,
    ) -> T:
        """Try until it is done: a server that starts again answers nothing for a while."""
        ends_at = time.monotonic() + within_s
        while True:
            try:
                return await self._permitted(subject, once())
            except (NatsTimeoutError, NoRespondersError, NoStreamResponseError) as error:
                if time.monotonic() > ends_at:
                    raise TimeoutError(
                        f"the server of flows did not answer in {within_s:g} s"
                    ) from error
                await asyncio.sleep(AGAIN_AFTER_S)
            except APIError as error:
                if error.err_code in NO_ROOM:
                    raise _no_room(str(error.description)) from error
                raise
            except ConnectionClosedError as error:
                raise FlowServerUnavailable(
                    "the connection to the server of flows is closed",
                    why="the client was closed, or its key was revoked",
                    mend="connect again",
                ) from error

    async def _permitted(self, subject: str, work: Awaitable[T]) -> T:
        """Wait for `work`, or for the server to say that its subject is not permitted."""
        refused: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(subject.lower(), set())
        waiting.add(refused)
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, refused}, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                task.cancel()
                raise NotAuthorised(
                    f"{subject} is not permitted",
                    why=f"the server lets the user {self.user_id} do only what is its own",
                    mend="ask the owner to serve it, or use the right user",
                )
            return await task
        finally:
            if not task.done():
                task.cancel()
            waiting.discard(refused)
            if not waiting:
                self._waiting.pop(subject.lower(), None)

    async def _note_error(self, error: Exception) -> None:
        found = _FORBIDDEN.search(str(error))
        if found is None:
            if self._was_open and "authorization" in str(error).lower():
                # The key was revoked. Trying again would leave a socket behind each time.
                log.error("the server of flows does not let %s in any more", self.user_id)
                self.start(self._close_quietly())
            log.debug("the server of flows: %s", in_a_line(str(error) or type(error).__name__))
            return
        subject = found[1].lower()
        waiting = self._waiting.get(subject, set())
        for refused in list(waiting):
            if not refused.done():
                refused.set_result(None)
        if not waiting:
            log.warning("the server of flows does not permit %s", in_a_line(subject))

    async def _close_quietly(self) -> None:
        with contextlib.suppress(NatsError, OSError, asyncio.TimeoutError):
            # After a TLS handshake that failed, the library waits for an end that never comes.
            await asyncio.wait_for(self.client.close(), CLOSE_S)


async def open_link(url: str, seed: str, user_id: str, trust: TlsTrust | None = None) -> Link:
    """Connect a user."""
    link = Link(user_id)
    await link.open(url, seed, trust)
    return link


def _no_room(description: str) -> FlowStorageFull:
    return (
        queue_full()
        if PER_SUBJECT in description
        else no_room(f"it says: {in_a_line(description, 100)}")
    )
