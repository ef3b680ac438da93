"""Errors as Slack words them.

A method of the Web API answers 200 with `{"ok": false, "error": "channel_not_found"}`; only the rate
limit has its own status, 429. A webhook answers in plain text, and with a status:
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from collections.abc import Mapping
from typing import Any

from hugflow.testing.exchange import Refusal, Response, answer_json

PLAIN = {"Content-Type": "text/html; charset=utf-8"}


class SlackRefusal(Refusal):
    """A method is answered with an error; more: other values of the answer, such as `needed`."""

    def __init__(self, word: str, *, status: int = 200, more: Mapping[str, Any] | None = None):
        """Keep the parts."""
        super().__init__(status, word)
        self.more = more or {}

    def to_answer(self) -> Response:
        """The refusal as the client gets it."""
        value = {"ok": False, "error": self.message, **self.more}
        return answer_json(value, status=self.status, headers=self.headers)


class WebhookRefusal(Refusal):
    """A webhook is answered with an error."""

    def to_answer(self) -> Response:
        """The refusal as the client gets it."""
        return Response(self.status, {**PLAIN, **self.headers}, self.message.encode())
