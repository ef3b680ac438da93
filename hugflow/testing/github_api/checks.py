"""Check runs, which only a GitHub App makes: https://docs.github.com/rest/checks/runs.

All others use commit statuses.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from hugflow.testing.exchange import Response, answer_json
from hugflow.testing.github_api.call import Call, read_time
from hugflow.testing.github_api.holdings import CheckRun, put
from hugflow.testing.github_api.refusal import GitHubRefusal
from hugflow.testing.github_api.render import render_check_run

STATUSES = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
CONCLUSIONS = (
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "success",
    "skipped",
    "timed_out",
)
LONGEST_TEXT = 65_535


def create_check_run(call: Call) -> Response:
    """Begin a check run of a commit, or create a completed one."""
    _demand_app(call)
    sent = call.read("name", "head_sha")
    sha = call.find_commit(str(sent["head_sha"])).sha
    check = CheckRun(call.take_id(), str(sent["name"]), sha, call.login, "queued", call.now)
    check = _change(check, sent, call.now)
    call.keep(replace(call.repo, check_runs=put(call.repo.check_runs, check.id, check)))
    rendered = render_check_run(call.api_url, call.repo, check)
    return answer_json(rendered, status=201, headers={"Location": rendered["url"]})


def answer_check_run(call: Call) -> Response:
    """One check run."""
    return answer_json(render_check_run(call.api_url, call.repo, _find(call)))


def update_check_run(call: Call) -> Response:
    """Update a check run; fields that are not sent stay."""
    check = _find(call)
    _demand_app(call)
    check = _change(check, call.read(), call.now)
    call.keep(replace(call.repo, check_runs=put(call.repo.check_runs, check.id, check)))
    return answer_json(render_check_run(call.api_url, call.repo, check))


def answer_check_runs(call: Call) -> Response:
    """The check runs of a commit, the newest first: of each name the latest, or `filter=all`."""
    [ref] = call.words
    sha = call.find_commit(ref).sha
    name, status = call.parameter("check_name"), call.parameter("status")
    found = [
        each
        for each in sorted(call.repo.check_runs.values(), key=lambda each: -each.id)
        if each.head_sha == sha and name in {"", each.name} and status in {"", each.status}
    ]
    if call.parameter("filter", "latest") == "latest":
        latest: dict[tuple[str, str], CheckRun] = {}
        for each in found:
            latest.setdefault((each.author, each.name), each)
        found = list(latest.values())
    return call.answer_page(
        found,
        lambda each: render_check_run(call.api_url, call.repo, each),
        lambda rendered: {"total_count": len(found), "check_runs": rendered},
    )


def _demand_app(call: Call) -> None:
    if not call.demand_token().is_integration:
        raise GitHubRefusal(403, "You must authenticate via a GitHub App.")
    call.demand("checks")


def _find(call: Call) -> CheckRun:
    [number] = call.words
    found = call.repo.check_runs.get(int(number)) if number.isdecimal() else None
    if found is None:
        raise GitHubRefusal(404, "Not Found")
    return found


def _change(check: CheckRun, sent: dict[str, Any], now: datetime) -> CheckRun:
    """The check run with what was sent; a conclusion completes it."""
    conclusion = sent.get("conclusion")
    status = sent.get("status") or ("completed" if conclusion else check.status)
    _demand_word("status", status, STATUSES)
    if conclusion is not None:
        _demand_word("conclusion", conclusion, CONCLUSIONS)
    conclusion = conclusion or check.conclusion
    if status == "completed" and conclusion is None:
        raise GitHubRefusal(422, 'Invalid request.\n\n"conclusion" wasn\'t supplied.')
    is_over = status == "completed"
    completed_at = read_time(sent.get("completed_at")) or check.completed_at or now
    return replace(
        check,
        name=str(sent.get("name", check.name)),
        status=status,
        conclusion=conclusion if is_over else None,
        started_at=read_time(sent.get("started_at")) or check.started_at,
        completed_at=completed_at if is_over else None,
        details_url=sent.get("details_url", check.details_url),
        external_id=str(sent.get("external_id", check.external_id)),
        output=_read_output(sent["output"]) if "output" in sent else check.output,
    )


def _read_output(output: Any) -> dict[str, Any]:
    """The output for people: at least a title and a summary."""
    if not isinstance(output, dict):
        raise GitHubRefusal(422, "Invalid request.\n\nFor 'properties/output', it is no object.")
    for name in ("title", "summary"):
        if name not in output:
            raise GitHubRefusal(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
    for name in ("summary", "text"):
        length = len(str(output.get(name) or ""))
        if length > LONGEST_TEXT:
            words = f"Only {LONGEST_TEXT} characters are allowed; {length} were supplied."
            raise GitHubRefusal(422, f"Invalid request.\n\n{words}")
    return output


def _demand_word(field: str, word: Any, words: tuple[str, ...]) -> None:
    if word not in words:
        possible = ", ".join(words)
        message = f"Invalid request.\n\nFor '{field}', {word} is not a member of [{possible}]."
        raise GitHubRefusal(422, message)
