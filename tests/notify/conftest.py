"""A pull request and a channel, a clock that is set by hand, and whoever tells there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from hugflow.clients.github import GitHub
from hugflow.clients.slack import SlackBot, SlackWebhook
from hugflow.notify.conversation import Conversation, Line, PullRequest, Service
from hugflow.notify.deliver import Delivery, deliver
from hugflow.notify.notices import Notice, write_notice
from hugflow.notify.outbox import finish_conversation, open_conversation, read_conversation
from hugflow.notify.senders import Senders
from hugflow.notify.telling import TellingPace
from hugflow.store.layout import Places
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.slack import LoopbackSlack
from tests.notify.conversations import NOON, line, notice
from tests.testing.githubs import REPO, TOKEN, fill

BOT_TOKEN = "xoxb-made-up"
CHANNEL = "ml-datasets"


@dataclass
class Watch:
    """A clock that stands still until somebody moves it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Teller:
    """Whoever tells of requests in one place, from an outbox, with everything that it needs."""

    places: Places
    senders: Senders
    service: Service
    pull: PullRequest | None
    watch: Watch = field(default_factory=Watch)
    pace: TellingPace = field(default_factory=TellingPace)
    key: str = ""

    def open(self, *lines: Line, **fields: Any) -> "Teller":
        """Begin a conversation about these requests."""
        found = open_conversation(
            self.places, self.service, lines, self.watch(), pull=self.pull, **fields
        )
        self.key = found or self.key
        return self

    def see(self, state: Any, name: str = "acme__speech", **fields: Any) -> Notice:
        """Let a dataset leave a notice, a second later."""
        self.watch.advance(1)
        found = notice(state, name, at=self.watch(), **fields)
        write_notice(self.places, found)
        return found

    def finish(self) -> None:
        """Let the conversation end."""
        self.watch.advance(1)
        finish_conversation(self.places, self.key, self.watch())

    def tell(self, after_s: float = 60.0, **options: Any) -> Delivery:
        """Deliver, after a while."""
        self.watch.advance(after_s)
        return deliver(
            self.places, self.key, self.senders, pace=self.pace, clock=self.watch, **options
        )

    @property
    def conversation(self) -> Conversation:
        """What lies in the outbox."""
        found = read_conversation(self.places, self.key)
        assert found is not None
        return found


@pytest.fixture
def github(github: LoopbackGitHub) -> LoopbackGitHub:
    """A GitHub with nothing on it but one pull request, number 1."""
    assert fill(github) == 1
    return github


@pytest.fixture
def slack(slack: LoopbackSlack) -> LoopbackSlack:
    """A Slack with a bot and a channel."""
    slack.add_bot(BOT_TOKEN, "hugflow")
    slack.add_channel(CHANNEL)
    return slack


def pull_of(github: LoopbackGitHub) -> PullRequest:
    """The pull request at the commit that it has now."""
    return PullRequest(REPO, 1, github.pull(REPO, 1).head_sha)


@pytest.fixture
def person(github: LoopbackGitHub, places: Places) -> Iterator[Teller]:
    """Whoever tells on the pull request with a person's token."""
    with GitHub(github.api_url, TOKEN, timeout_s=1) as client:
        yield Teller(places, Senders(github=client), "github", pull_of(github))


@pytest.fixture
def workflow(github: LoopbackGitHub, places: Places) -> Iterator[Teller]:
    """Whoever tells on the pull request with a workflow's token."""
    with GitHub(github.api_url, "ghs_made_up", timeout_s=1) as client:
        yield Teller(places, Senders(github=client), "github", pull_of(github))


@pytest.fixture
def bot(slack: LoopbackSlack, places: Places) -> Teller:
    """Whoever tells on Slack as a bot, of a dataset by itself."""
    client = SlackBot(slack.api_url, BOT_TOKEN, f"#{CHANNEL}", timeout_s=1)
    return Teller(places, Senders(slack=client), "slack", None)


@pytest.fixture
def webhook(slack: LoopbackSlack, places: Places) -> Teller:
    """Whoever tells on Slack by a webhook, of a dataset by itself."""
    client = SlackWebhook(slack.add_webhook(CHANNEL), timeout_s=1)
    return Teller(places, Senders(slack=client), "slack", None)


def lines(*names: str) -> list[Line]:
    """Planned requests of these names."""
    return [line(None, name) for name in names]
