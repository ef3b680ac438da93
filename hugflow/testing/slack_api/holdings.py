"""The content of the loopback Slack as values: a change is a new value, and can be dropped."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from hugflow.late_dataclass import dataclass

TEAM = "Acme"
TEAM_ID = "T0000001"
# The scopes of a bot that posts and looks for its channel.
SCOPES = frozenset({"chat:write", "channels:read", "groups:read"})


@dataclass(frozen=True, slots=True)
class Bot:
    """The owner of a token, and what it may do."""

    name: str
    user_id: str
    bot_id: str
    scopes: frozenset[str] = SCOPES


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel. members: names of bots; None for every one."""

    id: str
    name: str
    is_private: bool = False
    is_archived: bool = False
    members: frozenset[str] | None = None

    def has(self, bot: Bot) -> bool:
        """Whether the bot is in it."""
        return self.members is None or bot.name in self.members


@dataclass(frozen=True, slots=True)
class Message:
    """A message.

    ts: its name within its channel.
    author: the bot, or "incoming-webhook".
    edited_ts: when it was last changed; None if never.
    more: other values that were sent with it, such as `blocks`.
    """

    channel: str
    ts: str
    author: str
    text: str
    thread_ts: str | None = None
    edited_ts: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holdings:
    """The content of a loopback Slack: webhooks by path, messages by channel and ts."""

    bots: Mapping[str, Bot] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    webhooks: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[tuple[str, str], Message] = field(default_factory=dict)
    next_number: int = 1

    def find_channel(self, named: str) -> Channel | None:
        """The channel with an id or a name, with or without #."""
        name = named.removeprefix("#")
        for channel in self.channels.values():
            if named == channel.id or name == channel.name:
                return channel
        return None
