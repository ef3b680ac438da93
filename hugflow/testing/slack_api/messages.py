"""Posting and changing messages.

https://docs.slack.dev/reference/methods/chat.postMessage and chat.update
"""

from dataclasses import replace
from typing import Any

from hugflow.testing.exchange import Response, answer_json
from hugflow.testing.slack_api.call import Call
from hugflow.testing.slack_api.holdings import Bot, Message
from hugflow.testing.slack_api.refusal import SlackRefusal

LONGEST_TEXT = 40_000
CONTENT = ("blocks", "attachments", "metadata")


def post_message(call: Call) -> Response:
    """Post a message to a channel, given by its name or its id."""
    bot = call.demand_bot("chat:write")
    found = call.held.find_channel(str(call.values.get("channel", "")))
    channel = call.demand_channel(found, bot)
    text, more = read_content(call.values)
    thread_ts = call.values.get("thread_ts")
    message = Message(channel.id, call.take_ts(), bot.name, text, thread_ts, more=more)
    call.keep(message)
    return _answer(message, {"message": render_message(message, bot)})


def update_message(call: Call) -> Response:
    """Change a message. The channel must be given by its id, and only the author may."""
    bot = call.demand_bot("chat:write")
    named = str(call.values.get("channel", ""))
    channel = call.demand_channel(call.held.channels.get(named), bot)
    message = call.held.messages.get((channel.id, str(call.values.get("ts", ""))))
    if message is None:
        raise SlackRefusal("message_not_found")
    if message.author != bot.name:
        raise SlackRefusal("cant_update_message")
    text, more = read_content(call.values)
    edited = replace(message, text=text, more=more, edited_ts=call.take_ts())
    call.keep(edited)
    return _answer(edited, {"text": text, "message": render_message(edited, bot)})


def read_content(values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text of a message, and its other values."""
    text = str(values.get("text") or "")
    more = {name: values[name] for name in CONTENT if values.get(name)}
    if not text and not more:
        raise SlackRefusal("no_text")
    if len(text) > LONGEST_TEXT:
        raise SlackRefusal("msg_too_long")
    return text, more


def render_message(message: Message, bot: Bot | None) -> dict[str, Any]:
    """A message in Slack's shape."""
    rendered: dict[str, Any] = {"type": "message", "ts": message.ts, "text": message.text}
    if bot is not None:
        rendered |= {"user": bot.user_id, "bot_id": bot.bot_id}
    if message.thread_ts:
        rendered["thread_ts"] = message.thread_ts
    if message.edited_ts:
        rendered["edited"] = {"user": rendered.get("user"), "ts": message.edited_ts}
    return rendered | dict(message.more)


def _answer(message: Message, rest: dict[str, Any]) -> Response:
    return answer_json({"ok": True, "channel": message.channel, "ts": message.ts, **rest})
