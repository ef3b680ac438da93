"""Merging a pull request by itself: once its requests are done, and nothing speaks against it."""

import logging
import time
from collections.abc import Callable

from hugflow.ci.event import PullEvent
from hugflow.clients.github import GitHub
from hugflow.clients.github_replies import Verdict
from hugflow.clients.pulls import fetch_verdicts, merge_pull
from hugflow.errors import HugflowError

log = logging.getLogger(__name__)

OUR_CHECK = "hugflow"
PATIENCE_S = 600.0
LOOK_EVERY_S = 15.0


class NotMerged(HugflowError):
    """The requests are done, and the pull request is left for people to merge."""


def merge_when_green(
    github: GitHub,
    event: PullEvent,
    *,
    run_id: str | None,
    patience_s: float = PATIENCE_S,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Merge at the head that was worked on, and give the commit that this made.

    Checks that are still at work are waited for, but for those of the workflow run that we are in:
    it goes on until we end. Raises NotMerged where one of them is red or does not end in time, and
    what `merge_pull` raises.
    """
    ends_at = time.monotonic() + patience_s
    while True:
        verdicts = [
            each
            for each in fetch_verdicts(github, event.repository, event.head_sha)
            if not _is_ours(each, run_id)
        ]
        if bad := sorted({each.name for each in verdicts if each.word == "bad"}):
            raise _left(event, f"not green: {', '.join(bad)}")
        pending = sorted({each.name for each in verdicts if each.word == "pending"})
        if not pending:
            return merge_pull(github, event.repository, event.number, event.head_sha)
        if time.monotonic() + LOOK_EVERY_S > ends_at:
            raise _left(event, f"still at work: {', '.join(pending)}")
        log.info("%s is merged once these end: %s", event.name, ", ".join(pending))
        sleep(LOOK_EVERY_S)


def _is_ours(verdict: Verdict, run_id: str | None) -> bool:
    """Whether it is our own, or that of the workflow run that we are a part of."""
    if verdict.name == OUR_CHECK:
        return True
    return run_id is not None and f"/actions/runs/{run_id}/" in f"{verdict.url}/"


def _left(event: PullEvent, why: str) -> NotMerged:
    return NotMerged(
        f"{event.name} is not merged",
        why=why,
        mend="look at its checks, and merge it by hand; its datasets are done",
    )
