"""Sending files to the Hub: a pull request, or a commit to a repository of one's own.

Nothing is sent twice by itself: after a lost answer nobody knows whether the Hub has the commit.
"""

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError

from hugflow.clients.hub_errors import HUB_ERRORS, TOKENS_PAGE, to_hugflow_error
from hugflow.clients.repository import RepoId
from hugflow.errors import HugflowError, NotAuthorised, RepositoryMoved, RequestInvalid
from hugflow.late_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hugflow.clients.hub import Hub

_MOVED = 412


@dataclass(frozen=True, slots=True)
class HubChange:
    """Files to send and paths to delete, on top of one commit."""

    files: Mapping[str, Path]
    deleted: Sequence[str] = ()
    parent: str | None = None


def send_pull_request(hub: "Hub", repo: RepoId, change: HubChange, title: str) -> str:
    """Open a pull request on the Hub; its address. It begins at the change's parent."""
    done = _commit(hub, repo, change, title, create_pr=True)
    return str(done.pr_url or done.commit_url)


def create_repository(hub: "Hub", repo: RepoId, *, is_private: bool) -> str:
    """Create a repository; one that exists stays as it is. Returns the commit of main."""
    with sending(hub, str(repo)) as api:
        api.create_repo(repo.id, repo_type=repo.kind, private=is_private, exist_ok=True)
    return hub.fetch_repository(repo, "main").commit


def send_commit(hub: "Hub", repo: RepoId, change: HubChange, title: str) -> str:
    """Commit to the branch main; the commit. Raises RepositoryMoved when it is not at the parent."""
    return str(_commit(hub, repo, change, title, create_pr=False).oid)


def _commit(hub: "Hub", repo: RepoId, change: HubChange, title: str, *, create_pr: bool) -> Any:
    operations = [CommitOperationAdd(name, path) for name, path in sorted(change.files.items())]
    deletions = [CommitOperationDelete(name) for name in sorted(change.deleted)]
    with sending(hub, str(repo)) as api:
        return api.create_commit(
            repo.id,
            [*operations, *deletions],
            commit_message=title,
            repo_type=repo.kind,
            create_pr=create_pr,
            parent_commit=change.parent,
        )


@contextmanager
def sending(hub: "Hub", what: str) -> "Iterator[HfApi]":
    """The Hub's client, whose errors become ours."""
    if not hub.token:
        raise NotAuthorised(
            f"{what}: nothing was sent",
            why="the Hub takes files only from someone it knows, and HF_TOKEN is not set",
            mend=f"set HF_TOKEN to a token with write access ({TOKENS_PAGE})",
        )
    _hide_bars()
    try:
        yield hub.api
    except HUB_ERRORS as error:
        raise _to_error(error, what) from error
    except (RuntimeError, ValueError) as error:
        # The library hides the reason of a failed large file behind an error of Python's.
        cause = error.__cause__
        if isinstance(cause, HUB_ERRORS):
            raise _to_error(cause, what) from error
        raise RequestInvalid(
            f"{what}: the files cannot be sent",
            why=str(error).partition("\n")[0],
            mend="check the files, and the header of README.md",
        ) from error


def _hide_bars() -> None:
    """Turn off the library's bars, which would be drawn over ours; 0 in its variable keeps them."""
    if constants.HF_HUB_DISABLE_PROGRESS_BARS is False:
        return
    # Imported when files are sent: it loads asyncio, which making datasets does without.
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()


def _to_error(error: Exception, what: str) -> HugflowError:
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if status == _MOVED:
        return RepositoryMoved(
            f"{what}: somebody else has committed meanwhile",
            why="the branch is no longer at the commit that your changes were compared with",
            mend="run the command again",
        )
    found = to_hugflow_error(error, what)
    if isinstance(found, NotAuthorised):
        mend = f"set HF_TOKEN to a token that may write there ({TOKENS_PAGE})"
        return NotAuthorised(f"{found.what}; nothing was sent", why=found.why, mend=mend)
    if status is None or status >= 500:
        found.mend = "see on the Hub whether it arrived before you run the command again"
    return found
