"""A conversation on its pull request: one living comment, a check, one short outcome comment.

Before a comment is made, an existing one is looked for: the answer to an earlier request may have
been lost, or the process may have been killed after it. The time of the request, and whether the
comment is known to exist, are written to disk first.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from hugflow.clients.comments import (
    fetch_check_run,
    fetch_own_comment,
    send_comment,
    send_edit,
)
from hugflow.clients.github import GitHub
from hugflow.clients.github_calls import (
    check_content,
    create_check_run_call,
    create_status_call,
    edit_check_run_call,
)
from hugflow.clients.github_replies import read_check_run
from hugflow.clients.services import ServiceRefused, ServiceUnavailable
from hugflow.notify.conversation import CheckTold, PullRequest, pull_key
from hugflow.notify.escape import safe_url
from hugflow.notify.markers import is_marked, living_marker, outcome_marker
from hugflow.notify.outbox import read_conversation
from hugflow.notify.outcome import find_mark, render_outcome
from hugflow.notify.telling import Telling, digest, shape
from hugflow.notify.texts import CheckText, render_check, render_living, render_status
from hugflow.store.layout import Places

log = logging.getLogger(__name__)

CHECK_NAME = "hugflow"
MOST_OUTCOMES_KEPT = 20
_GONE = (404, 410)


def tell_on_github(telling: Telling, github: GitHub, pull: PullRequest) -> datetime | None:
    """Send what is not sent yet; the time when the rest may be sent, None if nothing is left.

    Raises ServiceUnavailable, ServiceRefused, NotYet; what was sent before that is kept.
    """
    again_at: datetime | None = None
    refused: ServiceRefused | None = None
    for tell in (_tell_living, _tell_check, _tell_outcome):
        try:
            again_at = tell(telling, github, pull) or again_at
        except ServiceRefused as error:
            # A token may be allowed to set one kind and not the other.
            refused = refused or error
    if refused is not None:
        raise refused
    return again_at


def _tell_living(telling: Telling, github: GitHub, pull: PullRequest) -> datetime | None:
    told = telling.conversation.github
    if told.is_unwanted:
        return None
    text = telling.clean(render_living(telling.conversation, pull))
    now_shape, now_digest = shape(telling.conversation), digest(text)
    if told.comment is not None and told.digest == now_digest:
        return None
    is_routine = told.comment is not None and told.shape == now_shape
    if until := telling.spaced_until(told.told_at, is_routine=is_routine):
        return until
    telling.check_time()
    comment = (
        _find_or_make(telling, github, pull, text)
        if told.comment is None
        else _edit(telling, github, pull, told.comment, text)
    )
    if comment is not None:
        at = telling.clock()
        telling.keep(comment=comment, digest=now_digest, shape=now_shape, told_at=at, asked_at=None)
    return None


def _find_or_make(telling: Telling, github: GitHub, pull: PullRequest, text: str) -> int:
    """Id of the living comment with this text: the existing one, else a new one."""
    telling.check_settled(telling.conversation.github.asked_at)
    marker = living_marker(pull)
    found = fetch_own_comment(
        github, pull.repository, pull.number, lambda body: is_marked(body, marker)
    )
    if found is not None:
        if found.body != text:
            send_edit(github, pull.repository, found.id, text)
        return found.id
    return _make(telling, github, pull, text, "asked_at")


def has_spoken(places: Places, github: GitHub, pull: PullRequest) -> bool:
    """Whether we have commented on a pull request, from this machine or another.

    Raises the errors of the GitHub client.
    """
    if read_conversation(places, pull_key("github", pull.repository, pull.number)) is not None:
        return True
    marker = living_marker(pull)
    found = fetch_own_comment(
        github, pull.repository, pull.number, lambda body: is_marked(body, marker)
    )
    return found is not None


def _edit(
    telling: Telling, github: GitHub, pull: PullRequest, comment: int, text: str
) -> int | None:
    """Change the living comment; its id, or the id of a new one. None: people do not want it."""
    try:
        return send_edit(github, pull.repository, comment, text).id
    except ServiceRefused as error:
        if error.status not in _GONE:
            raise
    marker = living_marker(pull)
    # A repository we may not see answers 404 too; then this call fails, and the comment still exists.
    other = fetch_own_comment(
        github, pull.repository, pull.number, lambda body: is_marked(body, marker)
    )
    if other is not None:
        return send_edit(github, pull.repository, other.id, text).id
    if telling.conversation.github.was_recreated:
        log.warning("%s: its comment was deleted twice; it is not made again", _name(pull))
        telling.keep(comment=None, is_unwanted=True)
        return None
    log.warning("%s: its comment was deleted; it is made again, this once", _name(pull))
    telling.keep(comment=None, was_recreated=True)
    return _make(telling, github, pull, text, "asked_at")


def _tell_outcome(telling: Telling, github: GitHub, pull: PullRequest) -> datetime | None:
    """Post the result in a comment of its own; each result once."""
    conversation = telling.conversation
    mark = find_mark(conversation, pull)
    if mark is None or mark in conversation.github.outcomes:
        return None
    telling.check_time()
    telling.check_settled(conversation.github.outcome_asked_at)
    marker = outcome_marker(pull, mark)
    found = fetch_own_comment(
        github, pull.repository, pull.number, lambda body: is_marked(body, marker)
    )
    if found is None:
        text = telling.clean(render_outcome(conversation, pull, mark))
        _make(telling, github, pull, text, "outcome_asked_at")
    outcomes = (*conversation.github.outcomes, mark)[-MOST_OUTCOMES_KEPT:]
    telling.keep(outcomes=outcomes, outcome_asked_at=None)
    return None


def _make(telling: Telling, github: GitHub, pull: PullRequest, text: str, asked_at: str) -> int:
    """Make a comment that does not exist yet; its id.

    asked_at: the field that holds the time of the request until it is known whether the comment
        exists.
    """
    telling.check_time()
    telling.keep(**{asked_at: telling.clock()})
    try:
        return send_comment(github, pull.repository, pull.number, text).id
    except (ServiceUnavailable, ServiceRefused) as error:
        if not (isinstance(error, ServiceUnavailable) and error.may_have_happened):
            telling.keep(**{asked_at: None})
        raise


def _tell_check(telling: Telling, github: GitHub, pull: PullRequest) -> datetime | None:
    """Set the check: as a check run, else as a commit status, else not at all."""
    by: dict[str, Callable[[Telling, GitHub, PullRequest], None]]
    by = {"runs": _tell_check_run, "statuses": _tell_status}
    next_by = {"runs": "statuses", "statuses": "nothing"}
    while (means := telling.conversation.github.checks_by) != "nothing":
        try:
            by[means](telling, github, pull)
        except ServiceRefused as error:
            if error.status == 401:
                raise
            if means == "statuses":
                log.warning("%s: no check could be set: %s", _name(pull), error.why)
            telling.keep(checks_by=next_by[means])
        else:
            break
    return None


def _tell_check_run(telling: Telling, github: GitHub, pull: PullRequest) -> None:
    text, told = render_check(telling.conversation), telling.conversation.github.check
    # The summary is sent with the next change of state: a call for each progress would be too many.
    now_digest = digest(pull.head_sha, text.status, text.conclusion, text.title)
    is_another = told is None or told.head_sha != pull.head_sha
    if told is not None and not is_another and told.digest == now_digest:
        return
    telling.check_time()
    # Work started again on a commit whose check is over: the old check stays as it is.
    is_another = is_another or (told is not None and told.is_over and text.conclusion is None)
    if told is not None and not is_another:
        number, check_id = told.number, told.id
        content = _check_content(telling, text, number)
        github.send(edit_check_run_call(pull.repository, check_id, content))
    else:
        number = told.number + 1 if told is not None else 1
        content, mark = _check_content(telling, text, number), _check_mark(telling, number)
        found = fetch_check_run(github, pull.repository, pull.head_sha, CHECK_NAME, mark)
        call = create_check_run_call(pull.repository, pull.head_sha, content)
        if found is not None:
            call = edit_check_run_call(pull.repository, found.id, content)
        check_id = read_check_run(github.send(call)).id
    is_over = text.conclusion is not None
    telling.keep(check=CheckTold(check_id, pull.head_sha, number, now_digest, is_over))


def _check_content(telling: Telling, text: CheckText, number: int) -> dict[str, object]:
    return check_content(
        CHECK_NAME,
        status=text.status,
        conclusion=text.conclusion,
        title=telling.clean(text.title),
        summary=telling.clean(text.summary),
        mark=_check_mark(telling, number),
        details_url=safe_url(telling.conversation.details_url),
    )


def _check_mark(telling: Telling, number: int) -> str:
    return f"{telling.conversation.key}.{number}"


def _tell_status(telling: Telling, github: GitHub, pull: PullRequest) -> None:
    text = render_status(telling.conversation)
    now_digest = digest(pull.head_sha, text)
    if telling.conversation.github.status == now_digest:
        return
    telling.check_time()
    # Sending it twice is harmless: the newest check run of a name counts.
    call = create_status_call(
        pull.repository,
        pull.head_sha,
        context=CHECK_NAME,
        state=text.state,
        description=telling.clean(text.description),
        target_url=safe_url(telling.conversation.details_url),
    )
    github.send(call)
    telling.keep(status=now_digest)


def _name(pull: PullRequest) -> str:
    return f"{pull.repository}#{pull.number}"
