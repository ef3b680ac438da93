"""What a message and a reply look like on their way; `wire` makes bytes of them.

A reply is {"message": {...}} or {"error": {"what": ..., "why": ..., "mend": ..., "kind": ...}}; to a
call that is not stored, {"data": {...}} in the place of the message. kind: `too large` for what the
server would not take: rows may then be sent in smaller batches.
"""

from datetime import datetime
from typing import Any

from hugflow.errors import FlowError, FlowMessageTooLarge, HugflowError
from hugflow.flows.flow import to_flow_error
from hugflow.flows.messages import FlowMessage
from hugflow.redact import in_a_line
from hugflow.serving import wire

TOO_LARGE = "too large"


def read_message(value: dict[str, Any]) -> FlowMessage:
    """A message from what `to_json` gave."""
    return FlowMessage(
        data=value["data"],
        message_id=value["message_id"],
        created_at=datetime.fromisoformat(value["created_at"]),
        src_flow=value["src_flow"],
        dst_flow=value["dst_flow"],
        user_id=value["user_id"],
        reply_to=value["reply_to"],
    )


def read_reply(data: bytes) -> FlowMessage:
    """The reply, or the FlowError that the flow's owner sent."""
    value = wire.decode(data)
    error = value.get("error")
    if error is not None:
        raise _to_error(error)
    return read_message(value["message"])


def call_reply(data: dict[str, Any]) -> dict[str, Any]:
    """The reply to a call that is not stored."""
    return {"data": data}


def read_call_reply(data: bytes) -> dict[str, Any]:
    """The data of a reply to a call, or the FlowError that the flow's owner sent."""
    try:
        value = wire.decode(data)
        error = value.get("error")
        if error is None and isinstance(value["data"], dict):
            return dict(value["data"])
        found = _to_error(error)
    except (AttributeError, LookupError, TypeError, ValueError) as problem:
        raise not_readable("a call", problem) from problem
    raise found


def not_readable(what: str, error: Exception) -> FlowError:
    """The error for a reply of an owner who speaks another language, or means harm."""
    return FlowError(
        f"the reply to {what} cannot be read",
        why=in_a_line(f"{type(error).__name__}: {error}"),
        mend="ask the flow's owner which version of hugflow runs it",
    )


def error_reply(name: str, error: BaseException) -> dict[str, Any]:
    """What a caller is told of an error; the traceback stays with the owner."""
    shown = error if isinstance(error, HugflowError) else to_flow_error(name, error)
    return {
        "error": {
            "what": in_a_line(shown.what, 2000),
            "why": in_a_line(shown.why, 2000),
            "mend": in_a_line(shown.mend, 2000),
            "kind": TOO_LARGE if isinstance(shown, FlowMessageTooLarge) else "",
        }
    }


def _to_error(error: dict[str, Any]) -> FlowError:
    kind = FlowMessageTooLarge if error.get("kind") == TOO_LARGE else FlowError
    return kind(error["what"], why=error["why"], mend=error["mend"])
