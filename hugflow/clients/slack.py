"""Slack, by slack_sdk: a bot that keeps one message up to date, or a webhook that only posts.

slack_sdk's own retries are switched off. So is its log, which would show a webhook's address.
https://docs.slack.dev/reference/methods/chat.postMessage
"""

import logging
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from slack_sdk import WebClient, WebhookClient
from slack_sdk.errors import SlackApiError, SlackClientError

import requests
from hugflow.clients.retry_after import parse_retry_after_s
from hugflow.clients.services import UNSAID_LIMIT_S, ServiceRefused, ServiceUnavailable
from hugflow.late_dataclass import dataclass

TIMEOUT_S = 15
GONE_WORDS = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})

_PASSING_WORDS = frozenset(
    {"fatal_error", "internal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
)
_NOT_AUTHORISED = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"}
    | {"missing_scope", "no_permission", "invalid_token", "no_active_hooks"}
)
_MENDS = {
    "channel_not_found": "set SLACK_CHANNEL to a channel that the bot can see, and invite the bot",
    "not_in_channel": "invite the bot to SLACK_CHANNEL",
    "is_archived": "set SLACK_CHANNEL to a channel that is not archived",
    "channel_is_archived": "make a webhook for a channel that is not archived",
    "missing_scope": "give the app the scope chat:write, and install it again",
    "no_service": "set SLACK_WEBHOOK_URL to a webhook that exists",
}


@dataclass(frozen=True, slots=True)
class Posted:
    """The place of a message: the channel's id, which a change needs, and the message's name."""

    channel: str
    ts: str


class SlackBot:
    """A bot with a token, and the channel that it writes to."""

    def __init__(self, api_url: str, token: str, channel: str, *, timeout_s: int = TIMEOUT_S):
        """Set up; nothing is sent yet."""
        self.channel = channel
        self._client = WebClient(
            token, base_url=api_url, timeout=timeout_s, logger=_silent(), retry_handlers=[]
        )
        # slack_sdk takes a proxy from the environment but ignores NO_PROXY; urllib respects both.
        self._client.proxy = None

    def probe(self) -> None:
        """Raise the error that a post would raise now, if Slack is away or the token is bad."""
        try:
            self._call("auth.test", {})
        except ServiceUnavailable as error:
            error.may_have_happened = False
            raise

    def post(self, text: str, blocks: Sequence[Mapping[str, Any]]) -> Posted:
        """Post a message in the channel."""
        call = "chat.postMessage"
        return _read_posted(call, self._call(call, message(text, blocks, channel=self.channel)))

    def update(self, posted: Posted, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Change a message. https://docs.slack.dev/reference/methods/chat.update."""
        values = message(text, blocks, channel=posted.channel)
        self._call("chat.update", {**values, "ts": posted.ts})

    def _call(self, call: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            response = self._client.api_call(call, json=dict(values))
        except SlackApiError as error:
            answer = error.response
            word = str(answer.get("error") or "") if isinstance(answer.data, dict) else ""
            raise judge(call, answer.status_code, word, answer.headers) from error
        except (SlackClientError, OSError, HTTPException, ValueError) as error:
            raise _unanswered(call, error) from error
        return response.data if isinstance(response.data, dict) else {}


class SlackWebhook:
    """An incoming webhook. Its address is the secret, its channel is fixed, and it returns nothing.

    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    """

    def __init__(self, url: str, *, timeout_s: int = TIMEOUT_S) -> None:
        """Set up; nothing is sent yet."""
        self._host_url = "{0.scheme}://{0.netloc}/".format(urlsplit(url))
        self._timeout_s = timeout_s
        self._client = WebhookClient(url, timeout=timeout_s, logger=_silent(), retry_handlers=[])
        self._client.proxy = None

    def probe(self) -> None:
        """Raise ServiceUnavailable if Slack is away; does not call the webhook: that would post."""
        what = "Slack does not answer"
        try:
            answer = requests.get(self._host_url, timeout=self._timeout_s, allow_redirects=False)
        except (requests.RequestException, OSError) as error:
            raise ServiceUnavailable(what, why=type(error).__name__) from error
        if answer.status_code >= 500:
            raise ServiceUnavailable(what, why=f"it says {answer.status_code}")

    def post(self, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Post a message in the webhook's channel."""
        call = "a webhook"
        try:
            answer = self._client.send_dict(message(text, blocks))
        except (SlackClientError, OSError, HTTPException, ValueError) as error:
            raise _unanswered(call, error) from error
        if answer.status_code != 200 or answer.body != "ok":
            raise judge(call, answer.status_code, answer.body, answer.headers)


def message(
    text: str, blocks: Sequence[Mapping[str, Any]], *, channel: str | None = None
) -> dict[str, Any]:
    """A message in Slack's form, without previews of links."""
    where = {} if channel is None else {"channel": channel}
    return {
        **where,
        "text": text,
        "blocks": list(blocks),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def judge(
    call: str, status: int, word: str, headers: Mapping[str, str]
) -> ServiceUnavailable | ServiceRefused:
    """The error in an answer that is no success; word: Slack's own word for it."""
    lower = {name.lower(): value for name, value in headers.items()}
    if status == 429 or word in ("ratelimited", "rate_limited"):
        asked_s = parse_retry_after_s(str(lower.get("retry-after", "")), datetime.now(UTC))
        wait_s = UNSAID_LIMIT_S if asked_s is None else max(asked_s, 1.0)
        return ServiceUnavailable(f"Slack limits {call}", why=word or "429", wait_s=wait_s)
    is_word = len(word) <= 50 and word.replace("_", "").isalnum()
    if status >= 500 or word in _PASSING_WORDS or not is_word:
        why = f"it says {status} {word if is_word else 'and a page'}"
        what = f"Slack does not answer {call}"
        # An error with status 200 may have had an effect: Slack says so of its `fatal_error`, and
        # a proxy's page may say anything.
        return ServiceUnavailable(what, why=why, may_have_happened=status < 500)
    return ServiceRefused(
        f"Slack refuses {call}",
        why=f"it says {word}",
        mend=_MENDS.get(word, "https://docs.slack.dev/reference/methods explains it"),
        status=403 if word in _NOT_AUTHORISED else status,
        word=word,
    )


def _read_posted(call: str, answer: Mapping[str, Any]) -> Posted:
    channel, ts = answer.get("channel"), answer.get("ts")
    if not isinstance(channel, str) or not isinstance(ts, str):
        why = "its answer does not say where the message is"
        what = f"Slack does not answer {call}"
        raise ServiceUnavailable(what, why=why, may_have_happened=True)
    return Posted(channel, ts)


def _unanswered(call: str, error: Exception) -> ServiceUnavailable:
    """The error of a call without an answer; its own words may hold a webhook's address."""
    reason = error.reason if isinstance(error, URLError) else error
    # No server listened, or there is no such host: nothing can have happened.
    unsent = ConnectionRefusedError | TimeoutError | socket.gaierror
    is_unsent = isinstance(error, URLError) and isinstance(reason, unsent)
    return ServiceUnavailable(
        f"Slack does not answer {call}",
        why=type(reason).__name__,
        may_have_happened=not is_unsent,
    )


def _silent() -> logging.Logger:
    log = logging.getLogger("hugflow.clients.slack.sdk")
    log.setLevel(logging.CRITICAL + 1)
    return log
