"""A conversation: what is to be told of some requests in one place, and what was told there.

The place is a pull request, on GitHub or as one message on Slack, or a dataset by itself, on Slack
alone. Everything here is a value; `outbox` keeps them as files, one a conversation.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import AwareDatetime

from hugflow.ledger.progress import Status
from hugflow.notify.notices import Notice, newest
from hugflow.requests.model import Kind
from hugflow.requests.problems import Problem

Service = Literal["github", "slack"]
# How it stands with all requests together; `planned`: some are neither done nor at work.
Result = Literal["planned", "underway", "completed", "failed"]
ChecksBy = Literal["runs", "statuses", "nothing"]

GOOD: frozenset[Status] = frozenset({"completed", "removed"})
BAD: frozenset[Status] = frozenset({"failed", "incomplete", "interrupted"})


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request and the commit that is spoken of; url: its page, for people."""

    repository: str
    number: int
    head_sha: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What is planned for one dataset.

    rows: None where nobody knows. hours: of audio, None where nobody knows; is_sampled: they are reckoned from a sample.
    mp3_bytes: what the MP3s are expected to take. disk_bytes: what is needed at the most, 0 where
    it is complete. digest: what a sync can be held to. made_files: files, and so inodes, of the
    finished tree. quota_left_bytes: None where there is no quota. rate_floor_s: what the Hub's rate
    limit takes at least. eta_s: of encoding, None where nobody knows.
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
    """One request file, and how the dataset stands that it is about.

    dataset, hf_id: None where the file cannot be read. request: its digest; notices of the dataset
    that are about another one are not its own. problems: why it is refused. remarks: what is odd
    about it, a line each. goes: of a removal, what it would take away, a line each. notice: the
    latest that is known here. is_idle: it asks for nothing that is to be done; the remarks say why.
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

    @property
    def state(self) -> Status:
        """The word for it."""
        if self.problems:
            return "failed"
        if self.notice is not None:
            return self.notice.state
        return "planned" if self.facts is not None else "pending"

    def takes(self, notice: Notice) -> bool:
        """Whether a notice speaks of this request."""
        return notice.name == self.dataset and (
            None in (self.request, notice.request) or self.request == notice.request
        )


@dataclass(frozen=True, slots=True)
class CheckTold:
    """A check run as it was last told.

    number: how many there were for this pull request. is_over: it was told how it ended; where the
    work starts again, another one is made.
    """

    id: int
    head_sha: str
    number: int
    digest: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class ToldOnGitHub:
    """What was told on a pull request.

    comment: id of the living comment. digest: of its text. shape: of what matters in it at once.
    asked_at: when it was to be made, and nobody knows yet whether it was. was_recreated: somebody
    deleted it, and it was made again. is_unwanted: they did so again. outcomes: marks of those that
    were told; outcome_asked_at: as asked_at. checks_by: what the token may tell the checks with.
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
    """What was told on Slack.

    channel, ts: where the bot's message stands. digest, shape, told_at: as on GitHub. taken: digest
    of a first message that was given to Slack, whether it arrived or not: it is not given again.
    was_recreated, is_unwanted: as on GitHub. events: by path of a request, what was given to a
    webhook, whether it arrived or not, the latest last.
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
    """How the last attempt at telling went.

    not_before: when the next may be made. is_asked: the service itself asked to wait so long.
    refused_of: the conversation's changed_at when it was refused, which a person has to mend.
    failures: in a row. trouble: what went wrong, in a line.
    """

    not_before: AwareDatetime | None = None
    is_asked: bool = False
    refused_of: AwareDatetime | None = None
    failures: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is to be told, and what was; see `outbox` for its file.

    pull: None for one about a dataset by itself. details_url: where to look further. is_finished:
    nothing more is going to happen; how it ended follows from the lines. is_ending: it is finished
    once nobody is at work on its datasets any more. delivered_at: when all of a finished one had
    been told.
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
        """How it stands with all of it that counts."""
        return result_of(filter(self.counts, self.lines))

    def counts(self, line: Line) -> bool:
        """Whether the result depends on a line of it.

        It does not where nothing is to be done; nor, once all is over, on a removal that comes after
        the merge.
        """
        is_later = line.is_idle or (self.is_finished and line.kind == "remove")
        return not is_later or line.state not in ("pending", "planned")

    @property
    def datasets(self) -> frozenset[str]:
        """The datasets that it speaks of."""
        return frozenset(line.dataset for line in self.lines if line.dataset is not None)


def pull_key(service: Service, repository: str, number: int) -> str:
    """The name of the conversation about a pull request; GitHub knows no case in names."""
    return _key(service, f"{repository.lower()}-{number}")


def dataset_key(service: Service, name: str) -> str:
    """The name of the conversation about a dataset by itself."""
    return _key(service, name)


def result_of(lines: Iterable[Line]) -> Result:
    """How it stands with all requests together."""
    states = {line.state for line in lines}
    if "downloading" in states:
        return "underway"
    if states & BAD:
        return "failed"
    return "completed" if states and states <= GOOD else "planned"


def refresh(conversation: Conversation, notices: Mapping[str, Notice]) -> Conversation:
    """The conversation with the latest notice of each dataset, by name.

    A finished one speaks of what was then, and stays as it is.
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
