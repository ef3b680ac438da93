"""The outbox: conversations as files, between the work and those who are told of it.

`STATE_DIR/outbox/<key>.json`, written whole and brought to the disk, one file a conversation:

    {
      "version": 1,
      "key": "github-acme-requests-12-0a1b2c3d", "service": "github",
      "pull": {"repository": "acme/requests", "number": 12, "head_sha": "77ab...", "url": null},
      "lines": [{"path": "requests/add/speech.yaml", "kind": "add", "dataset": "acme__speech...",
                 "hf_id": "acme/speech", "request": "9f3c...", "facts": {...}, "problems": [...],
                 "remarks": [], "goes": [], "notice": {...},
                 "is_idle": false}],
      "opened_at": "2026-11-22T01:02:03Z", "changed_at": "2026-11-22T01:02:03Z",
      "details_url": null, "is_finished": false, "is_ending": false,
      "github": {"comment": 1003, "digest": "...", ...},      what was told there
      "slack": {"channel": null, "ts": null, ...},            or there
      "attempt": {"not_before": null, "failures": 0, ...},    how the last attempt went
      "delivered_at": null
    }

Every field is explained in `conversation`. What is to be told and what was told stand in one file,
and are changed under a short lock, so that work and telling never undo each other. Losing a file
loses no more than the ids: comments are found again by their marker.
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
# How long a conversation is kept: once all of it is told, and where nothing changes any more.
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
    """Begin to speak of these requests on a pull request, or of the one dataset; its key.

    Where it was begun before, it goes on: in the same comment, about these lines. A line without a
    notice begins as planned, or as pending where it has no facts: what was told of its dataset
    before this moment does not count. None, and nothing is begun, where there is no request, unless
    is_begun: it was begun elsewhere, and goes on without one; nor, without a pull request, where none
    of them has a dataset.
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
            # Another token may have other rights; what a service asked to wait still holds.
            github=replace(old.github, checks_by="runs"),
            # What only goes on, after a kill, is not told again on Slack; what had ended is.
            slack=replace(old.slack, events={}) if old.is_finished else old.slack,
            attempt=old.attempt if old.attempt.is_asked else Attempt(),
        )

    return key if change_conversation(places, key, change) is not None else None


def finish_conversation(places: Places, key: str, now: datetime) -> None:
    """Let it end with what is known now: nothing that happens later is told any more.

    How it ended follows from its lines. While one of its datasets is being made, by whoever it is,
    it does not end, but will at the end of that work, however it goes. Doing it again changes
    nothing, unless it was opened again.
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
    """Change the file of a conversation in one step, and give what it holds then.

    change: is given what it holds, None where it holds nothing that can be read; what comes back is
    written, unless it is the same or None.
    """
    with hold(places.conversation_lock(key), f"the conversation {key}", wait_s=LOCK_WAIT_S):
        old = read_conversation(places, key)
        new = change(old)
        if new is not None and new != old:
            CONVERSATION.write(places.conversation(key), new)
        return new


def read_conversation(places: Places, key: str) -> Conversation | None:
    """A conversation; None where there is none that can be read."""
    return CONVERSATION.read(places.conversation(key))


def read_latest(places: Places, conversation: Conversation) -> Conversation:
    """The conversation with the latest notice of each of its datasets, as far as it goes on."""
    found = {name: read_notice(places, name) for name in conversation.datasets}
    return refresh(conversation, {name: each for name, each in found.items() if each is not None})


def list_keys(places: Places) -> Sequence[str]:
    """The keys of all conversations, those that were written longest ago first."""
    ages: list[tuple[float, str]] = []
    for path in places.outbox.glob("*.json"):
        try:
            ages.append((path.stat().st_mtime, path.stem))
        except FileNotFoundError:
            # Somebody else has just forgotten it.
            continue
    return [key for _, key in sorted(ages)]


def forget_expired(places: Places, conversation: Conversation, now: datetime) -> bool:
    """Forget a conversation whose time is over, and tell whether it was."""
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
    """The line with a notice of its own, from now."""
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
