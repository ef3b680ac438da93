"""The texts for Slack: one message that is kept up to date, or one message for each event.

Values in, text and blocks out. https://docs.slack.dev/reference/block-kit/blocks/section-block
"""

from typing import Any

from hugflow.errors import show_fix
from hugflow.late_dataclass import dataclass
from hugflow.notify.conversation import Conversation, Line
from hugflow.notify.escape import safe_url, slack_code, slack_text
from hugflow.notify.words import going_on, headline, left_words, rows_words, state_words

# Limits: characters in a section, blocks in a message, characters of a text.
LONGEST_SECTION = 3_000
MOST_SECTIONS = 40
LONGEST_TEXT = 3_000
LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class SlackText:
    """A message; text: for notifications, and for clients that show no blocks."""

    text: str
    blocks: tuple[dict[str, Any], ...]


def render_message(conversation: Conversation) -> SlackText:
    """All requests of a conversation in their present state."""
    lines = conversation.lines
    return _compose(conversation, headline(lines), [_render_line(line) for line in lines])


def render_event(conversation: Conversation, line: Line) -> SlackText:
    """The latest event of one request."""
    return _compose(conversation, _event_words(line), [_render_line(line)])


def find_event(line: Line) -> str | None:
    """Identifies an event of a request; None if there is nothing to send yet.

    Start, progress, finish and failure are events; pending and planned are not.
    """
    notice = line.notice
    if line.problems:
        return "refused " + " ".join(problem.headline for problem in line.problems)
    if notice is None or line.state in ("pending", "planned"):
        return None
    if line.state == "downloading":
        return f"downloading {notice.rows}"
    return f"{line.state} {notice.rows} {notice.failure.what if notice.failure else ''}"


def _event_words(line: Line) -> str:
    return going_on(line) or line.state


def _compose(conversation: Conversation, head: str, items: list[str]) -> SlackText:
    title = f"{_render_subject(conversation)}: {slack_text(head)}"
    sections, left_out = _fill([f"*Hugflow* {title}", *items])
    if left_out:
        sections.append(f"and {left_out:,} more")
    text = "\n".join([f"Hugflow {title}", *items])
    # Cut between two lines: half a link or half an entity would be shown as text.
    shown, _ = _fill(text.split("\n"), LONGEST_TEXT, most=1)
    return SlackText(shown[0], tuple(_section(section) for section in sections))


def _render_subject(conversation: Conversation) -> str:
    """The pull request, with a link if its address is known, or the dataset."""
    pull = conversation.pull
    if pull is None:
        return ", ".join(slack_code(name) for name in sorted(conversation.datasets)[:1])
    named, url = slack_text(f"{pull.repository}#{pull.number}"), safe_url(pull.url)
    return f"<{url.replace('&', '&amp;')}|{named}>" if url else named


def _render_line(line: Line) -> str:
    left = left_words(line)
    parts = [
        ("removal: " if line.kind == "remove" else "") + state_words(line),
        rows_words(line, with_noun=True),
        f"{left} left" if left else "",
        going_on(line),
        _render_remark(line),
    ]
    named = slack_code(line.dataset or line.path)
    return f"• {named} {', '.join(filter(None, parts))}"


def _render_remark(line: Line) -> str:
    """The place of the dataset, or what is wrong and how to fix it."""
    if line.problems:
        first = line.problems[0]
        what, mend = (slack_code(each, LONGEST_WORDS) for each in (first.headline, first.mend))
        return f"{what}, {show_fix(mend)}"
    notice = line.notice
    if notice is not None and notice.failure is not None:
        failure = notice.failure
        what, why, mend = (
            slack_code(each, LONGEST_WORDS) for each in (failure.what, failure.why, failure.mend)
        )
        return f"{what}, why: {why}, {show_fix(mend)}"
    if notice is not None and notice.location is not None:
        return f"in {slack_code(notice.location, LONGEST_WORDS)}"
    return ""


def _fill(
    items: list[str], size: int = LONGEST_SECTION, *, most: int = MOST_SECTIONS
) -> tuple[list[str], int]:
    """Items joined into sections, and the number of items left out."""
    sections = [""]
    for number, item in enumerate(items):
        longer = f"{sections[-1]}\n{item}" if sections[-1] else item
        if len(longer) <= size:
            sections[-1] = longer
        elif len(sections) < most:
            sections.append(item)
        else:
            return sections, len(items) - number
    return sections, 0


def _section(text: str) -> dict[str, Any]:
    # `verbatim`: Slack does not turn plain words into links and mentions.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
