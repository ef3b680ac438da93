"""Calls of GitHub's REST API, as values. https://docs.github.com/rest."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal
from urllib.parse import quote

from hugflow.late_dataclass import dataclass

PAGE_SIZE = 100
CheckStatus = Literal["queued", "in_progress", "completed"]
CommitState = Literal["error", "failure", "pending", "success"]
MergeMethod = Literal["merge", "squash", "rebase"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call; path: below the address of the API, or `graphql`. body: sent as JSON."""

    method: Literal["GET", "POST", "PATCH", "PUT"]
    path: str
    body: Mapping[str, Any] | None = None
    parameters: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def is_safe(self) -> bool:
        """Whether it only reads, so that sending it twice changes nothing."""
        return self.method == "GET"

    def __str__(self) -> str:
        """The call in short: `PATCH /repos/acme/requests/issues/comments/1`."""
        return f"{self.method} {self.path}"


def user_call() -> Call:
    """Who we are: https://docs.github.com/rest/users/users#get-the-authenticated-user."""
    return Call("GET", "/user")


def viewer_call() -> Call:
    """Who we are, without a user: https://docs.github.com/graphql/reference/queries#viewer."""
    return Call("POST", "graphql", {"query": "query { viewer { login } }"})


def repo_call(repository: str) -> Call:
    """A repository: https://docs.github.com/rest/repos/repos#get-a-repository."""
    return Call("GET", _repo(repository))


def permission_call(repository: str, login: str) -> Call:
    """What somebody may do in a repository.

    https://docs.github.com/rest/collaborators/collaborators#get-repository-permissions-for-a-user
    """
    return Call("GET", f"{_repo(repository)}/collaborators/{quote(login, safe='')}/permission")


def comments_call(repository: str, number: int, page: int) -> Call:
    """A page of comments: https://docs.github.com/rest/issues/comments#list-issue-comments."""
    path = f"{_repo(repository)}/issues/{number}/comments"
    return Call("GET", path, parameters={"per_page": PAGE_SIZE, "page": page})


def create_comment_call(repository: str, number: int, body: str) -> Call:
    """Post a comment: https://docs.github.com/rest/issues/comments#create-an-issue-comment."""
    return Call("POST", f"{_repo(repository)}/issues/{number}/comments", {"body": body})


def edit_comment_call(repository: str, comment_id: int, body: str) -> Call:
    """Change a comment: https://docs.github.com/rest/issues/comments#update-an-issue-comment."""
    return Call("PATCH", f"{_repo(repository)}/issues/comments/{comment_id}", {"body": body})


def check_runs_call(repository: str, sha: str, name: str, page: int) -> Call:
    """A page of check runs with one name, newest first.

    https://docs.github.com/rest/checks/runs#list-check-runs-for-a-git-reference
    """
    parameters: dict[str, str | int] = {
        "check_name": name,
        "filter": "all",
        "per_page": PAGE_SIZE,
        "page": page,
    }
    return Call("GET", f"{_repo(repository)}/commits/{sha}/check-runs", parameters=parameters)


def latest_check_runs_call(repository: str, sha: str, page: int) -> Call:
    """A page of a commit's check runs, the latest of each name."""
    parameters: dict[str, str | int] = {"filter": "latest", "per_page": PAGE_SIZE, "page": page}
    return Call("GET", f"{_repo(repository)}/commits/{sha}/check-runs", parameters=parameters)


def combined_status_call(repository: str, sha: str, page: int) -> Call:
    """The latest commit status of each context: https://docs.github.com/rest/commits/statuses#get-the-combined-status-for-a-specific-reference."""
    parameters: dict[str, str | int] = {"per_page": PAGE_SIZE, "page": page}
    return Call("GET", f"{_repo(repository)}/commits/{sha}/status", parameters=parameters)


def create_check_run_call(repository: str, sha: str, content: Mapping[str, Any]) -> Call:
    """Create a check run: https://docs.github.com/rest/checks/runs#create-a-check-run."""
    return Call("POST", f"{_repo(repository)}/check-runs", {**content, "head_sha": sha})


def edit_check_run_call(repository: str, check_id: int, content: Mapping[str, Any]) -> Call:
    """Update a check run: https://docs.github.com/rest/checks/runs#update-a-check-run."""
    return Call("PATCH", f"{_repo(repository)}/check-runs/{check_id}", content)


def check_content(
    name: str,
    *,
    status: CheckStatus,
    conclusion: str | None,
    title: str,
    summary: str,
    mark: str,
    details_url: str | None,
) -> dict[str, Any]:
    """The body of a check run; it has a conclusion only if it is completed."""
    content: dict[str, Any] = {
        "name": name,
        "status": status,
        "external_id": mark,
        "output": {"title": title, "summary": summary},
    }
    if conclusion is not None:
        content["conclusion"] = conclusion
    if details_url is not None:
        content["details_url"] = details_url
    return content


def create_status_call(
    repository: str,
    sha: str,
    *,
    context: str,
    state: CommitState,
    description: str,
    target_url: str | None,
) -> Call:
    """Say how it stands with a commit: https://docs.github.com/rest/commits/statuses#create-a-commit-status."""
    body = {"context": context, "state": state, "description": description}
    if target_url is not None:
        body["target_url"] = target_url
    return Call("POST", f"{_repo(repository)}/statuses/{sha}", body)


def pull_call(repository: str, number: int) -> Call:
    """A pull request: https://docs.github.com/rest/pulls/pulls#get-a-pull-request."""
    return Call("GET", f"{_repo(repository)}/pulls/{number}")


def files_call(repository: str, number: int, page: int) -> Call:
    """A page of the files that a pull request changes: https://docs.github.com/rest/pulls/pulls#list-pull-requests-files."""
    path = f"{_repo(repository)}/pulls/{number}/files"
    return Call("GET", path, parameters={"per_page": PAGE_SIZE, "page": page})


def content_call(repository: str, path: str, ref: str) -> Call:
    """A file at a commit: https://docs.github.com/rest/repos/contents#get-repository-content."""
    return Call("GET", f"{_repo(repository)}/contents/{quote(path)}", parameters={"ref": ref})


def merge_call(repository: str, number: int, sha: str, method: MergeMethod) -> Call:
    """Merge, if the head is still this commit: https://docs.github.com/rest/pulls/pulls#merge-a-pull-request."""
    path = f"{_repo(repository)}/pulls/{number}/merge"
    return Call("PUT", path, {"sha": sha, "merge_method": method})


def _repo(repository: str) -> str:
    owner, _, name = repository.partition("/")
    return f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
