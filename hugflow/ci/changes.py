"""What a pull request changes: its request files, read as data at its head, and nothing else.

GitHub lists the files; if GitHub cannot be reached, git's objects do. Nothing is checked out.
"""

import hashlib
import logging
from collections.abc import Container, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

from hugflow.ci.event import PullEvent
from hugflow.clients.git import (
    find_commit,
    find_merge_base,
    list_changed_paths,
    no_plain_file,
    read_blob,
    read_commit_files,
)
from hugflow.clients.git_program import GitFailed
from hugflow.clients.github import GitHub
from hugflow.clients.github_replies import ChangedFile, Pull
from hugflow.clients.pulls import fetch_changed_files, fetch_file, fetch_pull
from hugflow.clients.services import ServiceRefused, ServiceUnavailable
from hugflow.errors import (
    FileMissing,
    HugflowError,
    PlanOutOfDate,
    RequestInvalid,
    UsageWrong,
)
from hugflow.late_dataclass import dataclass
from hugflow.project_file import NAMES as PROJECT_FILES
from hugflow.project_file import ProjectFile, not_the_only_file, parse_project_file
from hugflow.requests.folder import is_request_path
from hugflow.requests.problems import Problem

log = logging.getLogger(__name__)

# More than people review, and each file costs a call to GitHub.
MOST_REQUESTS = 500
_WRONG_TOKEN = 401


@dataclass(frozen=True, slots=True)
class Changes:
    """What a pull request changes.

    commit: its head.
    data_by_path: request files that it adds or changes.
    problems: request files that are not plain files, and errors in its project file.
    deleted: request files that it deletes.
    others: paths of all other changed files.
    is_whole: the list is known to be complete.
    config: the project file, if it is changed and sound as a whole; its keys are still to be read.
    """

    commit: str
    data_by_path: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()
    deleted: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    is_whole: bool = True
    config: ProjectFile | None = None

    def may_change(self, path: str) -> bool:
        """Whether this file, which is no request, may be changed by the pull request."""
        return path in self.others or not self.is_whole

    @property
    def paths(self) -> frozenset[str]:
        """The request files to carry out."""
        return frozenset(self.data_by_path) | {problem.path for problem in self.problems}


