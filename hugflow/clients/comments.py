"""Comments and checks of a pull request: make, find and change them."""

from collections.abc import Callable, Iterator

from hugflow.clients.github import GitHub
from hugflow.clients.github_calls import (
    check_runs_call,
    comments_call,
    create_comment_call,
    edit_comment_call,
)
from hugflow.clients.github_replies import (
    CheckRun,
    Comment,
    read_check_runs,
    read_comment,
    read_comments,
)


def send_comment(github: GitHub, repository: str, number: int, body: str) -> Comment:
    """Post a comment; returns it."""
    return read_comment(github.send(create_comment_call(repository, number, body)))


def send_edit(github: GitHub, repository: str, comment_id: int, body: str) -> Comment:
    """Change the text of a comment."""
    return read_comment(github.send(edit_comment_call(repository, comment_id, body)))


def fetch_own_comment(
    github: GitHub, repository: str, number: int, is_meant: Callable[[str], bool]
) -> Comment | None:
    """The first of our own comments whose body is meant; comments of others are ignored."""
    us = github.fetch_user()
    comments: Iterator[Comment] = github.fetch_all(
        lambda page: comments_call(repository, number, page), read_comments
    )
    return next((c for c in comments if c.author.is_same(us) and is_meant(c.body)), None)


def fetch_check_run(
    github: GitHub, repository: str, sha: str, name: str, mark: str
) -> CheckRun | None:
    """The newest check run of a commit with this name and this mark."""
    runs: Iterator[CheckRun] = github.fetch_all(
        lambda page: check_runs_call(repository, sha, name, page), read_check_runs
    )
    return next((run for run in runs if run.mark == mark), None)
