"""One attempt to send a conversation: what to send, how soon, and what to keep of it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hugflow.late_dataclass import dataclass
from hugflow.notify.conversation import Conversation, ToldOnGitHub, ToldOnSlack
from hugflow.notify.outbox import change_conversation
from hugflow.redact import redact
from hugflow.store.layout import Places

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class TellingPace:
    """Waiting times of delivery, in seconds.

    spacing_s: least time between two edits that only show progress.
    settle_s: how long a comment may still appear after a request without an answer.
    first_wait_s: first wait after an outage; doubled each time.
    longest_wait_s: longest wait after an outage.
    refused_wait_s: first wait after a refusal, whose cause a person has to fix; doubled each time.
    longest_refused_wait_s: longest wait after a refusal.
    """

    spacing_s: float = 10.0
    settle_s: float = 20.0
    first_wait_s: float = 2.0
    longest_wait_s: float = 300.0
    refused_wait_s: float = 300.0
    longest_refused_wait_s: float = 6 * 3600.0

    def wait_s(self, failures: int, *, is_refused: bool) -> float:
        """How long to wait after so many failures in a row."""
        first, longest = self.first_wait_s, self.longest_wait_s
        if is_refused:
            first, longest = self.refused_wait_s, self.longest_refused_wait_s
        return float(min(first * 2 ** min(failures - 1, 30), longest))


class NotYet(Exception):
    """The rest cannot be sent before `until`; why: the reason in words."""

    def __init__(self, until: datetime, why: str) -> None:
        """Keep both."""
        super().__init__(why)
        self.until = until
        self.why = why


@dataclass(slots=True)
class Telling:
    """One attempt; the conversation is the one to send, without secrets.

    is_hurried: send progress at once.
    is_over: returns True if nothing more may be sent.
    """

    places: Places
    conversation: Conversation
    pace: TellingPace
    clock: Clock = utc_now
    secrets: tuple[str, ...] = ()
    is_hurried: bool = False
    is_over: Callable[[], bool] = lambda: False

    def clean(self, text: str) -> str:
        """The text without secrets."""
        return redact(text, self.secrets)

    def keep(self, **told: Any) -> None:
        """Write to disk what was sent; call it before anything else happens."""
        if self.conversation.service == "github":
            self._keep_github(replace(self.conversation.github, **told))
        else:
            self._keep_slack(replace(self.conversation.slack, **told))

    def check_time(self) -> None:
        """Raise NotYet if nothing more may be sent."""
        if self.is_over():
            raise NotYet(self.clock(), "the time for it was over")

    def check_settled(self, asked_at: datetime | None) -> None:
        """Raise NotYet while a comment that was requested may still appear."""
        if asked_at is not None:
            until = asked_at + timedelta(seconds=self.pace.settle_s)
            if self.clock() < until:
                raise NotYet(until, "it is not known yet whether a comment was made")

    def spaced_until(self, told_at: datetime | None, *, is_routine: bool) -> datetime | None:
        """When the next change may be sent; None means now."""
        if self.is_hurried or not is_routine or told_at is None:
            return None
        until = told_at + timedelta(seconds=self.pace.spacing_s)
        return until if self.clock() < until else None

    def _keep_github(self, told: ToldOnGitHub) -> None:
        self._change(lambda old: replace(old, github=told))
        self.conversation = replace(self.conversation, github=told)

    def _keep_slack(self, told: ToldOnSlack) -> None:
        self._change(lambda old: replace(old, slack=told))
        self.conversation = replace(self.conversation, slack=told)

    def _change(self, change: Callable[[Conversation], Conversation]) -> None:
        change_conversation(
            self.places,
            self.conversation.key,
            lambda old: None if old is None else change(old),
        )


def digest(*parts: object) -> str:
    """Digest of some values: equal values have equal digests."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def shape(conversation: Conversation) -> str:
    """Digest of what is sent at once: the states and the end, not mere progress."""
    states = [(line.path, line.state, bool(line.problems)) for line in conversation.lines]
    head = conversation.pull.head_sha if conversation.pull is not None else None
    return digest(states, head, conversation.is_finished)
