"""The short comment at the end of a pull request's work; unlike an edit, it notifies people."""

import hashlib

from hugflow.amounts import count
from hugflow.notify.conversation import BAD, Conversation, Line, PullRequest
from hugflow.notify.escape import md_code
from hugflow.notify.markdown import (
    LONGEST,
    LONGEST_PATH,
    LONGEST_SENTENCE,
    failure_block,
    fit,
)
from hugflow.notify.markers import outcome_marker
from hugflow.notify.notices import Failure
from hugflow.notify.words import rows_words, step_words

MOST_PROBLEMS_TOLD = 3
_FRAME = 1_000


def find_mark(conversation: Conversation, pull: PullRequest) -> str | None:
    """Identifies this outcome by the commit and the text. None: there is no outcome to post.

    Only a finished conversation has an outcome, and only if some work was done.
    """
    if not conversation.is_finished or conversation.result not in ("completed", "failed"):
        return None
    text = f"{pull.head_sha}\n{_render(conversation)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def render_outcome(conversation: Conversation, pull: PullRequest, mark: str) -> str:
    """The places of the datasets, or what failed; at most LONGEST characters."""
    return f"{outcome_marker(pull, mark)}\n{_render(conversation)}"


def _render(conversation: Conversation) -> str:
    lines = conversation.lines
    bad = [line for line in lines if line.state in BAD]
    if bad:
        of_all = f"{len(bad):,} of {count(len(lines), 'request')}"
        head, told = f"❌ **Failed**: {of_all}.", [_render_bad(line) for line in bad]
    else:
        done = sum(map(conversation.counts, lines))
        of_all = f"{done:,} of " if done < len(lines) else ""
        head = f"✅ **Completed**: {of_all}{count(len(lines), 'request')}."
        told = [
            _render_good(line) if conversation.counts(line) else _render_later(line)
            for line in lines
        ]
    shown, left_out = fit(told, LONGEST - _FRAME)
    more = f"and {left_out:,} more" if left_out else ""
    return "\n\n".join(filter(None, [head, *shown, more])) + "\n"


def _render_good(line: Line) -> str:
    named, notice = md_code(line.dataset or line.path), line.notice
    if notice is None or line.state == "removed":
        return f"{named} was removed."
    place = f" is in {md_code(notice.location, LONGEST_PATH)}" if notice.location else ""
    link = f", linked at {md_code(notice.link, LONGEST_PATH)}" if notice.link else ""
    failed = f" (`failures.jsonl` says which and why {notice.failed_rows:,} could not be made)"
    rows = f"{notice.rows:,} rows{failed if notice.failed_rows else ''}"
    return f"{named}{place}{link}: {'; '.join([rows, *step_words(notice)])}."


def _render_later(line: Line) -> str:
    """Why no work was done for a request."""
    named, why = md_code(line.dataset or line.path), "; ".join(line.remarks)
    if line.kind == "remove" and not line.is_idle:
        return f"{named} goes after the merge."
    return f"{named}: nothing is to be done{f', {md_code(why, LONGEST_SENTENCE)}' if why else ''}."


def _render_bad(line: Line) -> str:
    named = md_code(line.dataset or line.path)
    if line.problems:
        failures = [Failure(each.headline, each.why, each.mend) for each in line.problems]
        more = len(failures) - MOST_PROBLEMS_TOLD
        blocks = [failure_block(failure) for failure in failures[:MOST_PROBLEMS_TOLD]]
        blocks += [f"and {more:,} more"] if more > 0 else []
        return "\n\n".join([f"{md_code(line.path)} is refused:", *blocks])
    if line.notice is not None and line.notice.failure is not None:
        return f"{named} failed:\n\n{failure_block(line.notice.failure)}"
    rows = rows_words(line)
    return f"{named} is {line.state}{f', with {rows} rows' if rows else ''}."
