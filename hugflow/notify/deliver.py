"""Delivery of the outbox: one conversation or all of them.

A failed delivery is retried later; only outdated conversations are given up. The conversation's
file holds the time of the next attempt, and the log shows it.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hugflow.clients.services import ServiceRefused, ServiceUnavailable
from hugflow.errors import Locked
from hugflow.late_dataclass import dataclass
from hugflow.notify.conversation import Attempt, Conversation, Service
from hugflow.notify.outbox import (
    change_conversation,
    finish_conversation,
    forget_expired,
    list_keys,
    read_conversation,
    read_latest,
)
from hugflow.notify.senders import Senders
from hugflow.notify.telling import Clock, NotYet, Telling, TellingPace, utc_now
from hugflow.redact import redact
from hugflow.store.layout import Places
from hugflow.store.locks import hold
from hugflow.store.records import Moment, RecordForm

log = logging.getLogger(__name__)

# Another process is delivering, perhaps an older state of this conversation.
LOCKED_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Limit:
    """The time until which a service asked for no more calls."""

    until: Moment


LIMIT = RecordForm(
    Limit, "the record", version=None, mend="delete the file: the service says again when it is"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Result of delivering one conversation.

    again_at: when to look again; None if everything is sent.
    trouble: why something is left, in one line.
    is_away: the service cannot be reached, so other conversations cannot be delivered either.
    is_refused: a person has to fix something first.
    """

    key: str
    again_at: datetime | None = None
    trouble: str | None = None
    is_away: bool = False
    is_refused: bool = False


def deliver(
    places: Places,
    key: str,
    senders: Senders,
    *,
    pace: TellingPace | None = None,
    clock: Clock = utc_now,
    is_hurried: bool = False,
    is_over: Callable[[], bool] = lambda: False,
) -> Delivery:
    """Send what one conversation has not sent yet, unless it is too early to try again.

    is_hurried: send progress at once, and do not wait any longer after an outage. A wait that the
        service asked for is kept all the same. A refused conversation is tried again only if it has
        begun or ended since.
    is_over: called before each step; if it returns True, nothing more is sent.

    Never raises for errors of the service. If two processes deliver the same conversation, one of
    them does nothing and looks again later, so nothing is sent twice.
    """
    pace = pace or TellingPace()
    try:
        with hold(places.sending_lock(key), f"the conversation {key}"):
            conversation = _read_current(places, key, clock())
            if conversation is None or senders.of(conversation.service) is None:
                return Delivery(key)
            if until := _wait_until(places, conversation, clock(), is_hurried=is_hurried):
                why = conversation.attempt.trouble or f"{conversation.service} asked to wait"
                is_refused = conversation.attempt.refused_of is not None
                return Delivery(key, until, why, is_refused=is_refused)
            telling = Telling(
                places,
                without_secrets(conversation, senders.secrets),
                pace,
                clock,
                senders.secrets,
                is_hurried,
                is_over,
            )
            return _tell(telling, senders, conversation)
    except Locked:
        return Delivery(key, clock() + timedelta(seconds=LOCKED_WAIT_S))


def deliver_all(
    places: Places,
    senders: Senders,
    *,
    budget_s: float,
    pace: TellingPace | None = None,
    clock: Clock = utc_now,
) -> list[Delivery]:
    """Deliver the whole outbox within a time budget; one result for each conversation.

    Meant for periodic callers such as a sensor. A service that cannot be reached is not called
    again for the other conversations. What does not fit into the budget is left for the next call.
    Expired conversations are deleted.
    """
    ends_at = time.monotonic() + budget_s

    def is_over() -> bool:
        return time.monotonic() > ends_at

    away: set[Service] = set()
    done: list[Delivery] = []
    for key in list_keys(places):
        if is_over():
            break
        conversation = read_conversation(places, key)
        if conversation is None or conversation.service in away:
            continue
        try:
            is_forgotten = forget_expired(places, conversation, clock())
            if is_forgotten or conversation.delivered_at is not None:
                continue
            found = deliver(places, key, senders, pace=pace, clock=clock, is_over=is_over)
        except Exception as error:  # noqa: BLE001  # one conversation's surprise hides no other
            log.warning("%s cannot be delivered: %s: %s", key, type(error).__name__, error)
            found = Delivery(key, clock(), type(error).__name__)
        if found.is_away:
            away.add(conversation.service)
        done.append(found)
    return done


def without_secrets(conversation: Conversation, secrets: Iterable[str]) -> Conversation:
    """The conversation without secrets; call it before any text is escaped, cut or joined."""
    known = tuple(secrets)
    return replace(
        conversation,
        lines=_clean(conversation.lines, known),
        details_url=_clean(conversation.details_url, known),
    )


