"""A local Slack on 127.0.0.1, which slack_sdk accepts instead of slack.com.

    with LoopbackSlack() as slack:
        slack.add_channel("ml-datasets")
        slack.add_bot("xoxb-made-up", "hugflow")
        WebClient("xoxb-made-up", base_url=slack.api_url).chat_postMessage(
            channel="#ml-datasets", text="Hello"
        )
        WebhookClient(slack.add_webhook("ml-datasets")).send(text="Hello")
        one, other = slack.messages("ml-datasets")

It can be told to fail, before or after the requested effect:

    slack.inject(Status(429, retry_after_s=1), when=Match(path="*/chat.postMessage"))
    slack.inject(Status(200, error_code="fatal_error"), with_effect=True)

Its answers are in `slack_api`; pytest has the fixture `loopback_slack`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from hugflow.testing.exchange import Ask, Port, Refusal
from hugflow.testing.slack_api.call import find_token, read_values
from hugflow.testing.slack_api.holdings import SCOPES, TEAM_ID, Bot, Channel, Holdings, Message
from hugflow.testing.slack_api.methods import answer_slack
from hugflow.testing.slack_api.webhooks import AUTHOR
from hugflow.testing.stand_in import Finding, StandIn

# services, team, app, and the secret itself
WEBHOOK_PARTS = 4


class LoopbackSlack(StandIn):
    """A Slack on a free port of 127.0.0.1, open as long as the `with` block is.

    Its content may change while it is open, from any thread. `port` asks for a fixed port. A
    channel is given by its name, with or without #, or by its id; an unknown one raises KeyError.
    """

    def __init__(self, *, port: int = 0) -> None:
        """Set up an empty Slack; nothing listens before the `with` block is entered."""
        super().__init__({"slack": port})
        self._held = Holdings()
        self._url = ""

    @property
    def api_url(self) -> str:
        """The address to give a client as `base_url` or `SLACK_API_URL`."""
        return f"{self._url}/api"

    def add_bot(self, token: str, name: str, *, scopes: Iterable[str] = SCOPES) -> None:
        """Add a token for a bot; an existing token is replaced. Use names like `xoxb-made-up`."""
        with self._lock:
            number = len(self._held.bots) + 1
            bot = Bot(name, f"U{number:07}", f"B{number:07}", frozenset(scopes))
            self._held = replace(self._held, bots={**self._held.bots, token: bot})

    def remove_bot(self, token: str) -> None:
        """Revoke a token: requests with it are refused."""
        with self._lock:
            kept = {each: bot for each, bot in self._held.bots.items() if each != token}
            self._held = replace(self._held, bots=kept)

    def add_channel(
        self,
        name: str,
        *,
        is_private: bool = False,
        is_archived: bool = False,
        members: Iterable[str] | None = None,
    ) -> str:
        """Make or change a channel; returns its id. members: bots; None for every one."""
        name = name.removeprefix("#")
        held_members = None if members is None else frozenset(members)
        with self._lock:
            found = self._held.find_channel(name)
            channel_id = found.id if found else f"C{len(self._held.channels) + 1:07}"
            channel = Channel(channel_id, name, is_private, is_archived, held_members)
            channels = {**self._held.channels, channel_id: channel}
            self._held = replace(self._held, channels=channels)
        return channel_id

    def add_webhook(self, channel: str) -> str:
        """Make an incoming webhook for a channel; returns its address, which is the secret."""
        with self._lock:
            number = len(self._held.webhooks) + 1
            path = f"/services/{TEAM_ID}/B{number:07}/made-up-{number}"
            target = self._find(channel).id
            self._held = replace(self._held, webhooks={**self._held.webhooks, path: target})
        return self._url + path

    def remove_webhook(self, address: str) -> None:
        """Delete a webhook: posts to it are refused."""
        path = address.removeprefix(self._url)
        with self._lock:
            kept = {each: channel for each, channel in self._held.webhooks.items() if each != path}
            self._held = replace(self._held, webhooks=kept)

    def messages(self, channel: str) -> tuple[Message, ...]:
        """The present messages of a channel, the oldest first."""
        with self._lock:
            wanted = self._find(channel).id
            return tuple(each for each in self._held.messages.values() if each.channel == wanted)

    @property
    def verbs(self) -> Mapping[str, Callable[..., Any]]:
        """The verbs for other processes: the actions of an administrator."""
        return {
            "add_bot": self.add_bot,
            "remove_bot": self.remove_bot,
            "add_channel": self.add_channel,
            "add_webhook": self.add_webhook,
            "remove_webhook": self.remove_webhook,
        }

    def describe(self) -> dict[str, Any]:
        """Every channel's messages, by the channel's name."""
        with self._lock:
            held = self._held
        return {
            channel.name: {
                "id": channel.id,
                "messages": [
                    asdict(each) for each in held.messages.values() if each.channel == channel.id
                ],
            }
            for channel in held.channels.values()
        }

    def _find(self, channel: str) -> Channel:
        found = self._held.find_channel(channel)
        if found is None:
            raise KeyError(channel)
        return found

    def _note_urls(self, urls: Mapping[Port, str]) -> None:
        self._url = urls["slack"]

    def _find_answer(self, ask: Ask) -> Finding:
        held = self._held
        answer, after = answer_slack(held, ask)
        token = _read_token(ask)
        bot = held.bots.get(token or "")
        secrets = {each: bot.name for each, bot in held.bots.items()}
        secrets |= {path.rpartition("/")[2]: AUTHOR for path in held.webhooks}
        user = bot.name if bot else None
        if ask.segments[0] == "services" and len(ask.segments) == WEBHOOK_PARTS:
            secrets.setdefault(ask.segments[-1], "somebody")
            user = AUTHOR if ask.path in held.webhooks else None
        if token is not None:
            secrets.setdefault(token, "somebody")
        return Finding(answer, settle=lambda: self._settle(after), user=user, secrets=secrets)

    def _settle(self, held: Holdings) -> None:
        self._held = held

    def _forget(self) -> None:
        self._held = Holdings()


def _read_token(ask: Ask) -> str | None:
    try:
        return find_token(ask, read_values(ask))
    except Refusal:
        return ask.token
