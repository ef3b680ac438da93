"""Statuses of commits, the older and simpler kind of check.

https://docs.github.com/rest/commits/statuses
"""

from collections.abc import Mapping
from dataclasses import replace

from hugflow.testing.exchange import Response, answer_json
from hugflow.testing.github_api.call import Call
from hugflow.testing.github_api.holdings import CommitStatus, put
from hugflow.testing.github_api.refusal import GitHubRefusal, invalid
from hugflow.testing.github_api.render import render_repo, render_status

STATES = ("error", "failure", "pending", "success")
LONGEST_DESCRIPTION = 140
# Statuses of one context on one commit.
MOST_STATUSES = 1000


def create_status(call: Call) -> Response:
    """Create a status of a commit."""
    sha = call.find_commit(call.words[0]).sha
    call.demand("statuses")
    sent = call.read("state")
    if sent["state"] not in STATES:
        raise invalid("Status", "state", "state is not included in the list")
    description = sent.get("description")
    if description is not None and len(description) > LONGEST_DESCRIPTION:
        words = f"description is too long (maximum is {LONGEST_DESCRIPTION} characters)"
        raise invalid("Status", "description", words)
    context = sent.get("context") or "default"
    before = [each for each in _of_commit(call, sha) if each.context == context]
    if len(before) >= MOST_STATUSES:
        words = "This SHA and context has reached the maximum number of statuses."
        raise GitHubRefusal(422, "Validation Failed", errors=[{"message": words}])
    status = CommitStatus(
        call.take_id(),
        sha,
        context,
        sent["state"],
        call.login,
        call.now,
        description=description,
        target_url=sent.get("target_url"),
    )
    call.keep(replace(call.repo, statuses=put(call.repo.statuses, status.id, status)))
    rendered = render_status(call.api_url, call.repo, status)
    return answer_json(rendered, status=201, headers={"Location": rendered["url"]})


def answer_statuses(call: Call) -> Response:
    """Every status of a commit, the newest first."""
    found = _of_commit(call, call.find_commit(call.words[0]).sha)
    return call.answer_page(found, lambda each: render_status(call.api_url, call.repo, each))


def answer_combined(call: Call) -> Response:
    """The newest status of each context, and the combined state."""
    sha = call.find_commit(call.words[0]).sha
    newest: dict[str, CommitStatus] = {}
    for each in _of_commit(call, sha):
        newest.setdefault(each.context, each)
    return answer_json(
        {
            "state": combine(newest),
            "sha": sha,
            "total_count": len(newest),
            "statuses": [render_status(call.api_url, call.repo, each) for each in newest.values()],
            "repository": render_repo(call.api_url, call.repo),
            "commit_url": f"{call.repo_url}/commits/{sha}",
            "url": f"{call.repo_url}/commits/{sha}/status",
        }
    )


def combine(newest: Mapping[str, CommitStatus]) -> str:
    """The combined state of a commit: failure if one failed, pending until all have ended."""
    states = {each.state for each in newest.values()}
    if states & {"error", "failure"}:
        return "failure"
    return "success" if states == {"success"} else "pending"


def _of_commit(call: Call, sha: str) -> list[CommitStatus]:
    found = [each for each in call.repo.statuses.values() if each.sha == sha]
    return sorted(found, key=lambda each: -each.id)
