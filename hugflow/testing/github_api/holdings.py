"""The content of the loopback GitHub as values: a change is a new value, and can be dropped.

A user is a login; a login that ends in `[bot]` is a bot.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any, Literal, TypeVar, get_args

from hugflow.late_dataclass import dataclass
from hugflow.testing.repository import Commit

# What a token may write, as a workflow's `permissions:` names it.
Right = Literal["checks", "contents", "issues", "pull_requests", "statuses"]
RIGHTS: frozenset[Right] = frozenset(get_args(Right))
# GitHub's answer about merging: its own finding, or a test's choice.
Mergeability = Literal["computed", "conflict", "unknown"]
FIRST_ID = 1001

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Holder:
    """The owner of a token, and its permissions.

    repos: the private repositories that it reads, and all that it writes; None for every one.
    is_integration: it belongs to a GitHub App, as a workflow's GITHUB_TOKEN does: only such a token
    makes check runs, and it has no user.
    """

    login: str
    rights: frozenset[Right] = RIGHTS
    repos: frozenset[str] | None = None
    is_integration: bool = False

    def reaches(self, full_name: str) -> bool:
        """Whether the token is for this repository."""
        return self.repos is None or full_name in self.repos


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request. head: a branch, or a fork's: `bob:add-x`.

    blocked: why a rule of the repository forbids the merge, in GitHub's words.
    """

    number: int
    id: int
    title: str
    body: str | None
    author: str
    head: str
    head_sha: str
    base: str
    base_sha: str
    created_at: datetime
    updated_at: datetime
    is_draft: bool = False
    verdict: Mergeability = "computed"
    blocked: str | None = None
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merged_by: str | None = None
    merge_sha: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is neither merged nor closed."""
        return self.closed_at is None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment in the conversation of a pull request, or of an issue."""

    id: int
    number: int
    author: str
    body: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A check run on a commit; output: the sent ones of title, summary and text."""

    id: int
    name: str
    head_sha: str
    author: str
    status: str
    started_at: datetime
    conclusion: str | None = None
    completed_at: datetime | None = None
    details_url: str | None = None
    external_id: str = ""
    output: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """A status of a commit; the newest of each context counts."""

    id: int
    sha: str
    context: str
    state: str
    creator: str
    created_at: datetime
    description: str | None = None
    target_url: str | None = None


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository: branches by name (a fork's as `bob:add-x`), pull requests, comments, checks.

    permissions: of its collaborators, by login; its owner is an admin, everybody else a reader.
    """

    full_name: str
    id: int
    default_branch: str = "main"
    is_private: bool = False
    is_archived: bool = False
    merge_methods: frozenset[str] = frozenset({"merge", "squash", "rebase"})
    branches: Mapping[str, str] = field(default_factory=dict)
    commits: Mapping[str, Commit] = field(default_factory=dict)
    pulls: Mapping[int, Pull] = field(default_factory=dict)
    comments: Mapping[int, Comment] = field(default_factory=dict)
    check_runs: Mapping[int, CheckRun] = field(default_factory=dict)
    statuses: Mapping[int, CommitStatus] = field(default_factory=dict)
    permissions: Mapping[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """The part of the name before the slash."""
        return self.full_name.partition("/")[0]

    def find_commit(self, ref: str) -> Commit | None:
        """The commit of a branch, a full ref, a pull request's ref or a commit's id."""
        name = ref.removeprefix("refs/")
        match name.split("/"):
            case ["pull", number, "head"] if number.isdecimal() and int(number) in self.pulls:
                return self.commits[self.pulls[int(number)].head_sha]
        branch = name.removeprefix("heads/")
        return self.commits.get(self.branches.get(branch, ref))


@dataclass(frozen=True, slots=True)
class Usage:
    """The requests that a user made this hour, and when the next hour begins."""

    used: int
    resets_at: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """The whole content of a loopback GitHub."""

    repos: Mapping[str, Repo] = field(default_factory=dict)
    holders: Mapping[str, Holder] = field(default_factory=dict)
    usage: Mapping[str, Usage] = field(default_factory=dict)
    next_id: int = FIRST_ID

    def find_repo(self, full_name: str) -> Repo:
        """The repository of that name, ignoring case; KeyError if there is none."""
        for name, repo in self.repos.items():
            if name.lower() == full_name.lower():
                return repo
        raise KeyError(full_name)

    def with_repo(self, repo: Repo) -> "Holdings":
        """The same with this repository replacing the one of its name."""
        return replace(self, repos=put(self.repos, repo.full_name, repo))

    def take_id(self) -> tuple[int, "Holdings"]:
        """An unused id, and the same with that id used."""
        return self.next_id, replace(self, next_id=self.next_id + 1)


def put(held: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """The mapping with one value added or replaced."""
    return {**held, key: value}


def drop(held: Mapping[K, V], key: K) -> Mapping[K, V]:
    """The mapping without a key."""
    return {each: value for each, value in held.items() if each != key}
