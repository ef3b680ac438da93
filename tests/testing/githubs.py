"""A loopback GitHub with one pull request, and PyGithub pointed at it."""

from collections.abc import Iterator
from contextlib import contextmanager

from github import Auth, Github

from hugflow.testing.github import LoopbackGitHub

REPO = "acme/requests"
REQUEST = "requests/add/x.yaml"
BOT = "github-actions[bot]"
TOKEN = "ghp_made_up"


def fill(github: LoopbackGitHub) -> int:
    """Somebody's token, a workflow's token, and a pull request that adds a request."""
    github.add_token(TOKEN, "ana")
    github.add_token("ghs_made_up", BOT, is_integration=True)
    github.push(REPO, {"README.md": b"# Requests\n"})
    github.push(REPO, {REQUEST: b"hf_id: a/b\n"}, branch="add-x")
    return github.open_pull(REPO, "add-x", title="Add x", author="bob")


@contextmanager
def connected(
    github: LoopbackGitHub, token: str | None = TOKEN, *, per_page: int = 30
) -> Iterator[Github]:
    """The real PyGithub, which neither waits nor tries again."""
    client = Github(
        base_url=github.api_url,
        auth=None if token is None else Auth.Token(token),
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
        per_page=per_page,
        timeout=5,
    )
    try:
        yield client
    finally:
        client.close()
