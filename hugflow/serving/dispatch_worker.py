"""The worker that runs instances of its user's flows on the messages that wait for them.

A message's effect on an instance's state counts once, whatever dies: the state, the ids of the last
messages and the reply are one write, which only succeeds over the state that was read. The reply is
stored in the caller's stream before the next message of the instance is taken, and a message that
has a reply there is not run: so one that is sent again counts once while its reply is kept. A
message is taken only when a thread can run it now; only messages that run are kept from other workers.
"""

import asyncio
import logging
import time
import uuid
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from nats.aio.msg import Msg

from hugflow.errors import (
    FlowError,
    FlowInstanceError,
    FlowServerUnavailable,
    FlowStorageFull,
    NotAuthorised,
)
from hugflow.flows.flow import Flow, load_subflow, served_subflows
from hugflow.flows.messages import FlowMessage
from hugflow.late_dataclass import dataclass
from hugflow.serving import bucket, pushed, subjects, wire
from hugflow.serving.classes import constructor_values, load_class
from hugflow.serving.envelope import error_reply, read_message
from hugflow.serving.life import Life
from hugflow.serving.link import KeyTaken
from hugflow.serving.records import Instance, State
from hugflow.serving.running import reply_to_call, run_beside_others, run_flow, to_reply_bytes
from hugflow.serving.seals import seal, unseal
from hugflow.serving.served_flow import ServedFlow
from hugflow.serving.threads import WorkThreads

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

    from hugflow.serving.colink import CoLink

log = logging.getLogger(__name__)

DEFAULT_THREADS = 64
RECEIPT = b"{}"
# A message that nobody can run now comes again after this time, and after twice as long each time:
# a thousand that wait would else be sent to and fro without end.
BUSY_S = 0.05
LONGEST_PAUSE_S = 2.0
_CACHED_FLOWS = 2_000
# Whether an instance is still there is asked again after this time.
_LOOK_AGAIN_S = 1.0


