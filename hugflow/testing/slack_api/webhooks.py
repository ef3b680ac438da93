"""Incoming webhooks: an address whose path is the secret, and which answers in plain text.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import json
from typing import Any
from urllib.parse import parse_qs

from hugflow.testing.exchange import Ask, Response
from hugflow.testing.slack_api.call import Call
from hugflow.testing.slack_api.holdings import Message
from hugflow.testing.slack_api.messages import read_content
from hugflow.testing.slack_api.refusal import PLAIN, SlackRefusal, WebhookRefusal

AUTHOR = "incoming-webhook"


def post_webhook(call: Call) -> Response:
    """Post a message to the webhook's channel."""
    if call.ask.method != "POST":
        raise WebhookRefusal(405, "method_not_allowed")
    channel = call.held.channels.get(call.held.webhooks.get(call.ask.path, ""))
    if channel is None:
        raise WebhookRefusal(404, "no_service")
    if channel.is_archived:
        raise WebhookRefusal(410, "channel_is_archived")
    try:
        text, more = read_content(_read_payload(call.ask))
    except SlackRefusal as refusal:
        raise WebhookRefusal(400, refusal.message) from refusal
    call.keep(Message(channel.id, call.take_ts(), AUTHOR, text, more=more))
    return Response(200, PLAIN, b"ok")


def _read_payload(ask: Ask) -> dict[str, Any]:
    """The object in the body, or in a form's field `payload`."""
    text = ask.body.decode(errors="replace")
    if "form-urlencoded" in ask.headers.get("content-type", ""):
        text = "".join(parse_qs(text).get("payload", []))
    try:
        value = json.loads(text)
    except ValueError as error:
        raise WebhookRefusal(400, "invalid_payload") from error
    if not isinstance(value, dict):
        raise WebhookRefusal(400, "invalid_payload")
    return value
