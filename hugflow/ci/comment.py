"""A comment that asks for something: `hugflow plan` or `hugflow retry` as its first line.

The event file says what was written, and by whom; the pull request itself is asked of GitHub, as
is whether the author may write. Nothing else of the comment is read, and nothing of it is run.

https://docs.github.com/webhooks/webhook-events-and-payloads#issue_comment
"""

import json
import re
from pathlib import Path
from typing import Any, Literal, get_args

from hugflow.ci.event import LARGEST_BYTES, PullEvent, is_repository
from hugflow.clients.github import GitHub
from hugflow.clients.github_calls import permission_call
from hugflow.clients.github_replies import read_permission
from hugflow.clients.pulls import fetch_pull
from hugflow.clients.services import ServiceRefused
from hugflow.errors import NotAuthorised
from hugflow.late_dataclass import dataclass

Command = Literal["plan", "retry"]

ASSOCIATIONS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
WRITERS = frozenset({"admin", "write"})
_LINE = re.compile(rf"hugflow ({'|'.join(get_args(Command))})")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True, slots=True)
class CommentEvent:
    """A new comment on a pull request. command: what its first line asks for; None for nothing.

    association: what GitHub says the author is to the repository, such as `MEMBER`.
    """

    repository: str
    number: int
    author: str
    association: str
    command: Command | None


def read_comment(path: Path) -> CommentEvent | None:
    """The comment that an event file describes; None if it describes none on a pull request."""
    try:
        with path.open("rb") as file:
            return _to_comment(json.loads(file.read(LARGEST_BYTES)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def find_command(body: str) -> Command | None:
    """The command of a comment: its first line, exactly, but for blanks at the line's end."""
    found = _LINE.fullmatch(body.split("\n", 1)[0].rstrip(" \t\r"))
    return "plan" if found and found[1] == "plan" else "retry" if found else None


def refuse_reader(github: GitHub, comment: CommentEvent) -> None:
    """Raise NotAuthorised if the author may not write to the repository."""
    if comment.association not in ASSOCIATIONS:
        raise _not_allowed(comment, f"GitHub calls its author {comment.association or 'nothing'}")
    try:
        permission = read_permission(
            github.send(permission_call(comment.repository, comment.author))
        )
    except ServiceRefused as error:
        raise _not_allowed(comment, f"GitHub does not say what it may: {error.why}") from error
    if permission not in WRITERS:
        raise _not_allowed(comment, f"its permission is {permission}")


def fetch_event(github: GitHub, comment: CommentEvent) -> PullEvent:
    """The pull request of a comment, as it is now."""
    pull = fetch_pull(github, comment.repository, comment.number)
    return PullEvent(
        repository=comment.repository,
        number=comment.number,
        head_sha=pull.head_sha,
        base_sha=pull.base_sha,
        base_ref=pull.base_ref,
        is_fork=pull.head_repo != comment.repository,
        url=pull.url,
        author=comment.author,
        is_open=pull.is_open,
    )


def _to_comment(value: Any) -> CommentEvent | None:
    issue, comment = value["issue"], value["comment"]
    repository, number = value["repository"]["full_name"], issue["number"]
    author, body = comment["user"]["login"], comment["body"]
    if value["action"] != "created" or not isinstance(issue.get("pull_request"), dict):
        return None
    is_known = is_repository(repository) and type(number) is int and number > 0
    if not is_known or not _LOGIN.fullmatch(author):
        return None
    association = str(comment.get("author_association") or "")
    return CommentEvent(repository, number, author, association, find_command(body))


def _not_allowed(comment: CommentEvent, why: str) -> NotAuthorised:
    return NotAuthorised(
        f"{comment.author} may not ask for this on {comment.repository}#{comment.number}",
        why=f"{why}, and only who may write to the repository gives commands",
        mend="ask somebody with write access to comment",
    )