@dataclass(slots=True)
class _Loaded:
    """The flow of an instance.

    looked_at: when the instance was last seen on the server.
    in_turn: held while a message runs whose state is kept. The server gives a message to us again
        when it heard no sign of life of it, and a second run would change the state of the first.
    """

    instance: Instance
    flow: Flow
    looked_at: float
    in_turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class DispatchWorker:
    """Runs flows in threads; everything else happens in the client's loop."""

    def __init__(self, cl: "CoLink", dispatch_point: str, threads: int) -> None:
        """Nothing is run yet."""
        self._cl = cl
        self._point = dispatch_point
        self._threads = threads
        self._hands = WorkThreads(threads)
        self._busy = 0
        self._is_open = False
        self._idle = asyncio.Event()
        self._flows: dict[str, _Loaded] = {}
        self._making: dict[str, asyncio.Task[Flow]] = {}
        self._subscriptions: list[Subscription] = []

    async def open(self) -> None:
        """Begin to take messages."""
        self._is_open = True
        self._idle.set()
        owner, link = self._cl.get_user_id(), self._cl.link
        delivery = subjects.delivery(owner, self._point)
        self._subscriptions = [
            await link.subscribe(delivery, self._take, self._point),
            await link.subscribe(subjects.call(owner, "*", "*"), self._take_call, self._point),
            await link.subscribe(subjects.alive(owner, self._point, "*"), _show_alive, self._point),
        ]

    async def close(self, within_s: float = 10.0) -> None:
        """Take no more messages, and finish those that run; what does not end in time comes again."""
        self._is_open = False
        for each in self._subscriptions:
            await self._cl.link.unsubscribe(each)
        self._subscriptions = []
        try:
            await asyncio.wait_for(self._idle.wait(), within_s)
        except TimeoutError:
            log.warning("%d messages did not end; another worker gets them", self._busy)
        self._hands.close()

    async def _take(self, message: Msg) -> None:
        if not self._is_open or self._busy >= self._threads:
            await message.nak(delay=_pause_s(message))
            return
        self._begin()
        self._cl.link.start(self._work(message))

    async def _work(self, message: Msg) -> None:
        life = Life(self._cl.link, message, self._cl.ack_wait_s / 3)
        try:
            await self._answer(message)
        except KeyTaken:
            # Another worker ran this message; its reply is sent again, or is there.
            await message.nak(delay=BUSY_S)
        except FlowStorageFull as error:
            log.warning("%s cannot be run now: %s", message.subject, error.what)
            await message.nak(delay=1.0)
        except Exception:
            log.exception("%s could not be run now", message.subject)
            await message.nak(delay=1.0)
        finally:
            life.end()
            self._end()

    def _begin(self) -> None:
        self._busy += 1
        self._idle.clear()

    def _end(self) -> None:
        self._busy -= 1
        if not self._busy:
            self._idle.set()

    async def _answer(self, message: Msg) -> None:
        _, owner, _, caller, flow_id = message.subject.split(".")
        link = self._cl.link
        try:
            if owner != self._cl.get_user_id():
                raise ValueError("it is addressed to another user")
            value = wire.decode(unseal(self._cl, caller, message.subject, message.data))
            asked = read_message(value)
            message_id = check_message_id(asked.message_id)
            ticket = pushed.read_ticket(value)
            is_pushed = ticket is not None and asked.reply_to is not None
            if ticket is not None and asked.reply_to is not None:
                pushed.check_ticket(owner, flow_id, caller, asked.reply_to, ticket)
        except (NotAuthorised, KeyError, TypeError, ValueError) as error:
            log.warning("a message of %s cannot be read: %s", caller, error)
            await message.term()
            return
        await link.tell(subjects.progress(caller, owner, message_id), b"running")
        try:
            # A reply that was asked for comes in the owner's own name.
            loaded = await self._find_flow(flow_id, owner if is_pushed else caller)
        except (FlowServerUnavailable, TimeoutError):
            # It is not the message's fault: it comes again.
            raise
        except Exception as error:  # noqa: BLE001  # it is the caller's, who waits for a reply
            if not is_pushed:
                failed = wire.encode(error_reply(flow_id, error))
                await self._send_reply(caller, flow_id, message_id, failed, ticket)
            await message.ack()
            return
        log.info("\n~~~ Dispatch task ~~~")
        log.info("flow_endpoint: %s\nflow_id: %s", loaded.instance.flow_endpoint, flow_id)
        if loaded.instance.parallel_dispatch:
            work = partial(run_beside_others, self._cl, flow_id, loaded.flow, asked)
            reply: bytes | None = await self._hands.run(work)
        else:
            async with loaded.in_turn:
                reply = await self._run_once(loaded.instance, loaded.flow, asked, caller)
        if reply is not None:
            if is_pushed:
                # Nobody waits for the reply to a reply; it says that the message was run.
                reply, ticket = RECEIPT, None
            await self._send_reply(caller, flow_id, message_id, reply, ticket)
        await message.ack()

    async def _run_once(
        self, instance: Instance, flow: Flow, asked: FlowMessage, caller: str
    ) -> bytes | None:
        """The reply; None where it was sent earlier. Raises KeyTaken."""
        link = self._cl.link
        (before, revision), is_answered = await asyncio.gather(
            bucket.read_state(link, instance.flow_id),
            self._is_answered(caller, instance.flow_id, asked.message_id),
        )
        if asked.message_id in before.recent:
            is_last = before.recent[-1] == asked.message_id
            return to_reply_bytes(self._cl, before.reply) if is_last else None
        if is_answered:
            return None
        reply, state = await self._hands.run(
            partial(run_flow, self._cl, instance.flow_id, flow, asked, before.state)
        )
        if state != before.state:
            after: State = before.after(state, asked.message_id, reply)
            try:
                await bucket.write_state(link, instance.flow_id, after, revision)
            except FlowStorageFull:
                # It is not the message's fault: it comes again.
                raise
            except FlowError as error:
                # The state stays as it was; run again, the message would fail in the same way.
                return wire.encode(error_reply(instance.flow_endpoint, error))
        return to_reply_bytes(self._cl, reply)

    async def _is_answered(self, caller: str, flow_id: str, message_id: str) -> bool:
        """Whether the caller's stream has this instance's reply to a message."""
        subject = subjects.reply(caller, self._cl.get_user_id(), flow_id, message_id)
        try:
            found = await self._cl.link.peek_last(subjects.reply_stream(caller), subject)
        except NotAuthorised:
            # The server's configuration was written by an earlier version.
            return False
        return found is not None

    async def _send_reply(
        self,
        caller: str,
        flow_id: str,
        message_id: str,
        reply: bytes,
        ticket: dict[str, str] | None,
    ) -> None:
        """Store a reply; with a ticket, in the queue of the instance that asked for it, too."""
        if ticket is not None:
            answer = pushed.to_pushed(wire.decode(reply), message_id)
            await pushed.push_reply(self._cl, caller, ticket, answer)
        subject = subjects.reply(caller, self._cl.get_user_id(), flow_id, message_id)
        sealed = seal(self._cl, caller, subject, reply)
        await self._cl.link.store(subject, sealed, f"{flow_id}.{message_id}", is_reply=True)

    async def _take_call(self, message: Msg) -> None:
        _, _, _, caller, flow_id = message.subject.split(".")
        if not message.reply.startswith(f"{subjects.inbox(caller)}."):
            log.warning("a call of %s asks for its answer elsewhere; it gets none", caller)
            return
        self._begin()
        self._cl.link.start(self._work_on_call(message, caller, flow_id))

    async def _work_on_call(self, message: Msg, caller: str, flow_id: str) -> None:
        try:
            await message.respond(await self._answer_call(message, caller, flow_id))
        finally:
            self._end()

    async def _answer_call(self, message: Msg, caller: str, flow_id: str) -> bytes:
        try:
            loaded = await self._find_flow(flow_id, caller)
            if not loaded.instance.parallel_dispatch:
                raise _needs_order(loaded.instance)
            work = partial(reply_to_call, self._cl, caller, flow_id, loaded.flow, message)
            return await self._hands.run(work)
        except Exception as error:  # noqa: BLE001  # it is the caller's, who waits for a reply
            return wire.encode(error_reply(flow_id, error))

    async def _find_flow(self, flow_id: str, caller: str) -> _Loaded:
        """The instance and its flow. Raises FlowInstanceError for one that is not the caller's."""
        found = self._flows.get(flow_id)
        now = time.monotonic()
        if found is None or now - found.looked_at > _LOOK_AGAIN_S:
            instance = await bucket.read_instance(self._cl.link, flow_id)
            if instance is None:
                self._flows.pop(flow_id, None)
                raise FlowInstanceError(
                    f"there is no instance {flow_id} at user {self._cl.get_user_id()}",
                    why="it was deleted, or was never there",
                    mend="get a new one with get_flow_instance",
                )
            if found is None:
                flow = await self._make_flow(instance)
                found = self._flows.setdefault(flow_id, _Loaded(instance, flow, now))
                if len(self._flows) > _CACHED_FLOWS:
                    self._flows.pop(next(iter(self._flows)))
            else:
                # Refuses a module that was synced again: its old code would import new files.
                await asyncio.to_thread(load_class, self._cl.project, instance.flow_class_name)
            found.looked_at = now
        if not found.instance.may_be_messaged_by(caller, self._cl.get_user_id()):
            raise FlowInstanceError(
                f"the instance {flow_id} belongs to another user",
                why="only the user who got an instance may send it messages",
                mend="get one of your own with get_flow_instance",
            )
        return found

    async def _make_flow(self, instance: Instance) -> Flow:
        """The flow of an instance, made once for all messages that wait for it."""
        flow_id = instance.flow_id
        making = self._making.get(flow_id)
        if making is None:
            making = asyncio.create_task(asyncio.to_thread(make_flow, self._cl, instance))
            self._making[flow_id] = making
            making.add_done_callback(lambda _: self._making.pop(flow_id, None))
        # One message that is given up must not end what the others wait for.
        return await asyncio.shield(making)


