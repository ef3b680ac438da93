"""One attempt at telling a conversation: what is to be told, how hurriedly, and what is kept of it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hugflow.notify.conversation import Conversation, ToldOnGitHub, ToldOnSlack
from hugflow.notify.outbox import change_conversation
from hugflow.redact import redact
from hugflow.store.layout import Places

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class TellingPace:
    """How patiently things are told, all in seconds.

    spacing_s: the least between two edits that tell of progress alone. settle_s: when a message was
    to be made and nobody knows whether it was, how long it may still come to stand. An outage is
    waited out from first_wait_s on, each time twice as long, up to longest_wait_s; a refusal, which
    a person has to mend, from refused_wait_s on, up to longest_refused_wait_s.
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
    """The rest cannot be told before `until`; `why` in words."""

    def __init__(self, until: datetime, why: str) -> None:
        """Keep both."""
        super().__init__(why)
        self.until = until
        self.why = why


@dataclass(slots=True)
class Telling:
    """What one attempt knows; the conversation is as it is to be told, without secrets.

    is_hurried: progress is told at once. is_over: whether nothing is to be begun any more.
    """

    places: Places
    conversation: Conversation
    pace: TellingPace
    clock: Clock = utc_now
    secrets: tuple[str, ...] = ()
    is_hurried: bool = False
    is_over: Callable[[], bool] = lambda: False

    def clean(self, text: str) -> str:
        """The text as it may leave."""
        return redact(text, self.secrets)

    def keep(self, **told: Any) -> None:
        """Remember on the disk what was told on this conversation's service; before all else."""
        if self.conversation.service == "github":
            self._keep_github(replace(self.conversation.github, **told))
        else:
            self._keep_slack(replace(self.conversation.slack, **told))

    def check_time(self) -> None:
        """Raise NotYet when nothing is to be begun any more."""
        if self.is_over():
            raise NotYet(self.clock(), "the time for it was over")

    def check_settled(self, asked_at: datetime | None) -> None:
        """Raise NotYet while something that was asked for may still come to stand."""
        if asked_at is not None:
            until = asked_at + timedelta(seconds=self.pace.settle_s)
            if self.clock() < until:
                raise NotYet(until, "it is not known yet whether a comment was made")

    def spaced_until(self, told_at: datetime | None, *, is_routine: bool) -> datetime | None:
        """When the next change may be told; None for now."""
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
    """What tells one text from another."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def shape(conversation: Conversation) -> str:
    """What tells a change that is told at once from mere progress: the states, and the end."""
    states = [(line.path, line.state, bool(line.problems)) for line in conversation.lines]
    head = conversation.pull.head_sha if conversation.pull is not None else None
    return digest(states, head, conversation.is_finished)
