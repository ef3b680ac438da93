"""The open connections to GitHub and Slack, made from plain values."""

from collections.abc import Iterable
from dataclasses import field
from typing import TYPE_CHECKING, Self

from hugflow.late_dataclass import dataclass
from hugflow.notify.conversation import Service

if TYPE_CHECKING:
    from hugflow.clients.github import GitHub
    from hugflow.clients.slack import SlackBot, SlackWebhook


@dataclass(frozen=True, slots=True)
class Senders:
    """Open connections; None: nothing is sent to that service. secrets: never sent.

    Only one thread at a time may use them.
    """

    github: "GitHub | None" = None
    slack: "SlackBot | SlackWebhook | None" = None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        if self.github is not None:
            self.github.close()

    def of(self, service: Service) -> "GitHub | SlackBot | SlackWebhook | None":
        """The connection to a service."""
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
    """The connections that these values allow: GitHub by a token; Slack by a bot or a webhook.

    secrets: more values that must never be sent, such as the Hub's token; the tokens above are
        always included. The bot's token wins over the webhook.
    """
    # Imported here: their libraries take a tenth of a second, and most processes send nothing.
    from hugflow.clients.github import GitHub
    from hugflow.clients.slack import SlackBot, SlackWebhook

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
