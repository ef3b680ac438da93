"""What a message and a reply look like on their way; `wire` makes bytes of them.

A reply is {"message": {...}} or {"error": {"what": ..., "why": ..., "mend": ...}}.
"""

from datetime import datetime
from typing import Any

from hugflow.errors import FlowError, HugflowError
from hugflow.flows.flow import to_flow_error
from hugflow.flows.messages import FlowMessage
from hugflow.redact import in_a_line
from hugflow.serving import wire


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
        raise FlowError(error["what"], why=error["why"], mend=error["mend"])
    return read_message(value["message"])


def error_reply(name: str, error: BaseException) -> dict[str, Any]:
    """What a caller is told of an error; the traceback stays with the owner."""
    shown = error if isinstance(error, HugflowError) else to_flow_error(name, error)
    return {
        "error": {
            "what": in_a_line(shown.what, 2000),
            "why": in_a_line(shown.why, 2000),
            "mend": in_a_line(shown.mend, 2000),
        }
    }
