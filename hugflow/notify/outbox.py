"""The outbox: conversations as files, between the work and the services that are told of it.

`STATE_DIR/outbox/<key>.json`, written whole and synced to the disk, one file a conversation:

    {
      "version": 1,
      "key": "github-acme-requests-12-0a1b2c3d", "service": "github",
      "pull": {"repository": "acme/requests", "number": 12, "head_sha": "77ab...", "url": null},
      "lines": [{"path": "requests/add/speech.yaml", "kind": "add", "dataset": "acme__speech...",
                 "hf_id": "acme/speech", "request": "9f3c...", "facts": {...}, "problems": [...],
                 "remarks": [], "goes": [], "notice": {...},
                 "is_idle": false, "publish_to": null}],
      "opened_at": "2026-11-22T01:02:03Z", "changed_at": "2026-11-22T01:02:03Z",
      "details_url": null, "is_finished": false, "is_ending": false,
      "github": {"comment": 1003, "digest": "...", ...},      what was sent to GitHub
      "slack": {"channel": null, "ts": null, ...},            or to Slack
      "attempt": {"not_before": null, "failures": 0, ...},    result of the last attempt
      "delivered_at": null
    }

`conversation` explains every field. One file holds both what has to be sent and what was sent. It
is changed under a short lock, so that the work and the delivery never undo each other's changes. If
a file is lost, only the ids are lost: comments are found again by their marker.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hugflow.notify.conversation import (
    Attempt,
    Conversation,
    Line,
    PullRequest,
    Service,
    dataset_key,
    pull_key,
    refresh,
)
from hugflow.notify.notices import Notice, read_notice
from hugflow.store.layout import Places
from hugflow.store.locks import hold
from hugflow.store.records import RecordForm

log = logging.getLogger(__name__)

CONVERSATION = RecordForm(
    Conversation,
    "the conversation",
    version=1,
    mend="delete the file: its comments are found again by their marker",
)
# How long a conversation is kept: after everything is sent, and after its last change.
KEEP_DELIVERED = timedelta(days=7)
KEEP_UNTOLD = timedelta(days=90)
LOCK_WAIT_S = 30.0


def open_conversation(
    places: Places,
    service: Service,
    lines: Iterable[Line],
    now: datetime,
    *,
    pull: PullRequest | None = None,
    details_url: str | None = None,
    is_begun: bool = False,
) -> str | None:
    """Start or continue a conversation about requests of a pull request, or one dataset; its key.

    An existing conversation continues in the same comment, with these lines. A line without a
    notice starts as planned, or as pending if it has no facts: earlier notices of its dataset do
    not count.

    is_begun: the conversation was begun elsewhere, and continues even without requests.

    Returns None and starts nothing if there is no request and is_begun is False, or if there is no
    pull request and no line has a dataset.
    """
    found = tuple(_begin(line, now) for line in lines)
    if pull is not None:
        key = pull_key(service, pull.repository, pull.number)
    else:
        name = next((line.dataset for line in found if line.dataset), None)
        if name is None:
            return None
        key = dataset_key(service, name)

    def change(old: Conversation | None) -> Conversation | None:
        if old is None:
            if not found and not is_begun:
                return None
            old = Conversation(key, service, pull, found, now, now)
        return replace(
            old,
            pull=pull,
            lines=found,
            changed_at=now,
            details_url=details_url,
            is_finished=False,
            is_ending=False,
            delivered_at=None,
            # A new token may have other rights; a wait that the service asked for still holds.
            github=replace(old.github, checks_by="runs"),
            # Work that resumes after a kill is not announced again on Slack; work that had ended is.
            slack=replace(old.slack, events={}) if old.is_finished else old.slack,
            attempt=old.attempt if old.attempt.is_asked else Attempt(),
        )

    return key if change_conversation(places, key, change) is not None else None


def finish_conversation(places: Places, key: str, now: datetime) -> None:
    """End a conversation with what is known now; later events are not sent.

    The lines show the result. While any process makes one of its datasets, the conversation stays
    open, and ends with that work. Calling this again changes nothing, unless the conversation was
    opened again.
    """

    def change(old: Conversation | None) -> Conversation | None:
        if old is None or old.is_finished:
            return old
        latest = read_latest(places, old)
        if latest.result != "underway":
            return replace(latest, is_finished=True, changed_at=now)
        return old if old.is_ending else replace(latest, is_ending=True, changed_at=now)

    change_conversation(places, key, change)


def change_conversation(
    places: Places, key: str, change: Callable[[Conversation | None], Conversation | None]
) -> Conversation | None:
    """Change the file of a conversation in one step; what it holds then.

    change: gets the conversation, or None if there is none that can be read. Its result is written,
        unless it is None or the same.
    """
    with hold(places.conversation_lock(key), f"the conversation {key}", wait_s=LOCK_WAIT_S):
        old = read_conversation(places, key)
        new = change(old)
        if new is not None and new != old:
            CONVERSATION.write(places.conversation(key), new)
        return new


def read_conversation(places: Places, key: str) -> Conversation | None:
    """A conversation; None if there is none that can be read."""
    return CONVERSATION.read(places.conversation(key))


def read_latest(places: Places, conversation: Conversation) -> Conversation:
    """The conversation with the latest notices; a finished one stays as it is."""
    found = {name: read_notice(places, name) for name in conversation.datasets}
    return refresh(conversation, {name: each for name, each in found.items() if each is not None})


def list_keys(places: Places) -> Sequence[str]:
    """The keys of all conversations, oldest file first."""
    ages: list[tuple[float, str]] = []
    for path in places.outbox.glob("*.json"):
        try:
            ages.append((path.stat().st_mtime, path.stem))
        except FileNotFoundError:
            # Another process has just deleted it.
            continue
    return [key for _, key in sorted(ages)]


def forget_expired(places: Places, conversation: Conversation, now: datetime) -> bool:
    """Delete a conversation that has expired; True if it was deleted."""
    delivered_at = conversation.delivered_at
    is_old = delivered_at is not None and now - delivered_at > KEEP_DELIVERED
    is_untold = now - conversation.changed_at > KEEP_UNTOLD
    if not is_old and not is_untold:
        return False
    key = conversation.key
    with hold(places.conversation_lock(key), f"the conversation {key}", wait_s=LOCK_WAIT_S):
        if read_conversation(places, key) != conversation:
            return False
        places.conversation(key).unlink(missing_ok=True)
    if not is_old:
        trouble = conversation.attempt.trouble or "it was never finished"
        log.warning("%s is forgotten after %d days: %s", key, KEEP_UNTOLD.days, trouble)
    return True


def _begin(line: Line, now: datetime) -> Line:
    """The line with a first notice, made now."""
    if line.notice is not None or line.dataset is None or line.problems:
        return line
    facts = line.facts
    notice = Notice(
        name=line.dataset,
        hf_id=line.hf_id or "",
        state="planned" if facts is not None else "pending",
        at=now,
        total_rows=facts.rows if facts is not None else None,
        commit=facts.commit if facts is not None else None,
        request=line.request,
    )
    return replace(line, notice=notice)
