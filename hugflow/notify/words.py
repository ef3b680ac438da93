"""The words about requests that GitHub and Slack share: short, plain, not escaped."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC

from hugflow.amounts import count, human_bytes, human_time
from hugflow.ledger.progress import Status
from hugflow.notify.conversation import Conversation, Line, PlanFacts
from hugflow.notify.notices import Notice

UNKNOWN_ROWS = "not known before they are fetched"
STARTING = "Starting download..."
MARK_BY_STATE: dict[Status, str] = {
    "downloading": "⏳",
    "completed": "✅",
    "removed": "✅",
    "failed": "❌",
    "incomplete": "⚠️",
    "interrupted": "⚠️",
}


def headline(lines: Sequence[Line]) -> str:
    """All requests in one line: `3 requests, 1 completed, 2 downloading`."""
    counts = Counter(line.state for line in lines)
    if len(lines) == 1:
        return f"1 request, {next(iter(counts))}"
    told = ", ".join(f"{number} {state}" for state, number in counts.most_common())
    return f"{count(len(lines), 'request')}, {told}"


def going_on(line: Line) -> str:
    """What a request is doing, if its state alone does not say it."""
    return STARTING if line.notice is not None and line.notice.is_start else ""


def as_of(conversation: Conversation) -> str:
    """Time of the latest notice; "" if unknown."""
    moments = [line.notice.at for line in conversation.lines if line.notice is not None]
    return f"{max(moments).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moments else ""


def state_words(line: Line) -> str:
    """`⏳ downloading, 15 %`."""
    mark, notice, share = MARK_BY_STATE.get(line.state, ""), line.notice, ""
    if line.state == "downloading" and notice is not None and notice.total_rows:
        # Rounded down: 100 % means that every row is there.
        share = f", {100 * notice.rows // notice.total_rows} %"
    return f"{mark} {line.state}{share}".strip()


def rows_words(line: Line, *, with_noun: bool = False) -> str:
    """`1,500 of 10,000`, `24, 1 failed`; "" if unknown.

    with_noun: `1,500 of 10,000 rows`, `24 rows, 1 failed`, for a sentence.
    """

    def say(rows: int) -> str:
        return count(rows, "row") if with_noun else f"{rows:,}"

    notice, facts = line.notice, line.facts
    total = notice.total_rows if notice is not None else None
    total = facts.rows if total is None and facts is not None else total
    if notice is None or line.state in ("pending", "planned", "removed"):
        return say(total) if total is not None else ""
    if line.state != "completed" and total is not None:
        words = f"{notice.rows:,} of {say(total)}"
    else:
        words = say(notice.rows)
    words += f", {notice.failed_rows:,} failed" if notice.failed_rows else ""
    return "; ".join([words, *step_words(notice)])


def step_words(notice: Notice) -> list[str]:
    """For each row step: `clean: 280, 12 left out, 1 failed`."""
    return [
        f"{step.name}: {step.rows:,}"
        + (f", {step.dropped:,} left out" if step.dropped else "")
        + (f", {step.errors:,} failed" if step.errors else "")
        for step in notice.steps
    ]


def left_words(line: Line) -> str:
    """`12 min`; "" if unknown."""
    left_s = line.notice.left_s if line.notice is not None else None
    return human_time(left_s) if left_s is not None else ""


def fact_words(facts: PlanFacts) -> list[tuple[str, str]]:
    """The plan as pairs of name and value, without commit and licence, which callers escape."""
    sampled = ", estimated from a sample" if facts.is_sampled else ""
    disk = "unknown" if facts.disk_bytes is None else human_bytes(facts.disk_bytes)
    words = [
        ("rows", UNKNOWN_ROWS if facts.rows is None else f"{facts.rows:,}"),
        ("hours", "unknown" if facts.hours is None else f"{_hours(facts.hours)}{sampled}"),
        ("source", f"{human_bytes(facts.source_bytes)} in {count(facts.files, 'file')}"),
        ("MP3s", "unknown" if facts.mp3_bytes is None else f"about {human_bytes(facts.mp3_bytes)}"),
        ("disk needed", "none: it is complete" if facts.disk_bytes == 0 else disk),
    ]
    if facts.made_files is not None:
        words.append(("files made", f"about {facts.made_files:,}"))
    if facts.quota_left_bytes is not None:
        words.append(("quota left", human_bytes(facts.quota_left_bytes)))
    if facts.eta_s:
        words.append(("encoding", f"about {human_time(facts.eta_s)}"))
    if facts.rate_floor_s:
        words.append(("rate limit", f"fetching takes {human_time(facts.rate_floor_s)} at least"))
    return [*words, ("gated", "yes" if facts.is_gated else "no")]


def _hours(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 10 else f"{hours:,.3f}"
