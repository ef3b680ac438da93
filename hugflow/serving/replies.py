"""Replies of served flows: they wait in the caller's stream until somebody asks for them."""

import asyncio
import logging
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from nats.aio.msg import Msg

from hugflow.errors import FlowError, FlowInstanceError, NotAuthorised
from hugflow.flows.messages import FlowFuture, FlowMessage
from hugflow.serving import subjects, wire
from hugflow.serving.envelope import not_readable, read_reply
from hugflow.serving.link import NobodyAnswers
from hugflow.serving.mounts import check_mounted, path_of, unknown_instance
from hugflow.serving.seals import seal, unseal

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink

log = logging.getLogger(__name__)

# A reply comes by itself; it is looked for where it may have been missed, or may never come.
FIRST_LOOK_S = 0.3
LOOK_EVERY_S = 2.0
ASK_S = 1.0
# A look takes a millisecond: a shorter time-out must not keep it from finding a reply that is there.
SHORTEST_LOOK_S = 0.2
STORED_AFTER_S = 0.1
# In a pattern of subjects.
ANY = "*"


class Replies:
    """The replies that a client waits for. One subscription serves all of them."""

    def __init__(self, cl: "CoLink") -> None:
        """Nothing is subscribed to yet."""
        self._cl = cl
        # By instance and message: one message may be sent to several instances.
        self._expected: dict[tuple[str, str], Future[FlowMessage]] = {}
        self._opening = asyncio.Lock()
        self._is_open = False

    def expect(self, message_id: str, flow_id: str = ANY) -> "Future[FlowMessage]":
        """The reply to a message; `open` before it is sent. Called in any thread."""
        return self._expected.setdefault((flow_id, message_id), Future())

    async def open(self) -> None:
        """Let replies come from now on."""
        if self._is_open:
            return
        async with self._opening:
            if not self._is_open:
                pattern = subjects.reply(self._cl.get_user_id(), ANY, ANY, ANY)
                await self._cl.link.subscribe(pattern, self._take)
                self._is_open = True

    async def look(
        self, owner: str, flow_id: str, message_id: str, name: str = "", *, asks: bool = False
    ) -> None:
        """Look for a reply in the stream.

        owner, flow_id: ANY where they are not known. name: of the flow, for the text of an error.
        asks: whether to ask the owner, too, if the instance exists, so that a reply can come.
        """
        link, caller = self._cl.link, self._cl.get_user_id()
        subject = subjects.reply(caller, owner, flow_id, message_id)
        found = await link.find_last(subjects.reply_stream(caller), subject)
        if found is not None:
            self._complete(*found)
        elif asks:
            subject = subjects.question(owner, "check", caller)
            asked = seal(self._cl, owner, subject, wire.encode({"flow_id": flow_id}))
            try:
                data = await link.ask(subject, asked, ASK_S)
            except (NobodyAnswers, TimeoutError):
                try:
                    await check_mounted(link, owner, flow_id, name)
                except FlowInstanceError as error:
                    self._fail(flow_id, message_id, error)
                return
            answer = wire.decode(data)
            if not answer["is_known"]:
                self._fail(flow_id, message_id, unknown_instance(owner, flow_id, name))
            elif not answer["is_allowed"]:
                self._fail(flow_id, message_id, _not_yours(owner, flow_id, name))

    def fail(self, flow_id: str, message_id: str, error: Exception) -> None:
        """Give an error to whoever waits for a reply. Called in the client's loop."""
        self._fail(flow_id, message_id, error)

    async def _take(self, message: Msg) -> None:
        self._complete(message.subject, message.data)

    def _complete(self, subject: str, data: bytes) -> None:
        _, _, owner, flow_id, message_id = subject.split(".")
        try:
            body = unseal(self._cl, owner, subject, data)
        except NotAuthorised as error:
            log.warning("%s", error.what)
            return
        for key in ((flow_id, message_id), (ANY, message_id)):
            future = self._expected.pop(key, None)
            if future is not None and not future.done():
                _set(future, message_id, body)

    def _fail(self, flow_id: str, message_id: str, error: Exception) -> None:
        future = self._expected.pop((flow_id, message_id), None)
        if future is not None and not future.done():
            future.set_exception(error)


