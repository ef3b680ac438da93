"""Whom things are told through: made from plain values, which only a shell reads from settings."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from hugflow.clients.github import GitHub
from hugflow.clients.slack import SlackBot, SlackWebhook
from hugflow.notify.conversation import Service


@dataclass(frozen=True, slots=True)
class Senders:
    """Open connections; None: nothing is told there. secrets: what never leaves.

    One thread at a time tells through them.
    """

    github: GitHub | None = None
    slack: SlackBot | SlackWebhook | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        if self.github is not None:
            self.github.close()

    def of(self, service: Service) -> GitHub | SlackBot | SlackWebhook | None:
        """The one for a service."""
        return self.github if service == "github" else self.slack


def open_senders(
    *,
    github_api_url: str = "https://api.github.com",
    github_token: str | None = None,
    slack_api_url: str = "https://slack.com/api",
    slack_bot_token: str | None = None,
    slack_channel: str = "#ml-datasets",
    slack_webhook_url: str | None = None,
    secrets: Iterable[str | None] = (),
) -> Senders:
    """Whom these values let speak: GitHub with a token; Slack with a bot's token, else a webhook.

    secrets: others that must not be told, such as the Hub's token; those above are never told.
    """
    slack: SlackBot | SlackWebhook | None = None
    if slack_bot_token:
        slack = SlackBot(slack_api_url, slack_bot_token, slack_channel)
    elif slack_webhook_url:
        slack = SlackWebhook(slack_webhook_url)
    known = (github_token, slack_bot_token, slack_webhook_url, *secrets)
    return Senders(
        github=GitHub(github_api_url, github_token) if github_token else None,
        slack=slack,
        secrets=tuple(secret for secret in known if secret),
    )
