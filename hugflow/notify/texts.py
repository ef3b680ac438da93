"""The texts of a pull request: the living comment, the check, the status.

Values in, text out. All foreign text is escaped by `escape`, so it cannot change the layout.
"""

from typing import Literal

from hugflow.late_dataclass import dataclass
from hugflow.notify.conversation import Conversation, Line, PullRequest
from hugflow.notify.escape import html_code, md_cell, md_code, safe_url, to_line
from hugflow.notify.markdown import (
    LONGEST,
    LONGEST_PATH,
    LONGEST_SENTENCE,
    failure_block,
    fit,
    fold,
    length,
)
from hugflow.notify.markers import living_marker
from hugflow.notify.notices import Failure
from hugflow.notify.words import (
    as_of,
    fact_words,
    going_on,
    headline,
    left_words,
    rows_words,
    state_words,
)

LONGEST_STATUS = 140
MOST_UNFOLDED = 20
# Room for the headline, the foot and the notes on what is left out; the rest is for lines.
_FRAME = 2_500

Conclusion = Literal["success", "failure", "cancelled"]
StatusState = Literal["pending", "success", "failure"]

_TABLE = (
    "| Request | Dataset | State | Rows | Left | |",
    "| --- | --- | --- | ---: | ---: | --- |",
)


@dataclass(frozen=True, slots=True)
class CheckText:
    """A check run; conclusion: None while there is work to do."""

    status: Literal["queued", "in_progress", "completed"]
    conclusion: Conclusion | None
    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class StatusText:
    """A commit status."""

    state: StatusState
    description: str


def render_living(conversation: Conversation, pull: PullRequest) -> str:
    """The living comment, at most LONGEST characters."""
    return f"{living_marker(pull)}\n{_render_body(conversation)}"


def render_summary(conversation: Conversation) -> str:
    """The same text for the page of a workflow run."""
    return _render_body(conversation)


def render_check(conversation: Conversation) -> CheckText:
    """The check run: green if everything is done or planned, red if something failed."""
    title, summary = to_line(headline(conversation.lines)), _render_body(conversation)
    conclusion = _conclude(conversation)
    if conclusion is not None:
        return CheckText("completed", conclusion, title, summary)
    is_begun = any(line.state not in ("pending", "planned") for line in conversation.lines)
    return CheckText("in_progress" if is_begun else "queued", None, title, summary)


def render_status(conversation: Conversation) -> StatusText:
    """The commit status, for tokens that may not set check runs."""
    states: dict[Conclusion | None, StatusState] = {None: "pending", "success": "success"}
    state = states.get(_conclude(conversation), "failure")
    return StatusText(state, to_line(headline(conversation.lines), LONGEST_STATUS))


def _conclude(conversation: Conversation) -> Conclusion | None:
    """The conclusion of the check; None while there is work to do."""
    states = {line.state for line in conversation.lines}
    if "downloading" in states:
        return None
    if not conversation.is_finished:
        return "cancelled" if "interrupted" in states else None
    return "failure" if conversation.result == "failed" else "success"


def _render_body(conversation: Conversation) -> str:
    """Headline, table, details; a note says how many lines and details are left out."""
    lines = conversation.lines
    if not lines:
        return "### Hugflow\n\nThere is no request here any more.\n"
    rows, rows_left_out = fit([_render_row(line) for line in lines], LONGEST - _FRAME)
    parts = [f"### Hugflow: {headline(lines)}", "\n".join([*_TABLE, *rows])]
    if rows_left_out:
        parts.append(f"and {rows_left_out:,} more that do not fit here")
    room = LONGEST - _FRAME - sum(length(row) + 2 for row in rows)
    details, left_out = _choose_details(conversation, room)
    parts += details
    if left_out:
        parts.append(f"There is no room here for {left_out:,} more to unfold.")
    return "\n\n".join([*parts, _render_foot(conversation)]).rstrip() + "\n"


def _render_row(line: Line) -> str:
    cells = (
        md_cell(line.path),
        md_cell(line.dataset or line.hf_id or ""),
        ("removal: " if line.kind == "remove" else "") + state_words(line),
        rows_words(line),
        left_words(line),
        _render_remark(line),
    )
    return f"| {' | '.join(cells)} |"


