"""The answers of GitHub's REST API, as values. https://docs.github.com/rest."""

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from hugflow.clients.github_calls import MergeMethod
from hugflow.clients.services import ServiceUnavailable
from hugflow.late_dataclass import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; headers: with names in lower case. value: the body, parsed from JSON."""

    status: int
    headers: Mapping[str, str]
    value: Any


@dataclass(frozen=True, slots=True)
class User:
    """A user; is_bot: a GitHub App, such as the owner of a workflow's token."""

    login: str
    is_bot: bool

    def is_same(self, other: "User") -> bool:
        """Whether both are the same user: GitHub ignores case, and may leave out `[bot]`."""
        return self.is_bot == other.is_bot and self._key == other._key

    @property
    def _key(self) -> str:
        login = self.login.lower()
        return login.removesuffix("[bot]") if self.is_bot else login


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a pull request."""

    id: int
    author: User
    body: str


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request.

    head_repo: None if the fork was deleted.
    url: its page.
    is_mergeable: None while GitHub does not know.
    merge_sha: the commit of its merge; before the merge, a commit that GitHub tried, or None.
    """

    number: int
    title: str
    url: str
    head_sha: str
    head_ref: str
    head_repo: str | None
    base_sha: str
    base_ref: str
    is_open: bool
    is_merged: bool
    is_draft: bool
    is_mergeable: bool | None
    merge_sha: str | None


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that a pull request changes; previous: its old path, if it was renamed.

    blob_sha: git's name for its content; for a removed file, of its last content.
    """

    path: str
    change: Literal["added", "removed", "modified", "renamed", "copied", "changed", "unchanged"]
    blob_sha: str
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A check run that exists; mark: `external_id`, which we choose."""

    id: int
    mark: str
    app: User


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """The result of one check or status of a commit; url: page with more details."""

    name: str
    word: Literal["good", "bad", "pending"]
    url: str = ""


def read_user(reply: Reply) -> User:
    """The user of a token, by `/user`: a person."""
    return _read(reply, lambda value: User(_text(value["login"]), is_bot=value["type"] == "Bot"))


def read_viewer(reply: Reply) -> User:
    """The user of a token, by GraphQL; used only for tokens without `/user`, which are bots'."""
    return _read(reply, lambda value: User(_text(value["data"]["viewer"]["login"]), is_bot=True))


def read_permission(reply: Reply) -> str:
    """`admin`, `write`, `read` or `none`; GitHub puts `maintain` and `triage` under the nearest."""
    return _read(reply, lambda value: _text(value["permission"]))


def read_comment(reply: Reply) -> Comment:
    """The comment that was made or changed."""
    return _read(reply, _to_comment)


def read_comments(reply: Reply) -> list[Comment]:
    """A page of comments, oldest first."""
    return _read(reply, lambda value: [_to_comment(each) for each in _list(value)])


def read_check_run(reply: Reply) -> CheckRun:
    """The check run that was made or changed."""
    return _read(reply, _to_check_run)


def read_check_runs(reply: Reply) -> list[CheckRun]:
    """A page of check runs."""
    return _read(reply, lambda value: [_to_check_run(each) for each in _list(value["check_runs"])])


def read_check_verdicts(reply: Reply) -> list[CheckVerdict]:
    """The results in a page of check runs."""
    return _read(reply, lambda value: [_to_verdict(each) for each in _list(value["check_runs"])])


def read_status_verdicts(reply: Reply) -> list[CheckVerdict]:
    """The results of the latest status of each context."""
    words: dict[str, Literal["good", "bad", "pending"]] = {"success": "good", "pending": "pending"}
    return _read(
        reply,
        lambda value: [
            CheckVerdict(
                _text(each["context"]),
                words.get(each["state"], "bad"),
                str(each.get("target_url") or ""),
            )
            for each in _list(value["statuses"])
        ],
    )


def read_pull(reply: Reply) -> Pull:
    """A pull request."""
    return _read(reply, _to_pull)


def read_files(reply: Reply) -> list[ChangedFile]:
    """A page of changed files."""
    return _read(reply, lambda value: [_to_file(each) for each in _list(value)])


def read_content(reply: Reply) -> bytes | None:
    """The bytes of a file; None for a folder, a link out of the repository, or more than 1 MB."""

    def to_bytes(value: Any) -> bytes | None:
        if not isinstance(value, dict) or value["type"] != "file" or value["encoding"] != "base64":
            return None
        return b64decode(_text(value["content"]))

    return _read(reply, to_bytes)


def read_merge_methods(reply: Reply) -> list[MergeMethod]:
    """The merge methods that a repository allows; all of them if it does not say."""
    names: dict[MergeMethod, str] = {
        "merge": "allow_merge_commit",
        "squash": "allow_squash_merge",
        "rebase": "allow_rebase_merge",
    }
    return _read(
        reply,
        lambda value: [method for method in names if value.get(names[method], True) is not False],
    )


def read_merge(reply: Reply) -> str:
    """The commit of a merge."""
    return _read(reply, lambda value: _text(value["sha"]))


def _read(reply: Reply, to_value: Callable[[Any], T]) -> T:
    """The value in an answer; raises ServiceUnavailable if the answer is not GitHub's."""
    try:
        return to_value(reply.value)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        # A proxy in between may answer anything, with status 200.
        raise ServiceUnavailable(
            "GitHub's answer is none of its API's",
            why=f"{type(error).__name__}: {error}",
            may_have_happened=True,
        ) from error


def _to_comment(value: Any) -> Comment:
    return Comment(int(value["id"]), _to_user(value["user"]), value["body"] or "")


def _to_user(value: Any) -> User:
    # GitHub has no user any more for a deleted account.
    return User("", is_bot=False) if value is None else User(value["login"], value["type"] == "Bot")


def _to_check_run(value: Any) -> CheckRun:
    app = value.get("app") or {}
    user = User(str(app.get("slug") or ""), is_bot=True)
    return CheckRun(int(value["id"]), str(value.get("external_id") or ""), user)


def _to_verdict(value: Any) -> CheckVerdict:
    word: Literal["good", "bad", "pending"] = "pending"
    if value["status"] == "completed":
        # https://docs.github.com/rest/checks/runs: only these let a required check pass.
        word = "good" if value["conclusion"] in ("success", "neutral", "skipped") else "bad"
    return CheckVerdict(_text(value["name"]), word, str(value.get("details_url") or ""))


def _to_pull(value: Any) -> Pull:
    head, base = value["head"], value["base"]
    return Pull(
        number=int(value["number"]),
        title=_text(value["title"]),
        url=_text(value["html_url"]),
        head_sha=_text(head["sha"]),
        head_ref=_text(head["ref"]),
        head_repo=head["repo"]["full_name"] if head["repo"] is not None else None,
        base_sha=_text(base["sha"]),
        base_ref=_text(base["ref"]),
        is_open=value["state"] == "open",
        is_merged=bool(value.get("merged") or value.get("merged_at")),
        is_draft=bool(value.get("draft")),
        is_mergeable=value.get("mergeable"),
        merge_sha=value.get("merge_commit_sha"),
    )


def _to_file(value: Any) -> ChangedFile:
    return ChangedFile(
        path=_text(value["filename"]),
        change=value["status"],
        blob_sha=_text(value["sha"] or ""),
        previous=value.get("previous_filename"),
    )


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
