"""Conversations to be told: a pull request with requests in every state."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hugflow.ledger.progress import Status
from hugflow.notify.conversation import (
    Conversation,
    Line,
    PlanFacts,
    PullRequest,
    Service,
    pull_key,
)
from hugflow.notify.notices import Failure, Notice
from hugflow.requests.problems import Problem

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
COMMIT = "8a6c" * 10
PULL = PullRequest("acme/requests", 1, "77ab" * 10)
FACTS = PlanFacts(
    plan="4c1f0d9b2a7e6685",
    commit=COMMIT,
    rows=10_000,
    files=3,
    source_bytes=1_500_000_000,
    hours=12.5,
    is_sampled=True,
    mp3_bytes=600_000_000,
    disk_bytes=2_500_000_000,
    licence="cc0-1.0",
)


def notice(state: Status, name: str = "acme__speech", **fields: Any) -> Notice:
    """A notice of a dataset of 10,000 rows."""
    found = Notice(name, "acme/speech", state, NOON, total_rows=10_000, commit=COMMIT)
    if state == "completed":
        places = {"location": f"/data/datasets/{name}", "link": f"/data/processed/{name}"}
        found = replace(found, rows=10_000, **places)
    if state == "failed":
        failure = Failure("no room left", "the disk is full", "free some space")
        found = replace(found, failure=failure)
    return replace(found, **fields)


def line(state: Status | None = None, name: str = "acme__speech", **fields: Any) -> Line:
    """A line whose dataset stands so; without a state it is planned."""
    told = None if state is None else notice(state, name)
    found = Line(f"requests/add/{name}.yaml", "add", name, "acme/speech", facts=FACTS, notice=told)
    return replace(found, **fields)


def refused(path: str = "requests/add/bad.yaml", count: int = 1) -> Line:
    """A file that cannot be taken as it is."""
    problem = Problem(path, 3, 1, "hf_id", "is no name", "it has no slash", "write owner/name")
    return Line(path, problems=(problem,) * count)


def conversation(*lines: Line, service: Service = "github", **fields: Any) -> Conversation:
    """A conversation about a pull request."""
    key = pull_key(service, PULL.repository, PULL.number)
    return Conversation(key, service, PULL, lines, NOON, NOON, **fields)
