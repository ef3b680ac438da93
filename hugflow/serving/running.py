"""What a worker's thread does with one message: it runs the instance's flow, and makes the reply."""

import copy
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from hugflow.errors import FlowError, FlowInstanceError
from hugflow.flows.flow import Flow
from hugflow.flows.messages import FlowMessage, package, refuse_keys
from hugflow.redact import in_a_line
from hugflow.serving import pushed, wire
from hugflow.serving.envelope import call_reply, error_reply, read_message
from hugflow.serving.seals import unseal
from hugflow.serving.served_flow import ROWS, answering

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from hugflow.serving.colink import CoLink

log = logging.getLogger(__name__)


def run_flow(
    cl: "CoLink", flow_id: str, flow: Flow, asked: FlowMessage, state: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The reply of a flow, and its state afterwards; after an error, the state before."""
    flow.state, flow.message = copy.deepcopy(state), asked
    try:
        data = _run(cl, flow_id, flow, asked)
        try:
            answer = package(data)
        except TypeError:
            if ROWS not in data:
                raise
            answer = package(_isolate_unsendable(data))
        # What is stored is what the next message finds: JSON alone.
        after = wire.plain_copy(flow.state)
    except BaseException as error:
        log.exception("the flow %s failed", flow.name)
        return _failed(flow, error), state
    return _to_reply(cl, flow, asked, answer.data), after


def run_beside_others(cl: "CoLink", flow_id: str, flow: Flow, asked: FlowMessage) -> bytes:
    """The reply of a flow that runs for several messages at once, each with its own state."""
    return _run_beside_others(cl, flow_id, flow, asked, partial(_to_reply, cl, flow, asked))


def reply_to_call(cl: "CoLink", caller: str, flow_id: str, flow: Flow, message: "Msg") -> bytes:
    """The reply to a call that is not stored: its data alone, or an error."""
    try:
        asked = read_message(wire.decode(unseal(cl, caller, message.subject, message.data)))
    except Exception as error:  # noqa: BLE001  # it is the caller's, who waits for a reply
        return wire.encode(error_reply(flow_id, error))
    return _run_beside_others(cl, flow_id, flow, asked, call_reply)


def to_reply_bytes(cl: "CoLink", reply: dict[str, Any]) -> bytes:
    """A reply as it is sent; an error in the place of one that the server would not take."""
    data = wire.encode(reply)
    try:
        cl.link.check_size(data, "the reply")
    except FlowError as error:
        return wire.encode(error_reply("", error))
    return data


def _run_beside_others(
    cl: "CoLink",
    flow_id: str,
    flow: Flow,
    asked: FlowMessage,
    to_reply: Callable[[dict[str, Any]], dict[str, Any]],
) -> bytes:
    own = copy.copy(flow)
    own.state, own.message = {}, asked
    try:
        data = refuse_keys(_run(cl, flow_id, own, asked))
        # Made into bytes here: to copy the data for the loop would take as long.
        try:
            reply = to_reply_bytes(cl, to_reply(data))
        except (TypeError, ValueError, RecursionError):
            if ROWS not in data:
                raise
            reply = to_reply_bytes(cl, to_reply(_isolate_unsendable(data)))
    except BaseException as error:
        log.exception("the flow %s failed", own.name)
        reply = wire.encode(_failed(own, error))
    # What it has loaded, such as a model, is there for the next message.
    loaded = dict(vars(own))
    for name in ("state", "message"):
        loaded.pop(name, None)
    vars(flow).update(loaded)
    return reply


def _failed(flow: Flow, error: BaseException) -> dict[str, Any]:
    """The error of a flow; one of an instance that it asked gets the flow's name before it."""
    reply = error_reply(flow.name, error)
    if isinstance(error, FlowInstanceError):
        reply["error"]["what"] = f"{flow.name}: {reply['error']['what']}"
    return reply


def _to_reply(cl: "CoLink", flow: Flow, asked: FlowMessage, data: dict[str, Any]) -> dict[str, Any]:
    answer = FlowMessage(
        data,
        src_flow=flow.name,
        dst_flow=asked.src_flow,
        user_id=cl.get_user_id(),
        reply_to=asked.message_id,
    )
    return {"message": answer.to_json()}


def _run(cl: "CoLink", flow_id: str, flow: Flow, asked: FlowMessage) -> dict[str, Any]:
    with answering(asked.message_id), pushed.asking(cl, flow_id):
        return _give(flow, asked)


def _give(flow: Flow, asked: FlowMessage) -> dict[str, Any]:
    """What a flow gives; of a message of rows, an outcome for each."""
    rows = asked.data.get(ROWS)
    if isinstance(rows, list) and len(asked.data) == 1:
        return {ROWS: _give_rows(flow, rows)}
    return flow.run(asked.data) or {}


def _give_rows(flow: Flow, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows in one call; where that fails, one by one, so that one row costs itself alone."""
    before = copy.deepcopy(flow.state)
    try:
        found: object = flow.run_batch([dict(row) for row in rows])
        if not isinstance(found, list) or len(found) != len(rows):
            raise TypeError(f"run_batch gave no list of {len(rows)} results")
    except Exception as error:
        flow.state = before
        if len(rows) == 1:
            log.exception("the flow %s failed on a row", flow.name)
            return [{"error": in_a_line(f"{type(error).__name__}: {error}")}]
        return [outcome for row in rows for outcome in _give_rows(flow, [row])]
    return [{"dropped": True} if each is None else {"out": each} for each in found]


def _isolate_unsendable(data: dict[str, Any]) -> dict[str, Any]:
    """Outcomes of rows with an error in the place of each that is neither JSON nor bytes."""
    return {ROWS: [_sendable(outcome) for outcome in data[ROWS]]}


def _sendable(outcome: dict[str, Any]) -> dict[str, Any]:
    try:
        wire.most_bytes(outcome)
    except (TypeError, ValueError, RecursionError) as error:
        return {"error": in_a_line(f"{type(error).__name__}: {error}")}
    return outcome
