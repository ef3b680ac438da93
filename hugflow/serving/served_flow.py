"""An instance of a served flow, at its caller: it is used as a flow that runs here."""

import asyncio
import dataclasses
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hugflow.errors import FlowError, FlowInstanceError, FlowMessageTooLarge
from hugflow.flows.flow import Flow, no_parent
from hugflow.flows.messages import Data, FlowMessage, refuse_keys
from hugflow.serving import pushed, subjects, wire
from hugflow.serving.envelope import read_call_reply
from hugflow.serving.link import NobodyAnswers
from hugflow.serving.mounts import check_mounted
from hugflow.serving.replies import ServedFuture
from hugflow.serving.seals import seal

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink

# The one key of a message that holds many rows, and of its reply, which has an outcome for each:
# {"out": {...}}, {"dropped": true} or {"error": "KeyError: 'text'"}.
ROWS = "$rows"

_LARGE_BYTES = 64 << 10

_running = threading.local()


@contextmanager
def answering(message_id: str) -> Iterator[None]:
    """Let the messages that are sent in this thread have ids that follow from one message's.

    A flow that is run again, because its worker died, sends its subflows the same ids: they count
    once there.
    """
    _running.message_id, _running.count = message_id, 0
    try:
        yield
    finally:
        _running.message_id = None