def _set(future: "Future[FlowMessage]", message_id: str, body: bytes) -> None:
    try:
        future.set_result(read_reply(body))
    except FlowError as error:
        future.set_exception(error)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        future.set_exception(not_readable(message_id, error))


class ServedFuture(FlowFuture):
    """The reply of a served flow. Any process of the caller may ask for it, by the message's id."""

    def __init__(
        self, cl: "CoLink", owner: str, flow_id: str, message_id: str,
        reply: "Future[FlowMessage]", name: str = "",
    ) -> None:  # fmt: skip
        """owner, flow_id: ANY where they are not known; then nobody is asked whether it exists."""
        super().__init__(message_id, reply)
        self._cl = cl
        self._owner = owner
        self._flow_id = flow_id
        self._name = name

    def try_get_message(self) -> FlowMessage | None:
        """The reply, or None while there is none."""
        if not self._reply.done():
            self._look(time.monotonic() + ASK_S, asks=False)
        return super().try_get_message()

    def get_message(self, timeout: float | None = None) -> FlowMessage:
        """Wait for the reply. Raises TimeoutError, after which it may still come, or FlowError."""
        ends_at = time.monotonic() + timeout if timeout is not None else None
        pause_s = FIRST_LOOK_S
        while True:
            left_s = ends_at - time.monotonic() if ends_at is not None else pause_s
            try:
                return self._reply.result(max(0.0, min(pause_s, left_s)))
            except TimeoutError:
                if self._reply.done():
                    raise
                if left_s <= 0:
                    raise TimeoutError(
                        f"no reply to {self.message_id} within {timeout:g} s; it may still come"
                    ) from None
            self._look(ends_at, asks=self._flow_id != ANY)
            pause_s = LOOK_EVERY_S

    def _look(self, ends_at: float | None, *, asks: bool) -> None:
        """Look for the reply, at most until then: while the server is away, a look takes a minute."""
        look = self._cl.replies.look(
            self._owner, self._flow_id, self.message_id, self._name, asks=asks
        )
        looking = self._cl.start(look)
        if ends_at is None:
            return looking.result()
        try:
            looking.result(max(SHORTEST_LOOK_S, ends_at - time.monotonic()))
        except TimeoutError:
            looking.cancel()


def resume(cl: "CoLink", message_id: str) -> ServedFuture:
    """The reply to a message that was sent earlier, perhaps by another process of this user."""
    cl.run(cl.replies.open())
    reply = cl.replies.expect(message_id)
    return ServedFuture(cl, ANY, ANY, message_id, reply)


def _not_yours(owner: str, flow_id: str, name: str) -> FlowInstanceError:
    return FlowInstanceError(
        f"{path_of(name)}the instance {flow_id} at user {owner} belongs to another user",
        why="only the user who got an instance may send it messages",
        mend="get one of your own with get_flow_instance",
    )


def call_state(cl: "CoLink", message_id: str) -> str:
    """How far a message of this user is: queued, running, done or failed; unknown without a trace.

    The answer is the same after any disconnect; it is kept for a day.
    """
    return cl.run(_call_state(cl, message_id))


async def _call_state(cl: "CoLink", message_id: str) -> str:
    subjects.check_name(message_id, "the message")
    state = await _read_call_state(cl, message_id)
    if state in ("queued", "running"):
        # A reply reaches its caller a moment before it is stored.
        await asyncio.sleep(STORED_AFTER_S)
        state = await _read_call_state(cl, message_id)
    return state


async def _read_call_state(cl: "CoLink", message_id: str) -> str:
    caller, link = cl.get_user_id(), cl.link
    reply = subjects.reply(caller, ANY, ANY, message_id)
    found = await link.find_last(subjects.reply_stream(caller), reply)
    if found is not None:
        owner = found[0].split(".")[2]
        return "failed" if "error" in wire.decode(unseal(cl, owner, *found)) else "done"
    progress = subjects.progress(caller, "*", message_id)
    found = await link.find_last(subjects.progress_stream(caller), progress)
    return found[1].decode() if found is not None else "unknown"
