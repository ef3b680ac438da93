"""The short comment at the end of a pull request's work; unlike an edit, it notifies people."""

import hashlib

from hugflow.amounts import count
from hugflow.notify.conversation import BAD, Conversation, Line, PullRequest
from hugflow.notify.escape import md_code, safe_url
from hugflow.notify.markdown import LONGEST_PATH
from hugflow.notify.markers import outcome_marker
from hugflow.notify.words import rows_words, step_words

MOST_TOLD = 3


def find_mark(conversation: Conversation, pull: PullRequest) -> str | None:
    """Identifies this outcome by the commit and the text. None: there is no outcome to post.

    Only a finished conversation has an outcome, and only if some work was done.
    """
    if not conversation.is_finished or conversation.result not in ("completed", "failed"):
        return None
    text = f"{pull.head_sha}\n{_render(conversation)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def render_outcome(conversation: Conversation, pull: PullRequest, mark: str) -> str:
    """Two lines and a link: how many are done, and what became of the first; or what failed."""
    link = _link_living(conversation, pull)
    return f"{outcome_marker(pull, mark)}\n{_render(conversation)}{link}"


def _link_living(conversation: Conversation, pull: PullRequest) -> str:
    """The link to the living comment, which has the details; else to the page of the work."""
    if conversation.github.comment is not None:
        url = f"{safe_url(pull.url) or ''}#issuecomment-{conversation.github.comment}"
        return f"\n[Details](<{url}>)\n"
    url = safe_url(conversation.details_url) or ""
    return f"\n[Details](<{url}>)\n" if url else ""


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
    more = f"; and {len(told) - MOST_TOLD:,} more" if len(told) > MOST_TOLD else ""
    return f"{head}\n{'; '.join(told[:MOST_TOLD])}{more}.\n"


def _render_good(line: Line) -> str:
    named, notice = md_code(line.dataset or line.path), line.notice
    if notice is None or line.state == "removed":
        return f"{named} was removed"
    failed = f", {notice.failed_rows:,} could not be made" if notice.failed_rows else ""
    rows = ", ".join([count(notice.rows, "row") + failed, *step_words(notice)])
    # A path means nothing to most readers without the word where it is.
    place = f", on the server in {md_code(notice.location)}" if notice.location else ""
    return f"{named}: {rows}{place}"


def _render_later(line: Line) -> str:
    """Why no work was done for a request."""
    named, why = md_code(line.dataset or line.path), "; ".join(line.remarks)
    if line.kind == "remove" and not line.is_idle:
        return f"{named} goes after the merge"
    return f"{named}: nothing is to be done{f', {md_code(why, LONGEST_PATH)}' if why else ''}"


def _render_bad(line: Line) -> str:
    if line.problems:
        more = f" and {len(line.problems) - 1:,} more" if line.problems[1:] else ""
        return f"refused: {md_code(line.problems[0].headline, LONGEST_PATH)}{more}"
    named = md_code(line.dataset or line.path)
    if line.notice is not None and line.notice.failure is not None:
        return f"{named} failed: {md_code(line.notice.failure.what, LONGEST_PATH)}"
    rows = rows_words(line, with_noun=True)
    return f"{named} is {line.state}{f', with {rows}' if rows else ''}"
