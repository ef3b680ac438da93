"""Conversations about requests on main: when one starts, continues and ends."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hugflow.notify.conversation import (
    Conversation,
    Line,
    PullRequest,
    Service,
    dataset_key,
    pull_key,
)
from hugflow.notify.notices import Notice, read_notice
from hugflow.notify.outbox import (
    KEEP_DELIVERED,
    finish_conversation,
    open_conversation,
    read_conversation,
    read_latest,
)
from hugflow.store.layout import Places

# Older notices may have been sent already, in a conversation that was deleted since.
NEWS_FOR = KEEP_DELIVERED - timedelta(days=1)


def follow(
    places: Places,
    service: Service,
    lines: Sequence[Line],
    now: datetime,
    *,
    pull: PullRequest | None = None,
    add_facts: Callable[[Line], Line] = lambda line: line,
) -> str | None:
    """Keep a conversation about these requests until all of them have ended.

    The conversation starts with the first notice about one of the requests, if that notice is no
    older than NEWS_FOR. A conversation that had ended starts again if a newer notice came. It ends
    when all requests have succeeded or failed. Calling this again changes nothing.

    pull: the pull request that brought the requests; None for one dataset, on Slack.
    add_facts: adds the plan to a line.

    Returns the conversation's key, or None if there is nothing to tell.
    """
    notices = [_notice_of(places, line) for line in lines]
    key = _key_of(service, lines, pull)
    if key is None:
        return None
    old = read_conversation(places, key)
    if old is None or _has_news(old, lines, notices):
        if old is None and not any(_is_news(notice, now) for notice in notices):
            return None
        told = [
            line if notice is None else replace(line, notice=notice)
            for line, notice in zip(map(add_facts, lines), notices, strict=True)
        ]
        open_conversation(places, service, told, now, pull=pull)
        old = read_conversation(places, key)
    if old is not None and not old.is_finished and _has_ended(places, old):
        finish_conversation(places, key, now)
    return key


def _has_ended(places: Places, conversation: Conversation) -> bool:
    return read_latest(places, conversation).result in ("completed", "failed")


def _has_news(old: Conversation, lines: Sequence[Line], notices: Sequence[Notice | None]) -> bool:
    """Whether the requests changed, or a notice is newer than the end of the conversation."""
    if {line.request for line in old.lines} != {line.request for line in lines}:
        return True
    if not old.is_finished:
        return False
    told = {line.path: line.notice for line in old.lines}
    return any(
        notice is not None and ((before := told.get(line.path)) is None or notice.at > before.at)
        for line, notice in zip(lines, notices, strict=True)
    )


def _is_news(notice: Notice | None, now: datetime) -> bool:
    return notice is not None and now - notice.at <= NEWS_FOR


def _notice_of(places: Places, line: Line) -> Notice | None:
    notice = read_notice(places, line.dataset) if line.dataset is not None else None
    return notice if notice is not None and line.takes(notice) else None


def _key_of(service: Service, lines: Sequence[Line], pull: PullRequest | None) -> str | None:
    if pull is not None:
        return pull_key(service, pull.repository, pull.number)
    name = next((line.dataset for line in lines if line.dataset is not None), None)
    return dataset_key(service, name) if name is not None else None