def read_changes(repository: Path, base: str, head: str) -> Changes:
    """What `head` changed since it left `base`; both are names that git knows.

    Raises UsageWrong for an unknown name, GitFailed if there is no repository.
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
    files = read_commit_files(repository, commit)
    asked = paths & (files.data_by_path.keys() | {problem.path for problem in files.problems})
    if len(asked) > MOST_REQUESTS:
        return _too_many(commit, len(asked), changed - paths)
    configs = changed & set(PROJECT_FILES)
    problems = tuple(problem for problem in files.problems if problem.path in paths | configs)
    config = None
    if files.config is not None and files.config_name in configs:
        config = parse_project_file(files.config, files.config_name)
        problems += _whole_problems(config)
    data = {path: files.data_by_path[path] for path in sorted(paths & files.data_by_path.keys())}
    deleted = paths - data.keys() - {problem.path for problem in problems}
    others = frozenset(changed - paths)
    return Changes(commit, data, problems, frozenset(deleted), others, config=_sound(config))


def find_changes(repository: Path, github: GitHub, event: PullEvent) -> Changes:
    """What a pull request changes, from GitHub or from git.

    The base commit of the event may be old: compared with it, later commits on main would look like
    changes of the pull request. So git is used only if GitHub cannot be reached. Raises the errors
    of the GitHub client, and PlanOutOfDate if a newer commit was pushed.
    """
    try:
        return fetch_changes(github, event)
    except ServiceUnavailable as error:
        log.warning("%s (%s)", error.what, error.why)
        try:
            return read_changes(repository, event.base_sha, event.head_sha)
        except (GitFailed, UsageWrong) as other:
            log.debug("not read from git's objects either: %s", other.what)
            raise error from None


def fetch_changes(github: GitHub, event: PullEvent) -> Changes:
    """What a pull request changes, from GitHub's API.

    Raises PlanOutOfDate if a newer commit was pushed: GitHub lists the files of the newest head.
    """
    files: list[ChangedFile] = []
    refused: RequestInvalid | None = None
    try:
        files = fetch_changed_files(github, event.repository, event.number)
    except RequestInvalid as error:
        refused = error
    refuse_moved(fetch_pull(github, event.repository, event.number), event)
    if refused is not None:
        return Changes(event.head_sha, {}, (_problem("requests", refused),), is_whole=False)
    asked = [file for file in files if file.change != "removed" and is_request_path(file.path)]
    others = frozenset(file.path for file in files if not is_request_path(file.path))
    if len(asked) > MOST_REQUESTS:
        return _too_many(event.head_sha, len(asked), others)
    data: dict[str, bytes] = {}
    problems: list[Problem] = []
    for file in asked:
        try:
            content = fetch_file(github, event.repository, file.path, event.head_sha)
        except (RequestInvalid, FileMissing) as error:
            problems.append(_problem(file.path, error))
            continue
        except ServiceRefused as error:
            if error.status == _WRONG_TOKEN:
                raise
            problems.append(_problem(file.path, error))
            continue
        if _is_content(file, content):
            data[file.path] = content
        else:
            problems.append(no_plain_file(file.path, is_link=True))
    configs = {file.path for file in files if file.path in PROJECT_FILES}
    config, config_problems = _fetch_config(github, event) if configs else (None, ())
    problems += config_problems
    deleted = {file.path for file in files if file.change == "removed"}
    deleted |= {file.previous for file in files if file.change == "renamed" and file.previous}
    deleted = {path for path in deleted if is_request_path(path)} - data.keys()
    return Changes(
        event.head_sha, data, tuple(problems), frozenset(deleted), others, config=_sound(config)
    )


def read_base_file(
    repository: Path,
    base: str,
    path: str,
    *,
    github: GitHub | None = None,
    event: PullEvent | None = None,
) -> Container[bytes]:
    """The versions of a file in the base, from git and from GitHub; empty if none is known.

    For a branch: its commit in the event and its present commit.
    """
    found: list[bytes] = []
    with suppress(GitFailed):
        if (commit := find_commit(repository, base)) is not None:
            found.append(read_blob(repository, commit, path))
    if github is not None and event is not None:
        with suppress(ServiceUnavailable, ServiceRefused, RequestInvalid, FileMissing):
            found.append(fetch_file(github, event.repository, path, event.base_ref))
    return found


def refuse_moved(pull: Pull, event: PullEvent) -> None:
    """Raise PlanOutOfDate if the pull request has another head now."""
    if pull.head_sha != event.head_sha:
        raise PlanOutOfDate(
            f"{event.name} is not at {event.head_sha[:7]} any more",
            why=f"{pull.head_sha[:7]} was pushed to it since",
            mend="nothing is to be done: the workflow runs again for the new commit",
        )


def _whole_problems(file: ProjectFile) -> tuple[Problem, ...]:
    """Errors of a project file as a whole; on main they would stop all work."""
    return tuple(
        Problem(file.shown_name, each.line, None, None, each.fault.what, each.why, each.mend)
        for each in file.problems
    )


def _sound(config: ProjectFile | None) -> ProjectFile | None:
    return None if config is None or config.problems else config


def _fetch_config(
    github: GitHub, event: PullEvent
) -> tuple[ProjectFile | None, tuple[Problem, ...]]:
    """The project file that a pull request brings, and its errors."""
    data_by_name: dict[str, bytes] = {}
    for name in PROJECT_FILES:
        try:
            data_by_name[name] = fetch_file(github, event.repository, name, event.head_sha)
        except FileMissing:
            continue
        except (RequestInvalid, ServiceRefused) as error:
            if isinstance(error, ServiceRefused) and error.status == _WRONG_TOKEN:
                raise
            return None, (_problem(name, error),)
    if len(data_by_name) > 1:
        fault = not_the_only_file(list(data_by_name))
        first = next(iter(data_by_name))
        return None, (Problem(first, None, None, None, fault.what, fault.why, fault.mend),)
    for name, data in data_by_name.items():
        config = parse_project_file(data, name)
        return config, _whole_problems(config)
    return None, ()


def _is_content(file: ChangedFile, content: bytes) -> bool:
    """Whether these bytes are the file itself: for a link, GitHub gives the target's content."""
    new = hashlib.sha256 if len(file.blob_sha) == 64 else hashlib.sha1
    return new(b"blob %d\0" % len(content) + content).hexdigest() == file.blob_sha


def _too_many(commit: str, requests: int, others: AbstractSet[str]) -> Changes:
    problem = Problem(
        "requests",
        None,
        None,
        None,
        f"the pull request changes {requests:,} request files",
        f"more than {MOST_REQUESTS} at once are not read",
        "bring them by several pull requests",
    )
    return Changes(commit, {}, (problem,), others=frozenset(others))


def _problem(path: str, error: HugflowError) -> Problem:
    # The message begins with the path already.
    what = error.what.removeprefix(f"{path} ")
    return Problem(path, None, None, None, what, error.why, error.mend)
