"""A conversation: what one place has to be told about some requests, and what it was told so far.

The place is a pull request (on GitHub, or one message on Slack), or one dataset (on Slack only).
Everything here is a value; `outbox` keeps each conversation in a file.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import Literal

from pydantic import AwareDatetime

from hugflow.late_dataclass import dataclass
from hugflow.ledger.progress import Status
from hugflow.notify.notices import Notice, newest
from hugflow.requests.model import Kind
from hugflow.requests.problems import Problem

Service = Literal["github", "slack"]
# The state of all requests together; `planned`: some are not done, and none is being worked on.
Result = Literal["planned", "underway", "completed", "failed"]
ChecksBy = Literal["runs", "statuses", "nothing"]

GOOD: frozenset[Status] = frozenset({"completed", "removed"})
BAD: frozenset[Status] = frozenset({"failed", "incomplete", "interrupted"})


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request at one commit; url: its page, for people."""

    repository: str
    number: int
    head_sha: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What is planned for one dataset. None means unknown, except where a line says otherwise.

    hours: hours of audio.
    is_sampled: the hours are estimated from a sample.
    mp3_bytes: expected size of the MP3s.
    disk_bytes: the most disk space needed; 0 if the dataset is complete.
    digest: the digest that `sync --plan-digest` takes.
    made_files: files of the finished tree, and so inodes.
    quota_left_bytes: None if there is no quota.
    rate_floor_s: the least time that the Hub's rate limit allows.
    eta_s: expected time of encoding.
    """

    plan: str
    commit: str
    rows: int | None
    files: int
    source_bytes: int
    hours: float | None = None
    is_sampled: bool = False
    mp3_bytes: int | None = None
    disk_bytes: int | None = None
    licence: str | None = None
    is_gated: bool = False
    warnings: tuple[str, ...] = ()
    digest: str | None = None
    made_files: int | None = None
    quota_left_bytes: int | None = None
    rate_floor_s: int = 0
    eta_s: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One request file and the state of its dataset.

    dataset, hf_id: None if the file cannot be read.
    request: digest of the request; notices made for another digest are ignored.
    problems: why the request is refused.
    remarks: what is odd about the request, one line each.
    goes: what a removal would delete, one line each.
    notice: the latest notice known here.
    publish_to: where the finished dataset is sent to; None if nowhere.
    is_idle: the request needs no work; the remarks say why.
    """

    path: str
    kind: Kind = "add"
    dataset: str | None = None
    hf_id: str | None = None
    request: str | None = None
    facts: PlanFacts | None = None
    problems: tuple[Problem, ...] = ()
    remarks: tuple[str, ...] = ()
    goes: tuple[str, ...] = ()
    notice: Notice | None = None
    is_idle: bool = False
    publish_to: str | None = None

    @property
    def state(self) -> Status:
        """The state word of the request."""
        if self.problems:
            return "failed"
        if self.notice is not None:
            return self.notice.state
        return "planned" if self.facts is not None else "pending"

    def takes(self, notice: Notice) -> bool:
        """Whether a notice is about this request."""
        return notice.name == self.dataset and (
            None in (self.request, notice.request) or self.request == notice.request
        )