class ServedFlow(Flow):
    """An instance at another user, or at this one. Its work is done by its owner's workers."""

    def __init__(self, cl: "CoLink", user_id: str, flow_id: str, name: str) -> None:
        """Nothing is asked or sent yet. `get_flow_instance` gives one that is there."""
        self.cl = cl
        self.user_id = user_id
        self.flow_id = flow_id
        self.name = name
        self.config = {}
        self.state = {}
        self.parent = None
        self.message = None
        self.description: dict[str, Any] = {}
        self._in_order = asyncio.Lock()

    def __repr__(self) -> str:
        """Show where it is."""
        return f"ServedFlow({self.name} {self.flow_id} at {self.user_id})"

    def run(self, data: Data) -> Data:
        """Send a message, and wait for the reply's data. Raises FlowError."""
        return self._send_own(data).get_message().data

    def run_batch(self, batch: Sequence[Data]) -> list[Data | None]:
        """Send all mappings in one message; the owner's flow runs them by its own run_batch.

        A batch whose message or reply the server would not take is sent in halves. Raises FlowError
        for the first that failed.
        """
        found: list[Data | None] = []
        try:
            reply = self._send_own({ROWS: list(batch)}).get_message().data
        except FlowMessageTooLarge:
            if len(batch) < 2:
                raise
            half = len(batch) // 2
            return self.run_batch(batch[:half]) + self.run_batch(batch[half:])
        for outcome in read_outcomes(reply, len(batch), self):
            if "error" in outcome:
                raise FlowError(
                    f"the flow {self.name} failed: {outcome['error']}",
                    why="its code raised this",
                    mend="look at the data it was given, or tell its owner",
                )
            found.append(outcome.get("out"))
        return found

    def package_input_message(
        self, data: Mapping[str, Any], private_keys: Sequence[str] = ()
    ) -> FlowMessage:
        """A message to this flow, with a copy of the data. Raises TypeError for what is no JSON."""
        message = super().package_input_message(data, private_keys)
        return dataclasses.replace(message, message_id=_next_id(), user_id=self.cl.get_user_id())

    def get_reply_future(self, message: FlowMessage) -> ServedFuture:
        """Send a message; the reply comes to any process of this user, also after restarts.

        A message with the same id is sent once. Raises FlowError for one that is too large.
        """
        data = self._seal(self._encode(message))
        reply = self.cl.replies.expect(message.message_id, self.flow_id)
        self.cl.start(self._send(message.message_id, data))
        return ServedFuture(
            self.cl, self.user_id, self.flow_id, message.message_id, reply, self.name
        )

    def get_reply(self, message: FlowMessage) -> None:
        """Send a message whose reply goes into the queue of the instance that sends it.

        It comes as a message of its own, once, also after restarts, and in its turn; see
        `Flow.get_reply`. Raises FlowError where no served composite runs in this thread.
        """
        asker = pushed.asker.get()
        if asker is None:
            raise no_parent(self.name)
        ticket = pushed.make_ticket(self.cl, asker, self.user_id, message.message_id)
        data = self._seal(self._encode(message, ticket))
        self.cl.run(self._store_where_it_is(message.message_id, data))

    def send_message(self, message: FlowMessage) -> None:
        """Send a message, and wait only until the server has it. Raises FlowError."""
        data = self._seal(self._encode(message))
        self.cl.run(self._store_where_it_is(message.message_id, data))

    def call(self, data: Mapping[str, Any], timeout_s: float = 60.0) -> Data:
        """Ask for a result at once: quicker, but nothing is stored, and no state is kept.

        Raises TimeoutError and FlowError; the flow may then have run, or not.
        """
        body = self._encode(self._own_message(data))
        subject = subjects.call(self.user_id, self.cl.get_user_id(), self.flow_id)
        try:
            sealed = seal(self.cl, self.user_id, subject, body)
            answer = self.cl.run(self.cl.link.ask(subject, sealed, timeout_s))
        except NobodyAnswers:
            raise nobody_works(self.user_id, self.name) from None
        return read_call_reply(answer)

    def _send_own(self, data: Mapping[str, Any]) -> ServedFuture:
        return self.get_reply_future(self._own_message(data))

    def _own_message(self, data: Mapping[str, Any]) -> FlowMessage:
        """A message that is sent at once, and nobody else sees: its data need not be a copy."""
        return FlowMessage(
            refuse_keys(data),
            message_id=_next_id(),
            dst_flow=self.name,
            user_id=self.cl.get_user_id(),
        )

    def _encode(self, message: FlowMessage, ticket: Mapping[str, str] | None = None) -> bytes:
        value = {**message.to_json(), "user_id": self.cl.get_user_id()}
        if ticket is not None:
            value[pushed.TICKET] = ticket
        try:
            data = wire.encode(value)
        except (ValueError, RecursionError) as error:
            raise TypeError(f"the message cannot be sent: {error}") from error
        self.cl.link.check_size(data, "the message")
        return data

    def _seal(self, data: bytes) -> bytes:
        """A message as it is stored. In the caller's thread, so that other messages are not held up."""
        return seal(self.cl, self.user_id, self._subject(), data)

    def _subject(self) -> str:
        return subjects.message(self.user_id, self.cl.get_user_id(), self.flow_id)

    async def _send(self, message_id: str, sealed: bytes) -> None:
        try:
            is_new = await self._store(message_id, sealed)
            if not is_new:
                await self.cl.replies.look(self.user_id, self.flow_id, message_id)
        except Exception as error:  # noqa: BLE001  # it is the caller's, who waits for a reply
            self.cl.replies.fail(self.flow_id, message_id, error)

    async def _store_where_it_is(self, message_id: str, sealed: bytes) -> None:
        """Store a message whose reply nobody waits for here: an unknown instance is an error now."""
        await check_mounted(self.cl.link, self.user_id, self.flow_id, self.name)
        await self._store(message_id, sealed)

    async def _store(self, message_id: str, sealed: bytes) -> bool:
        link, caller = self.cl.link, self.cl.get_user_id()
        # In here, so that messages go in the order in which they were given.
        async with self._in_order:
            await link.room.take(len(sealed))
            await self.cl.replies.open()
            await link.tell(subjects.progress(caller, self.user_id, message_id), b"queued")
            if len(sealed) > _LARGE_BYTES:
                # Else nats-py would join the two, which copies the large one again.
                await asyncio.sleep(0)
            # The same id for another instance is another message.
            return await link.store(self._subject(), sealed, f"{self.flow_id}.{message_id}")


def _next_id() -> str:
    parent = getattr(_running, "message_id", None)
    if parent is None:
        return str(uuid.uuid4())
    _running.count += 1
    return str(uuid.uuid5(uuid.UUID(parent), str(_running.count)))


def read_outcomes(reply: Mapping[str, Any], count: int, flow: ServedFlow) -> list[dict[str, Any]]:
    """The outcomes in the reply to so many rows. Raises FlowError unless there is one for each."""
    match reply.get(ROWS):
        case list(found) if len(found) == count and all(isinstance(each, dict) for each in found):
            return found
    raise FlowError(
        f"flows:{flow.name} of user {flow.user_id} gave no outcome for each of {count} rows",
        why="it cannot be known which outcome is whose, so none is taken",
        mend="tell its owner; then run the same command again: it continues at the same row",
    )


def nobody_works(user_id: str, name: str) -> Exception:
    """The error for a call that no worker takes."""
    return FlowInstanceError(
        f"no worker of user {user_id} runs {name}",
        why="calls that are not stored need a worker that runs now",
        mend="start one with `hugflow flows worker`, or send a message, which waits for one",
    )
