"""Automatic merge of a pull request, once its requests are done and its checks are green."""

import logging
import time
from collections.abc import Callable

from hugflow.ci.event import PullEvent
from hugflow.clients.github import GitHub
from hugflow.clients.github_replies import CheckVerdict
from hugflow.clients.pulls import fetch_pull, fetch_verdicts, merge_pull
from hugflow.clients.services import ServiceRefused
from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.notify.on_github import CHECK_NAME

log = logging.getLogger(__name__)

# "Method not allowed": https://docs.github.com/rest/pulls/pulls#merge-a-pull-request.
_NOT_ALLOWED_YET = 405
PATIENCE_S = 600.0
LOOK_EVERY_S = 15.0


class NotMerged(HugflowError):
    """The requests are done, but a person has to merge the pull request."""


def merge_when_green(
    github: GitHub,
    event: PullEvent,
    *,
    run_id: str | None,
    patience_s: float = PATIENCE_S,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Merge at the commit that was worked on; the merge commit.

    Waits for checks that are still running, except those of our own workflow run, which ends only
    after this call. Waits also while GitHub names a rule that is not met, such as a required check
    that has not begun. Raises NotMerged if a check is red, cannot be read or does not end in time,
    and if the pull request has another target branch now; else the errors of `merge_pull`.
    """
    ends_at = time.monotonic() + patience_s
    while True:
        waits_for = _try_to_merge(github, event, run_id)
        if isinstance(waits_for, _Merged):
            return waits_for.commit
        if time.monotonic() + LOOK_EVERY_S > ends_at:
            raise _left(event, waits_for)
        log.info("%s is merged once it may be: %s", event.name, waits_for)
        sleep(LOOK_EVERY_S)


@dataclass(frozen=True, slots=True)
class _Merged:
    """The merge commit."""

    commit: str


def _try_to_merge(github: GitHub, event: PullEvent, run_id: str | None) -> "_Merged | str":
    """Merge it, or return what it is waiting for."""
    try:
        found = fetch_verdicts(github, event.repository, event.head_sha)
    except ServiceRefused as error:
        raise _left(event, f"its checks cannot be read: {error.why}") from error
    verdicts = [each for each in found if not _is_ours(each, run_id)]
    if bad := sorted({each.name for each in verdicts if each.word == "bad"}):
        raise _left(event, f"not green: {', '.join(bad)}")
    if pending := sorted({each.name for each in verdicts if each.word == "pending"}):
        return f"still at work: {', '.join(pending)}"
    if fetch_pull(github, event.repository, event.number).base_ref != event.base_ref:
        raise _left(event, f"it does not go to {event.base_ref} any more")
    try:
        return _Merged(merge_pull(github, event.repository, event.number, event.head_sha))
    except ServiceRefused as error:
        if error.status != _NOT_ALLOWED_YET:
            raise
        return error.why


def _is_ours(verdict: CheckVerdict, run_id: str | None) -> bool:
    """Whether a check is our own, or belongs to our workflow run."""
    if verdict.name == CHECK_NAME:
        return True
    return run_id is not None and f"/actions/runs/{run_id}/" in f"{verdict.url}/"


def _left(event: PullEvent, why: str) -> NotMerged:
    return NotMerged(
        f"{event.name} is not merged",
        why=why,
        mend="look at its checks, and merge it by hand; its datasets are done",
    )