@dataclass(frozen=True, slots=True)
class CheckTold:
    """A check run as it was last sent.

    number: its position among the check runs of this pull request.
    is_over: the check run has its conclusion; if work starts again, a new one is made.
    """

    id: int
    head_sha: str
    number: int
    digest: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class ToldOnGitHub:
    """What was sent to a pull request.

    comment: id of the living comment.
    digest: digest of the comment's text.
    shape: digest of the states; a change of it is sent at once.
    asked_at: when the comment was requested, while it is unknown whether GitHub made it.
    was_recreated: a person deleted the comment, and it was made again.
    is_unwanted: a person deleted the comment a second time.
    outcomes: marks of the outcome comments that were sent.
    outcome_asked_at: like asked_at, for an outcome comment.
    checks_by: which kind of check the token may set.
    """

    comment: int | None = None
    digest: str | None = None
    shape: str | None = None
    told_at: AwareDatetime | None = None
    asked_at: AwareDatetime | None = None
    was_recreated: bool = False
    is_unwanted: bool = False
    outcomes: tuple[str, ...] = ()
    outcome_asked_at: AwareDatetime | None = None
    checks_by: ChecksBy = "runs"
    check: CheckTold | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class ToldOnSlack:
    """What was sent to Slack.

    channel, ts: where the bot's message is.
    digest, shape, told_at: as on GitHub.
    taken: digest of a first message that was handed to Slack; it is never sent twice, even if it is
        unknown whether it arrived.
    was_recreated, is_unwanted: as on GitHub.
    events: events handed to a webhook, by path of the request, latest last; they are never sent
        twice either.
    """

    channel: str | None = None
    ts: str | None = None
    digest: str | None = None
    shape: str | None = None
    told_at: AwareDatetime | None = None
    taken: str | None = None
    was_recreated: bool = False
    is_unwanted: bool = False
    events: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Result of the last attempt to deliver.

    not_before: earliest time of the next attempt.
    is_asked: the service itself asked for this wait.
    refused_of: the conversation's changed_at at a refusal; a person has to fix the cause.
    failures: number of failures in a row.
    trouble: what went wrong, in one line.
    """

    not_before: AwareDatetime | None = None
    is_asked: bool = False
    refused_of: AwareDatetime | None = None
    failures: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What has to be told in one place, and what was told there; `outbox` shows the file.

    pull: None if the conversation is about one dataset.
    details_url: page with more details.
    is_finished: nothing more will happen; the lines show the result.
    is_ending: the conversation finishes as soon as no process works on its datasets.
    delivered_at: when everything in a finished conversation had been sent.
    """

    key: str
    service: Service
    pull: PullRequest | None
    lines: tuple[Line, ...]
    opened_at: AwareDatetime
    changed_at: AwareDatetime
    details_url: str | None = None
    is_finished: bool = False
    is_ending: bool = False
    github: ToldOnGitHub = field(default_factory=ToldOnGitHub)
    slack: ToldOnSlack = field(default_factory=ToldOnSlack)
    attempt: Attempt = field(default_factory=Attempt)
    delivered_at: AwareDatetime | None = None

    @property
    def result(self) -> Result:
        """The state of all lines that count."""
        return result_of(filter(self.counts, self.lines))

    def counts(self, line: Line) -> bool:
        """Whether the result depends on this line.

        A line that needs no work does not count. In a finished conversation, a removal that comes
        after the merge does not count either.
        """
        is_later = line.is_idle or (self.is_finished and line.kind == "remove")
        return not is_later or line.state not in ("pending", "planned")

    @property
    def datasets(self) -> frozenset[str]:
        """Names of the datasets in this conversation."""
        return frozenset(line.dataset for line in self.lines if line.dataset is not None)


def pull_key(service: Service, repository: str, number: int) -> str:
    """The key of a pull request's conversation; GitHub ignores case in names."""
    return _key(service, f"{repository.lower()}-{number}")


def dataset_key(service: Service, name: str) -> str:
    """The key of a dataset's conversation."""
    return _key(service, name)


def result_of(lines: Iterable[Line]) -> Result:
    """The state of all requests together."""
    states = {line.state for line in lines}
    if "downloading" in states:
        return "underway"
    if states & BAD:
        return "failed"
    return "completed" if states and states <= GOOD else "planned"


def refresh(conversation: Conversation, notices: Mapping[str, Notice]) -> Conversation:
    """The conversation with the latest notice of each dataset; notices: by dataset name.

    A finished conversation stays as it is.
    """
    if conversation.is_finished:
        return conversation
    lines = tuple(_refresh_line(line, notices) for line in conversation.lines)
    return replace(conversation, lines=lines)


def _refresh_line(line: Line, notices: Mapping[str, Notice]) -> Line:
    found = notices.get(line.dataset or "")
    if found is None or not line.takes(found):
        return line
    return replace(line, notice=newest(line.notice, found))


def _key(service: Service, what: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9._-]", "-", what)[:150]
    digest = hashlib.sha256(f"{service} {what}".encode()).hexdigest()
    return f"{service}-{safe}-{digest[:8]}"