def _pause_s(message: Msg) -> float:
    return min(LONGEST_PAUSE_S, BUSY_S * 2.0 ** min(10, message.metadata.num_delivered - 1))


async def _show_alive(message: Msg) -> None:
    caller = message.subject.rpartition(".")[2]
    if message.reply.startswith(f"{subjects.inbox(caller)}."):
        await message.respond(b"true")


def _needs_order(instance: Instance) -> FlowInstanceError:
    return FlowInstanceError(
        f"flows:{instance.flow_endpoint} takes messages one after another",
        why="a call that is not stored has no place in their order",
        mend="send it a message, or serve it with parallel_dispatch=True",
    )


def make_flow(cl: "CoLink", instance: Instance) -> Flow:
    """The flow of an instance; its served subflows are those that were fetched for it."""
    flow_class = load_class(cl.project, instance.flow_class_name)
    subflows: dict[str, Flow] = {
        key: ServedFlow(cl, each["user_id"], each["flow_id"], key)
        for key, each in instance.subflows.items()
    }
    token = served_subflows.set(subflows)
    loading = load_subflow.set(partial(load_class, cl.project))
    try:
        return flow_class(**constructor_values(instance.config_overrides))
    finally:
        load_subflow.reset(loading)
        served_subflows.reset(token)


def check_message_id(message_id: object) -> str:
    """An id that can be a part of a subject. Raises ValueError."""
    return str(uuid.UUID(str(message_id)))
