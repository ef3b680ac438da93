"""Replies that go into the queue of the instance that asked, as messages of their own.

The message that asks holds a ticket. Whoever replies sends the ticket back with the reply, as a
message to the asking instance:

    {..., "data": {"number": 4321}, "reply_to": "<message>",
     "ticket": {"flow_id": "<asking instance>", "signature": "..."}}

The signature is of the asking user, over the instance, the message and the user who was asked: so
nobody can send an instance a reply that it did not ask for.
"""

import base64
import binascii
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from hugflow.errors import FlowError, NotAuthorised
from hugflow.flows.flow import push_replies
from hugflow.flows.messages import FlowMessage, package
from hugflow.serving import subjects, wire
from hugflow.serving.envelope import read_message
from hugflow.serving.keys import is_signed_by
from hugflow.serving.seals import seal

if TYPE_CHECKING:
    from hugflow.serving.colink import CoLink

TICKET: Final = "ticket"

# The served instance that runs in this thread.
asker: ContextVar[str | None] = ContextVar("asker", default=None)


def make_ticket(cl: "CoLink", flow_id: str, asked_user: str, message_id: str) -> dict[str, str]:
    """What lets one user reply once to one message of an instance of ours."""
    signature = cl.sign(_signed(flow_id, asked_user, message_id))
    return {"flow_id": flow_id, "signature": base64.b64encode(signature).decode()}


def read_ticket(value: Mapping[str, Any]) -> dict[str, str] | None:
    """The ticket of a message, if it has one. Raises KeyError, TypeError and ValueError."""
    found = value.get(TICKET)
    if found is None:
        return None
    return {"flow_id": str(uuid.UUID(found["flow_id"])), "signature": str(found["signature"])}


def check_ticket(
    owner: str, flow_id: str, sender: str, reply_to: str, ticket: Mapping[str, str]
) -> None:
    """Raise NotAuthorised unless the instance of `owner` asked the sender for this reply."""
    try:
        signature = base64.b64decode(ticket["signature"], validate=True)
    except binascii.Error:
        signature = b""
    if not is_signed_by(owner, _signed(flow_id, sender, reply_to), signature):
        raise NotAuthorised(
            f"a reply of user {sender} to the instance {flow_id} was not asked for",
            why="its ticket is not signed by the instance's owner for this message",
            mend="ask the sender which version of hugflow runs there",
        )


@contextmanager
def asking(cl: "CoLink", flow_id: str) -> Iterator[None]:
    """Let replies that are asked for in this thread go into the queue of an instance of ours."""

    def push(reply: FlowMessage) -> None:
        own = make_ticket(cl, flow_id, cl.get_user_id(), str(reply.reply_to))
        cl.run(push_reply(cl, cl.get_user_id(), own, reply))

    asker_before, push_before = asker.set(flow_id), push_replies.set(push)
    try:
        yield
    finally:
        asker.reset(asker_before)
        push_replies.reset(push_before)


async def push_reply(
    cl: "CoLink", owner: str, ticket: Mapping[str, str], reply: FlowMessage
) -> None:
    """Store a reply as a message to the instance that a ticket names; once, whoever does it again."""
    # The same however often the message is run.
    message_id = str(uuid.uuid5(uuid.UUID(reply.reply_to), TICKET))
    whole = {**reply.to_json(), "message_id": message_id, "user_id": cl.get_user_id()}
    data = wire.encode({**whole, TICKET: ticket})
    try:
        cl.link.check_size(data, "the reply")
    except FlowError as error:
        data = wire.encode({**whole, "data": {"error": error.what}, TICKET: ticket})
    flow_id = ticket["flow_id"]
    subject = subjects.message(owner, cl.get_user_id(), flow_id)
    await cl.link.store(subject, seal(cl, owner, subject, data), f"{flow_id}.{message_id}")


def to_pushed(reply: Mapping[str, Any], message_id: str) -> FlowMessage:
    """The reply to a message as it is pushed; of an error, its data is {"error": "..."}."""
    if "error" in reply:
        return package({"error": reply["error"]["what"]}, reply_to=message_id)
    return read_message(reply["message"])


def _signed(flow_id: str, asked_user: str, message_id: str) -> bytes:
    return f"push\n{flow_id}\n{asked_user}\n{message_id}".encode()
