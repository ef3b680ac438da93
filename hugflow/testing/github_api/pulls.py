"""Pull requests: reading them, what they change, and merging them.

https://docs.github.com/rest/pulls/pulls
"""

from hugflow.testing.exchange import Response, answer_json
from hugflow.testing.github_api.call import Call
from hugflow.testing.github_api.history import list_changes, merge
from hugflow.testing.github_api.holdings import Pull
from hugflow.testing.github_api.refusal import GitHubRefusal
from hugflow.testing.github_api.render import judge_mergeable, render_change, render_pull

# GitHub lists no more files of one pull request.
MOST_FILES = 3000
METHOD_WORDS = {"merge": "Merge commits", "squash": "Squash merges", "rebase": "Rebase merges"}


def answer_pulls(call: Call) -> Response:
    """Pull requests, the newest first; by default the open ones."""
    state = call.parameter("state", "open")
    base, head = call.parameter("base"), call.parameter("head")
    found = [
        pull
        for pull in sorted(call.repo.pulls.values(), key=lambda pull: -pull.number)
        if state == "all" or pull.is_open == (state == "open")
        if base in {"", pull.base}
        if head in {"", _label(call, pull)}
    ]
    return call.answer_page(
        found, lambda pull: render_pull(call.api_url, call.repo, pull, is_whole=False)
    )


def answer_pull(call: Call) -> Response:
    """One pull request, with whether it can be merged."""
    pull = call.find_pull(call.words[0])
    return answer_json(render_pull(call.api_url, call.repo, pull, is_whole=True))


def answer_files(call: Call) -> Response:
    """The files that a pull request changes."""
    pull = call.find_pull(call.words[0])
    changes = list_changes(call.repo, pull)[:MOST_FILES]
    return call.answer_page(
        changes, lambda change: render_change(call.api_url, call.repo, pull, change)
    )


def answer_is_merged(call: Call) -> Response:
    """204 for a pull request that was merged, else 404."""
    if call.find_pull(call.words[0]).merged_at is None:
        raise GitHubRefusal(404, "Not Found")
    return Response(204)


def merge_pull(call: Call) -> Response:
    """Merge it, if nothing prevents it.

    409 when its head is not the client's; 405 for every other reason.
    """
    pull = call.find_pull(call.words[0])
    call.demand("contents")
    wish = call.read()
    method = wish.get("merge_method") or "merge"
    if method not in METHOD_WORDS:
        raise GitHubRefusal(422, f"Invalid request.\n\n{method} is not a merge method.")
    if wish.get("sha") not in {None, pull.head_sha}:
        raise GitHubRefusal(409, "Head branch was modified. Review and try the merge again.")
    if reason := _find_obstacle(call, pull, method):
        raise GitHubRefusal(405, reason)
    title = wish.get("commit_title") or f"Merge pull request #{pull.number} from {pull.head}"
    message = "\n\n".join(filter(None, (title, wish.get("commit_message") or pull.title)))
    repo, commit = merge(call.repo, pull, by=call.login, message=message, now=call.now)
    call.keep(repo)
    done = {"sha": commit.sha, "merged": True, "message": "Pull Request successfully merged"}
    return answer_json(done)


def _find_obstacle(call: Call, pull: Pull, method: str) -> str | None:
    """Why it cannot be merged, in GitHub's words."""
    if pull.is_draft:
        return "Pull Request is still a draft"
    if not pull.is_open or judge_mergeable(call.repo, pull) is False:
        return "Pull Request is not mergeable"
    if method not in call.repo.merge_methods:
        return f"{METHOD_WORDS[method]} are not allowed on this repository."
    return pull.blocked


def _label(call: Call, pull: Pull) -> str:
    return pull.head if ":" in pull.head else f"{call.repo.owner}:{pull.head}"
