"""One parsed call of a method: its user and its arguments."""

import json
from dataclasses import field, replace
from typing import Any
from urllib.parse import parse_qsl

from hugflow.late_dataclass import dataclass
from hugflow.testing.exchange import Ask
from hugflow.testing.slack_api.holdings import Bot, Channel, Holdings, Message
from hugflow.testing.slack_api.refusal import SlackRefusal


@dataclass(slots=True)
class Call:
    """A call being handled; its changes take effect only when `held` is adopted.

    values: the arguments, from the query, a form or JSON.
    """

    held: Holdings
    ask: Ask
    values: dict[str, Any] = field(default_factory=dict)

    def demand_bot(self, *scopes: str) -> Bot:
        """The token's owner; refused if the token is unknown, or may not do this.

        scopes: one of them is enough.
        """
        token = find_token(self.ask, self.values)
        if token is None:
            raise SlackRefusal("not_authed")
        bot = self.held.bots.get(token)
        if bot is None:
            raise SlackRefusal("invalid_auth")
        if scopes and bot.scopes.isdisjoint(scopes):
            granted = ",".join(sorted(bot.scopes))
            raise SlackRefusal("missing_scope", more={"needed": scopes[0], "provided": granted})
        return bot

    def demand_channel(self, channel: Channel | None, bot: Bot) -> Channel:
        """The channel; refused if the bot may not write to it."""
        if channel is None or (channel.is_private and not channel.has(bot)):
            raise SlackRefusal("channel_not_found")
        if channel.is_archived:
            raise SlackRefusal("is_archived")
        if not channel.has(bot) and "chat:write.public" not in bot.scopes:
            raise SlackRefusal("not_in_channel")
        return channel

    def take_ts(self) -> str:
        """An unused name for a message: the time, and a unique number."""
        number = self.held.next_number
        self.held = replace(self.held, next_number=number + 1)
        return f"{int(self.ask.received_at)}.{number:06}"

    def keep(self, message: Message) -> None:
        """Add or replace a message."""
        messages = {**self.held.messages, (message.channel, message.ts): message}
        self.held = replace(self.held, messages=messages)


def read_values(ask: Ask) -> dict[str, Any]:
    """The arguments of a call.

    Raises SlackRefusal when the body is declared as JSON and is not JSON.
    """
    values: dict[str, Any] = dict(parse_qsl(ask.query))
    body = ask.body.decode(errors="replace")
    if "json" in ask.headers.get("content-type", ""):
        try:
            sent = json.loads(body or "{}")
        except ValueError as error:
            raise SlackRefusal("invalid_json") from error
        if not isinstance(sent, dict):
            raise SlackRefusal("json_not_object")
        return values | sent
    return values | dict(parse_qsl(body))


def find_token(ask: Ask, values: dict[str, Any]) -> str | None:
    """The call's token: in a header or, the old way, among the arguments."""
    shown = ask.token or values.get("token")
    return str(shown) if shown else None
