"""Pull requests: their changes, their checks, and merging."""

from hugflow.clients.github import GitHub
from hugflow.clients.github_calls import (
    MergeMethod,
    combined_status_call,
    content_call,
    files_call,
    latest_check_runs_call,
    merge_call,
    pull_call,
    repo_call,
)
from hugflow.clients.github_replies import (
    ChangedFile,
    CheckVerdict,
    Pull,
    read_check_verdicts,
    read_content,
    read_files,
    read_merge,
    read_merge_methods,
    read_pull,
    read_status_verdicts,
)
from hugflow.clients.services import ServiceRefused, ServiceUnavailable
from hugflow.errors import FileMissing, PlanOutOfDate, RequestInvalid

# GitHub lists no more: https://docs.github.com/rest/pulls/pulls#list-pull-requests-files
MOST_FILES = 3_000


def fetch_pull(github: GitHub, repository: str, number: int) -> Pull:
    """A pull request in its present state."""
    return read_pull(github.send(pull_call(repository, number)))


def fetch_changed_files(github: GitHub, repository: str, number: int) -> list[ChangedFile]:
    """The files that a pull request changes, in GitHub's order.

    Raises RequestInvalid if there may be more of them than GitHub lists.
    """
    files = list(github.fetch_all(lambda page: files_call(repository, number, page), read_files))
    if len(files) >= MOST_FILES:
        raise RequestInvalid(
            f"the pull request changes {len(files):,} files or more",
            why="GitHub lists no more of them, so it is unknown what else it asks for",
            mend="bring its requests by pull requests of their own",
        )
    return files


def fetch_file(github: GitHub, repository: str, path: str, ref: str) -> bytes:
    """The bytes of a file at a commit, at most 1 MB.

    For a link to another file of the repository, GitHub gives that file's bytes. Raises FileMissing
    if there is no file; RequestInvalid if it is a folder, a link out of the repository, a
    submodule, or too large.
    """
    try:
        data = read_content(github.send(content_call(repository, path, ref)))
    except ServiceRefused as error:
        if error.status != 404:
            raise
        raise FileMissing(
            f"{path} is not in {repository} at {ref[:7]}",
            why=error.why,
            mend="check the path, and that the token may read the repository's contents",
        ) from error
    if data is None:
        raise RequestInvalid(
            f"{path} of {repository} at {ref[:7]} cannot be read",
            why="it is no plain file, or larger than 1 MB",
            mend="put a plain file there",
        )
    return data


def fetch_verdicts(github: GitHub, repository: str, sha: str) -> list[CheckVerdict]:
    """The results of every check and status of a commit, the latest of each name.

    Raises ServiceRefused if the token may not read checks or statuses.
    """
    found = list(
        github.fetch_all(
            lambda page: latest_check_runs_call(repository, sha, page), read_check_verdicts
        )
    )
    found += github.fetch_all(
        lambda page: combined_status_call(repository, sha, page), read_status_verdicts
    )
    return found


def merge_pull(
    github: GitHub, repository: str, number: int, sha: str, method: MergeMethod | None = None
) -> str:
    """Merge a pull request whose head is `sha`; the merge commit.

    method: None takes the first one that the repository allows: merge, squash, rebase. A pull
        request that was already merged at this head counts as success: the answer to an earlier
        call may have been lost.

    Raises PlanOutOfDate if the head has changed, ServiceRefused with GitHub's words if a rule
    forbids the merge.
    """
    if method is None:
        allowed = read_merge_methods(github.send(repo_call(repository)))
        method = allowed[0] if allowed else "merge"
    try:
        return read_merge(github.send(merge_call(repository, number, sha, method)))
    except ServiceUnavailable as error:
        if error.may_have_happened:
            pull = fetch_pull(github, repository, number)
            if pull.is_merged and pull.head_sha == sha:
                return pull.merge_sha or ""
        raise
    except ServiceRefused as error:
        if error.status != 409:
            raise
        raise PlanOutOfDate(
            f"{repository}#{number} is not merged",
            why="something was pushed to it since it was looked at",
            mend="let its checks run on the new commit",
        ) from error
