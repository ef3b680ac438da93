"""What a pull request changes: its request files, read as data at its head, and nothing else.

Out of git's objects where both commits are there, which costs nothing and asks nobody; else from
GitHub's API. Nothing is ever checked out.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hugflow.ci.event import PullEvent
from hugflow.clients.git import (
    find_commit,
    find_merge_base,
    list_changed_paths,
    no_plain_file,
    read_requests,
)
from hugflow.clients.git_program import GitFailed
from hugflow.clients.github import GitHub
from hugflow.clients.github_replies import ChangedFile
from hugflow.clients.pulls import fetch_changed_files, fetch_file
from hugflow.errors import FileMissing, RequestInvalid, UsageWrong
from hugflow.requests.folder import is_request_path
from hugflow.requests.problems import Problem

log = logging.getLogger(__name__)

# More than anybody reviews, and each costs a question to GitHub.
MOST_REQUESTS = 500


@dataclass(frozen=True, slots=True)
class Changes:
    """What a pull request changes.

    commit: its head. data_by_path: request files that it adds or changes. problems: those of them
    that are no plain files. deleted: request files that are not there any more. others: whatever
    else it changes, by path.
    """

    commit: str
    data_by_path: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()
    deleted: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()

    @property
    def paths(self) -> frozenset[str]:
        """The request files that are to be carried out."""
        return frozenset(self.data_by_path) | {problem.path for problem in self.problems}


def read_changes(repository: Path, base: str, head: str) -> Changes:
    """What `head` changes since it left `base`, both any names that git knows.

    Raises UsageWrong for a name that it does not know, GitFailed where there is no repository.
    """
    found = {name: find_commit(repository, name) for name in (base, head)}
    for name, commit in found.items():
        if commit is None:
            raise UsageWrong(
                f"{name!r} is no commit here",
                why=f"git does not know it in {repository}",
                mend="fetch it, or name another one",
            )
    base_commit, commit = found[base] or "", found[head] or ""
    since = find_merge_base(repository, base_commit, commit)
    if since is None:
        raise UsageWrong(
            f"{base!r} and {head!r} have no common beginning here",
            why="the clone may be a shallow one",
            mend="fetch the whole history: `git fetch --unshallow`",
        )
    changed = list_changed_paths(repository, since, commit)
    paths = {path for path in changed if is_request_path(path)}
    _refuse_many(len(paths))
    files = read_requests(repository, commit)
    problems = tuple(problem for problem in files.problems if problem.path in paths)
    data = {path: files.data_by_path[path] for path in sorted(paths & files.data_by_path.keys())}
    deleted = paths - data.keys() - {problem.path for problem in problems}
    return Changes(commit, data, problems, frozenset(deleted), frozenset(changed - paths))


def find_changes(repository: Path, github: GitHub, event: PullEvent) -> Changes:
    """What a pull request changes, from wherever it can be had. Raises what asking GitHub raises."""
    try:
        return read_changes(repository, event.base_sha, event.head_sha)
    except (GitFailed, UsageWrong) as error:
        log.debug("not read from git's objects: %s", error.what)
    return fetch_changes(github, event)


def fetch_changes(github: GitHub, event: PullEvent) -> Changes:
    """What a pull request changes, as GitHub's API tells."""
    files = fetch_changed_files(github, event.repository, event.number)
    asked = [file for file in files if file.change != "removed" and is_request_path(file.path)]
    _refuse_many(len(asked))
    data: dict[str, bytes] = {}
    problems: list[Problem] = []
    for file in asked:
        try:
            content = fetch_file(github, event.repository, file.path, event.head_sha)
        except (RequestInvalid, FileMissing) as error:
            problems.append(Problem(file.path, None, None, None, error.what, error.why, error.mend))
            continue
        if _is_content(file, content):
            data[file.path] = content
        else:
            problems.append(no_plain_file(file.path, is_link=True))
    deleted = {file.path for file in files if file.change == "removed"}
    deleted |= {file.previous for file in files if file.previous is not None}
    deleted = {path for path in deleted if is_request_path(path)} - data.keys()
    others = {file.path for file in files if not is_request_path(file.path)}
    return Changes(event.head_sha, data, tuple(problems), frozenset(deleted), frozenset(others))


def _is_content(file: ChangedFile, content: bytes) -> bool:
    """Whether these bytes are the file itself: GitHub follows a link, and gives another's."""
    new = hashlib.sha256 if len(file.blob_sha) == 64 else hashlib.sha1
    return new(b"blob %d\0" % len(content) + content).hexdigest() == file.blob_sha


def _refuse_many(requests: int) -> None:
    if requests > MOST_REQUESTS:
        raise RequestInvalid(
            f"the pull request changes {requests:,} request files",
            why=f"more than {MOST_REQUESTS} at once are not read",
            mend="bring them by several pull requests",
        )
