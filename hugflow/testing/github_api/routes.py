"""The routes: method and path, the handler, and its page in GitHub's documentation.

https://docs.github.com/rest
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from hugflow.late_dataclass import dataclass
from hugflow.testing.exchange import Ask, Response
from hugflow.testing.github_api import checks, comments, contents, people, pulls, statuses
from hugflow.testing.github_api.call import Call, without_prefix
from hugflow.testing.github_api.holdings import Holdings
from hugflow.testing.github_api.refusal import GitHubRefusal

Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A route: `{}` is any one part of the path, `{...}` any number of parts at its end."""

    method: str
    path: str
    handler: Handler
    doc: str

    def match(self, method: str, segments: Sequence[str]) -> tuple[str, ...] | None:
        """The variable parts of the path; None if the route does not match."""
        parts = self.path.split("/")
        if parts[-1] == "{...}":
            parts[-1:] = ["{}"] * (len(segments) - len(parts) + 1)
        if method != self.method or len(parts) != len(segments):
            return None
        pairs = list(zip(parts, segments, strict=True))
        if any(part not in {"{}", segment} for part, segment in pairs):
            return None
        return tuple(segment for part, segment in pairs if part == "{}")


GENERAL = (
    Route("GET", "user", people.answer_user, "users/users#get-the-authenticated-user"),
    Route("POST", "graphql", people.answer_graphql, "graphql/reference/queries#viewer"),
    Route(
        "GET",
        "rate_limit",
        people.answer_limit,
        "rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user",
    ),
)
# Below the repository's address; "" is the repository itself.
OF_REPO = (
    Route("GET", "", contents.answer_repo, "repos/repos#get-a-repository"),
    Route("GET", "branches/{...}", contents.answer_branch, "branches/branches#get-a-branch"),
    Route(
        "GET", "contents/{...}", contents.answer_contents, "repos/contents#get-repository-content"
    ),
    Route(
        "GET",
        "collaborators/{}/permission",
        people.answer_permission,
        "collaborators/collaborators#get-repository-permissions-for-a-user",
    ),
    Route("GET", "commits/{}", contents.answer_commit, "commits/commits#get-a-commit"),
    Route(
        "GET",
        "commits/{}/pulls",
        contents.answer_commit_pulls,
        "commits/commits#list-pull-requests-associated-with-a-commit",
    ),
    Route(
        "GET",
        "commits/{}/check-runs",
        checks.answer_check_runs,
        "checks/runs#list-check-runs-for-a-git-reference",
    ),
    Route(
        "GET",
        "commits/{}/status",
        statuses.answer_combined,
        "commits/statuses#get-the-combined-status-for-a-specific-reference",
    ),
    Route(
        "GET",
        "commits/{}/statuses",
        statuses.answer_statuses,
        "commits/statuses#list-commit-statuses-for-a-reference",
    ),
    Route(
        "GET",
        "statuses/{}",
        statuses.answer_statuses,
        "commits/statuses#list-commit-statuses-for-a-reference",
    ),
    Route("POST", "statuses/{}", statuses.create_status, "commits/statuses#create-a-commit-status"),
    Route("POST", "check-runs", checks.create_check_run, "checks/runs#create-a-check-run"),
    Route("GET", "check-runs/{}", checks.answer_check_run, "checks/runs#get-a-check-run"),
    Route("PATCH", "check-runs/{}", checks.update_check_run, "checks/runs#update-a-check-run"),
    Route("GET", "pulls", pulls.answer_pulls, "pulls/pulls#list-pull-requests"),
    Route("GET", "pulls/{}", pulls.answer_pull, "pulls/pulls#get-a-pull-request"),
    Route("GET", "pulls/{}/files", pulls.answer_files, "pulls/pulls#list-pull-requests-files"),
    Route(
        "GET",
        "pulls/{}/merge",
        pulls.answer_is_merged,
        "pulls/pulls#check-if-a-pull-request-has-been-merged",
    ),
    Route("PUT", "pulls/{}/merge", pulls.merge_pull, "pulls/pulls#merge-a-pull-request"),
    Route("GET", "issues/{}", comments.answer_issue, "issues/issues#get-an-issue"),
    Route(
        "GET",
        "issues/{}/comments",
        comments.answer_comments,
        "issues/comments#list-issue-comments",
    ),
    Route(
        "POST",
        "issues/{}/comments",
        comments.create_comment,
        "issues/comments#create-an-issue-comment",
    ),
    Route(
        "GET",
        "issues/comments/{}",
        comments.answer_comment,
        "issues/comments#get-an-issue-comment",
    ),
    Route(
        "PATCH",
        "issues/comments/{}",
        comments.edit_comment,
        "issues/comments#update-an-issue-comment",
    ),
    Route(
        "DELETE",
        "issues/comments/{}",
        comments.delete_comment,
        "issues/comments#delete-an-issue-comment",
    ),
)


def answer_github(
    held: Holdings, ask: Ask, api_url: str, *, prefix: str, rate_limit: int
) -> tuple[Response, Holdings]:
    """The answer to a request, and the content after its effect."""
    call = Call(held, ask, api_url)
    headers: dict[str, str] = {"X-GitHub-Media-Type": "github.v3; format=json"}
    doc = None
    try:
        call.ask = without_prefix(ask, prefix)
        _find_holder(call)
        segments: Sequence[str] = call.ask.segments
        if segments != ("rate_limit",):
            headers |= people.count_request(call, rate_limit)
        routes: Sequence[Route] = GENERAL
        if segments[0] in {"repos", "repositories"}:
            routes, segments = OF_REPO, _enter_repo(call, segments)
        route = _find_route(call, routes, segments)
        doc = route.doc
        answer = route.handler(call)
    except GitHubRefusal as refusal:
        refusal.doc = refusal.doc or doc
        answer = refusal.to_answer()
    return replace(answer, headers={**headers, **answer.headers}), call.held


def _find_holder(call: Call) -> None:
    if "authorization" not in call.ask.headers:
        return
    call.holder = call.held.holders.get(call.ask.token or "")
    if call.holder is None:
        raise GitHubRefusal(401, "Bad credentials")


def _enter_repo(call: Call, segments: Sequence[str]) -> Sequence[str]:
    """Find the repository that the path names, and give the rest of the path.

    It may be named by its number, as the addresses of further pages do.
    """
    by_number = segments[0] == "repositories"
    names = {str(repo.id): repo.full_name for repo in call.held.repos.values()}
    named = "/".join(segments[1 : 2 if by_number else 3])
    try:
        repo = call.held.find_repo(names.get(named, "") if by_number else named)
    except KeyError as error:
        raise GitHubRefusal(404, "Not Found", doc=OF_REPO[0].doc) from error
    if repo.is_private and not (call.holder and call.holder.reaches(repo.full_name)):
        raise GitHubRefusal(404, "Not Found", doc=OF_REPO[0].doc)
    call.full_name = repo.full_name
    return segments[2 if by_number else 3 :] or [""]


def _find_route(call: Call, routes: Sequence[Route], segments: Sequence[str]) -> Route:
    method = "GET" if call.ask.method == "HEAD" else call.ask.method
    for route in routes:
        words = route.match(method, segments)
        if words is not None:
            call.words = words
            return route
    # GitHub says only "Not Found"; users of a stand-in need to know more.
    raise GitHubRefusal(404, f"Not Found: the stand-in knows no {method} {call.ask.path}")