def _render_remark(line: Line) -> str:
    """What is wrong with the dataset, or what goes on."""
    if line.problems:
        more = f" and {len(line.problems) - 1:,} more" if len(line.problems) > 1 else ""
        return md_cell(line.problems[0].headline, LONGEST_PATH) + more
    if line.notice is not None and line.notice.failure is not None:
        return md_cell(line.notice.failure.what, LONGEST_PATH)
    if line.notice is not None and line.state == "completed" and line.notice.failed_rows:
        return f"{line.notice.failed_rows:,} could not be made"
    return going_on(line)


def _choose_details(conversation: Conversation, room: int) -> tuple[list[str], int]:
    """The details below the table, in the order of the lines, and the number left out.

    Failures take the room before plans, wherever they are in the table.
    """
    wrong = [(number, _render_wrong(line)) for number, line in enumerate(conversation.lines)]
    plans = [(number, _render_plan(line)) for number, line in enumerate(conversation.lines)]
    found = [(number, text) for number, text in (*wrong, *plans) if text]
    shown, left_out = fit([text for _, text in found], room)
    chosen = sorted(found[: len(shown)], key=lambda each: each[0])
    return [text for _, text in chosen], left_out


def _render_wrong(line: Line) -> str:
    """Why the request is refused, or why it failed."""
    if line.problems:
        failures = [Failure(each.headline, each.why, each.mend) for each in line.problems]
        blocks = [failure_block(failure) for failure in failures[:MOST_UNFOLDED]]
        if len(failures) > MOST_UNFOLDED:
            blocks.append(f"and {len(failures) - MOST_UNFOLDED:,} more")
        return fold(f"What is wrong with {html_code(line.path)}", blocks)
    named = html_code(line.dataset or line.path)
    failed = _render_failed_rows(line)
    if line.notice is None or line.notice.failure is None:
        return fold(f"Rows of {named} that could not be made", [failed]) if failed else ""
    blocks = [failure_block(line.notice.failure), *([failed] if failed else [])]
    return fold(f"What went wrong with {named}", blocks)


def _render_failed_rows(line: Line) -> str:
    """The first failed rows with their reasons; `failures.jsonl` in the dataset's folder has all."""
    notice = line.notice
    if notice is None or not notice.first_failed:
        return ""
    rows = [
        f"- row {each.row:,}: {md_code(each.code)}, {md_code(each.message, LONGEST_SENTENCE)}"
        for each in notice.first_failed
    ]
    more = notice.failed_rows - len(rows)
    rows += [f"- and {more:,} more, in `failures.jsonl`"] if more > 0 else []
    return "\n".join(rows)


def _render_plan(line: Line) -> str:
    """The plan, and what is odd about it."""
    items, odd = [], [*line.remarks]
    if line.facts is not None:
        items = [f"- {name}: {value}" for name, value in fact_words(line.facts)]
        items.insert(0, f"- commit: {md_code(line.facts.commit)}")
        items.append(f"- licence: {md_code(line.facts.licence or '') or 'none named'}")
        if line.facts.digest is not None:
            items.append(f"- digest: {md_code(line.facts.digest)}")
        odd += line.facts.warnings
    if line.publish_to is not None:
        place = md_code(line.publish_to, LONGEST_PATH)
        items.append(f"- publish to: {place}, when the dataset is complete")
    if line.notice is not None and line.notice.location is not None:
        place = md_code(line.notice.location, LONGEST_PATH)
        items.append(f"- stored in {place}, on the server that made it")
    items += [f"- {md_code(each, LONGEST_SENTENCE)}" for each in line.goes]
    items += [f"- warning: {md_code(each, LONGEST_SENTENCE)}" for each in odd[:MOST_UNFOLDED]]
    if not items:
        return ""
    return fold(f"Plan of {html_code(line.dataset or line.path)}", ["\n".join(items)])


def _render_foot(conversation: Conversation) -> str:
    moment, url = as_of(conversation), safe_url(conversation.details_url)
    parts = [f"As of {moment}." if moment else "", f"[More](<{url}>)" if url else ""]
    return " ".join(filter(None, parts))