def _clean(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, tuple):
        return tuple(_clean(each, secrets) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        found = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
        return replace(value, **{name: _clean(each, secrets) for name, each in found.items()})
    return value


def _read_current(places: Places, key: str, now: datetime) -> Conversation | None:
    """The conversation with its latest notices; finished here if nothing more will happen.

    That is the case if everything is completed. It is also the case if the job that began the
    conversation has ended and no other process works on its datasets.
    """
    conversation = read_conversation(places, key)
    if conversation is None:
        return None
    latest = read_latest(places, conversation)
    is_over = latest.result == "completed" or (latest.is_ending and latest.result != "underway")
    if latest.is_finished or not is_over:
        return latest
    finish_conversation(places, key, now)
    return read_conversation(places, key)


def _wait_until(
    places: Places, conversation: Conversation, now: datetime, *, is_hurried: bool
) -> datetime | None:
    """Earliest time of the next attempt; None means now."""
    attempt = conversation.attempt
    waits = [_read_limit(places, conversation.service)]
    is_refused = attempt.refused_of == conversation.changed_at
    if attempt.is_asked or is_refused or not is_hurried:
        waits.append(attempt.not_before)
    return max((until for until in waits if until is not None and until > now), default=None)


def _tell(telling: Telling, senders: Senders, conversation: Conversation) -> Delivery:
    """Send the conversation and keep the result of the attempt."""
    try:
        again_at = _tell_there(telling, senders)
    except NotYet as error:
        failures = conversation.attempt.failures
        attempt = Attempt(error.until, failures=failures, trouble=error.why)
        return _put_off(telling, attempt, error.until)
    except ServiceUnavailable as error:
        failures = conversation.attempt.failures + 1
        is_asked = error.wait_s is not None
        wait_s = error.wait_s or telling.pace.wait_s(failures, is_refused=False)
        until = telling.clock() + timedelta(seconds=wait_s)
        if is_asked:
            _write_limit(telling.places, conversation.service, until)
        trouble = _trouble(telling, error)
        attempt = Attempt(until, is_asked=is_asked, failures=failures, trouble=trouble)
        _complain(conversation.key, attempt)
        return replace(_put_off(telling, attempt, until), is_away=True)
    except ServiceRefused as error:
        failures = conversation.attempt.failures + 1
        wait_s = telling.pace.wait_s(failures, is_refused=True)
        until, of = telling.clock() + timedelta(seconds=wait_s), conversation.changed_at
        trouble = _trouble(telling, error)
        attempt = Attempt(until, refused_of=of, failures=failures, trouble=trouble)
        _complain(conversation.key, attempt)
        return replace(_put_off(telling, attempt, until), is_refused=True)
    if conversation.attempt.failures:
        log.info("%s: sent, after %d failures", conversation.key, conversation.attempt.failures)
    _settle(telling, conversation, is_all_told=again_at is None)
    return Delivery(conversation.key, again_at)


def _tell_there(telling: Telling, senders: Senders) -> datetime | None:
    # Each is imported when it is used, with the library of its service.
    pull = telling.conversation.pull
    if telling.conversation.service == "github":
        if senders.github is None or pull is None:
            return None
        from hugflow.notify.on_github import tell_on_github

        return tell_on_github(telling, senders.github, pull)
    if senders.slack is None:
        return None
    from hugflow.notify.on_slack import tell_on_slack

    return tell_on_slack(telling, senders.slack)


def _put_off(telling: Telling, attempt: Attempt, until: datetime) -> Delivery:
    key = telling.conversation.key
    change_conversation(
        telling.places, key, lambda old: None if old is None else replace(old, attempt=attempt)
    )
    return Delivery(key, until, attempt.trouble)


def _settle(telling: Telling, conversation: Conversation, *, is_all_told: bool) -> None:
    """Keep a successful attempt, and whether a finished conversation is sent completely."""

    def change(old: Conversation | None) -> Conversation | None:
        if old is None:
            return None
        is_same = old.changed_at == conversation.changed_at and old.is_finished
        is_over = is_all_told and is_same and old.delivered_at is None
        delivered_at = telling.clock() if is_over else old.delivered_at
        return replace(old, attempt=Attempt(), delivered_at=delivered_at)

    change_conversation(telling.places, conversation.key, change)


def _trouble(telling: Telling, error: ServiceUnavailable | ServiceRefused) -> str:
    return telling.clean(f"{error.what}: {error.why}")


def _complain(key: str, attempt: Attempt) -> None:
    at = f"{attempt.not_before:%Y-%m-%d %H:%M:%S} UTC" if attempt.not_before is not None else "once"
    log.warning("%s: %s; the next attempt is at %s", key, attempt.trouble, at)


def _read_limit(places: Places, service: Service) -> datetime | None:
    """Until when the service asked for no more calls, in any conversation."""
    limit = LIMIT.read(places.service_limit(service))
    return limit.until if limit is not None else None


def _write_limit(places: Places, service: Service, until: datetime) -> None:
    LIMIT.write_view(places.service_limit(service), Limit(until))
