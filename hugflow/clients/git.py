"""The request files on a branch, read by the `git` program.

A bare mirror keeps the last commit of the one branch, and only blobs below `requests/` are read
from it. Nothing is checked out, no hook runs, and the repository's content is only data. The mirror
is a cache: if it is damaged or deleted, it is made again.

`git` uses its own credentials. Only if they are refused is a token sent, in a header, to the host
of the URL and to no other.
"""

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from hugflow.clients.git_program import READ_TIMEOUT_S, GitFailed, GitTooSlow, run_git
from hugflow.clients.remote import Remote, token_config
from hugflow.errors import HugflowError, NotAuthorised, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.project_file import NAMES as PROJECT_FILES
from hugflow.project_file import not_the_only_file
from hugflow.requests.folder import REQUESTS_FOLDER, is_request_path
from hugflow.requests.problems import Problem
from hugflow.requests.read import MAX_REQUEST_BYTES
from hugflow.store.atomic import make_folder
from hugflow.store.locks import hold

FETCH_TIMEOUT_S = 30.0
LOCK_WAIT_S = 60.0
MOST_FILES = 20_000
MIRROR_REF = "refs/hugflow/requests"

_REFUSED_ACCESS = re.compile(
    r"authentication failed|could not read (?:username|password)|permission denied|"
    r"repository not found|returned error: 40[134]|repository '[^']*' not found",
    re.IGNORECASE,
)
_REFUSED_BY_OWNER = re.compile(r"dubious ownership", re.IGNORECASE)
_NO_BRANCH = re.compile(r"couldn't find remote ref", re.IGNORECASE)
_LINK_MODE, _SUBMODULE_MODE = b"120000", b"160000"

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class RequestFiles:
    """The request files of one commit; `problems`: files that are not plain files.

    config: the project file of the commit; None if there is none.
    config_name: its name.
    """

    commit: str
    data_by_path: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()
    config: bytes | None = None
    config_name: str = PROJECT_FILES[0]


def fetch_request_files(remote: Remote, mirror: Path) -> RequestFiles:
    """Fetch the branch to the mirror, and read its files below `requests/`.

    Being unable to look raises: NotAuthorised, UsageWrong for a missing branch, GitFailed for the
    rest. A mirror that cannot be updated is replaced if a new one can be fetched.
    """
    with hold_mirror(mirror):
        if not (mirror / "HEAD").is_file():
            _make_mirror(mirror)
            return _fetch_and_read(remote, mirror)
        try:
            return _fetch_and_read(remote, mirror)
        except GitTooSlow:
            raise
        except GitFailed:
            anew = mirror.with_name(f".{mirror.name}.new")
            _make_mirror(anew)
            files = _fetch_and_read(remote, anew)
            shutil.rmtree(mirror, ignore_errors=True)
            anew.rename(mirror)
            return files


def hold_mirror(mirror: Path) -> AbstractContextManager[None]:
    """Hold the lock of the mirror; raises Locked."""
    lock = mirror.parent / "locks" / "mirror.lock"
    return hold(lock, "the mirror", wait_s=LOCK_WAIT_S)


def fetch_branch_commit(remote: Remote, *, timeout_s: float = FETCH_TIMEOUT_S) -> str:
    """The last commit of the branch; nothing is downloaded.

    Raises as `fetch_request_files` does.
    """
    return with_token_where_needed(
        remote, lambda token: _list_branch(remote, timeout_s, token=token)
    )


def with_token_where_needed(remote: Remote, ask: Callable[[str | None], Found]) -> Found:
    """Call `ask` without the token, then with it if git's own credentials are refused.

    Raises the errors of `ask`.
    """
    try:
        return ask(None)
    except NotAuthorised:
        if remote.token is None:
            raise
        return ask(remote.token)


def _make_mirror(mirror: Path) -> None:
    shutil.rmtree(mirror, ignore_errors=True)
    make_folder(mirror.parent)
    # An empty template: no hooks, not even sample ones.
    run_git(
        mirror.parent, ["init", "--quiet", "--bare", "--template=", str(mirror)], READ_TIMEOUT_S
    )


def _fetch_and_read(remote: Remote, mirror: Path) -> RequestFiles:
    with_token_where_needed(remote, lambda token: fetch_branch(remote, mirror, token=token))
    return read_commit_files(mirror, _read_commit(mirror))


def fetch_branch(remote: Remote, mirror: Path, *, token: str | None, depth: int = 1) -> None:
    """Fetch the branch's last commits to the mirror, also after a forced push.

    The caller holds the mirror. Raises as `fetch_request_files` does.
    """
    what = f"{remote.shown}, branch {remote.branch}"
    refspec = f"+refs/heads/{remote.branch}:{MIRROR_REF}"
    arguments = ["fetch", "--quiet", f"--depth={depth}", "--no-tags", "--update-shallow"]
    arguments += ["--no-recurse-submodules", "--no-write-fetch-head", "--", remote.url, refspec]
    try:
        run_git(
            mirror,
            arguments,
            FETCH_TIMEOUT_S,
            config=token_config(remote.url, token),
            may_ask_helpers=remote.is_web,
        )
    except GitFailed as error:
        raise _explain(what, remote, error) from error


def _read_commit(mirror: Path) -> str:
    commit = run_git(mirror, ["rev-parse", "--verify", f"{MIRROR_REF}^{{commit}}"], READ_TIMEOUT_S)
    return commit.decode("ascii").strip()


def _list_branch(remote: Remote, timeout_s: float, *, token: str | None) -> str:
    what = f"{remote.shown}, branch {remote.branch}"
    arguments = ["ls-remote", "--quiet", "--", remote.url, f"refs/heads/{remote.branch}"]
    try:
        # Outside of any work tree, so that its configuration is not used.
        listed = run_git(
            Path("/"),
            arguments,
            timeout_s,
            config=token_config(remote.url, token),
            may_ask_helpers=remote.is_web,
        )
    except GitFailed as error:
        raise _explain(what, remote, error) from error
    if not listed.strip():
        raise UsageWrong(
            f"{what}: there is no such branch",
            why="the repository can be read, and does not list it",
            mend="push it, or set REQUESTS_BRANCH to the branch whose requests count",
        )
    return listed.split()[0].decode("ascii", "replace")


def _explain(what: str, remote: Remote, error: GitFailed) -> HugflowError:
    if isinstance(error, GitTooSlow):
        return GitTooSlow(f"{what}: {error.what}", why=error.why, mend=error.mend)
    if _REFUSED_BY_OWNER.search(error.why):
        return NotAuthorised(
            f"{what}: git does not trust the repository",
            why="it belongs to another user",
            mend=f"run `git config --global --add safe.directory {remote.shown}`",
        )
    if _NO_BRANCH.search(error.why):
        return UsageWrong(
            f"{what}: there is no such branch",
            why=error.why,
            mend="push it, or set REQUESTS_BRANCH to the branch whose requests count",
        )
    if _REFUSED_ACCESS.search(error.why):
        return NotAuthorised(
            f"{what}: we are not let in",
            why=error.why,
            mend="give git credentials for it, or set GITHUB_TOKEN to a token that may read it",
        )
    return GitFailed(f"{what}: it cannot be fetched", why=error.why, mend=error.mend)


def find_commit(repository: Path, name: str) -> str | None:
    """The commit of a branch, a tag or a commit's own name; None if there is none.

    Raises GitFailed if there is no repository.
    """
    run_git(repository, ["rev-parse", "--git-dir"], READ_TIMEOUT_S)
    try:
        arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
        return run_git(repository, arguments, READ_TIMEOUT_S).decode("ascii").strip()
    except GitFailed:
        return None


def find_merge_base(repository: Path, one: str, other: str) -> str | None:
    """The last common commit of two commits; None if this repository has none."""
    try:
        return run_git(repository, ["merge-base", one, other], READ_TIMEOUT_S).decode().strip()
    except GitFailed:
        return None


def list_changed_paths(repository: Path, before: str, after: str) -> set[str]:
    """Every path that differs between two commits; a rename gives two paths."""
    # A plumbing command: it runs no filter or program that a repository may name.
    arguments = ["diff-tree", "-r", "-z", "--no-renames", "--name-only", before, after]
    listed = run_git(repository, arguments, READ_TIMEOUT_S)
    return {os.fsdecode(path) for path in listed.split(b"\0") if path}


def is_tracked(work_tree: Path, path: str) -> bool:
    """Whether git has a file in its index; raises GitFailed if there is no repository."""
    arguments = ["ls-files", "-z", "--", f":(literal){path}"]
    return bool(run_git(work_tree, arguments, READ_TIMEOUT_S))


def read_blob(repository: Path, commit: str, path: str) -> bytes:
    """The bytes of a file at a commit; raises GitFailed if there is no such file."""
    return run_git(repository, ["cat-file", "blob", f"{commit}:{path}"], READ_TIMEOUT_S)


def read_commit_files(mirror: Path, commit: str) -> RequestFiles:
    """Read the request files at a commit: sizes first, then only files that are small enough.

    mirror: any repository that has the commit.
    """
    arguments = ["ls-tree", "-r", "-z", "--long", commit, "--", REQUESTS_FOLDER, *PROJECT_FILES]
    listed = run_git(mirror, arguments, READ_TIMEOUT_S)
    oid_by_path: dict[str, bytes] = {}
    problems: list[Problem] = []
    for entry in filter(None, listed.split(b"\0")):
        head, _, name = entry.partition(b"\t")
        mode, kind, oid, size = head.split()
        path = os.fsdecode(name)
        if path == REQUESTS_FOLDER:
            raise GitFailed(
                f"{REQUESTS_FOLDER} is no folder at commit {commit[:7]}",
                why="the request files could not all be read, so nothing is treated as removed",
                mend="make it a folder again",
            )
        if not is_request_path(path) and path not in PROJECT_FILES:
            continue
        if mode in (_LINK_MODE, _SUBMODULE_MODE) or kind != b"blob":
            problems.append(no_plain_file(path, is_link=mode == _LINK_MODE))
        elif int(size) > MAX_REQUEST_BYTES:
            problems.append(_too_large(path))
        else:
            oid_by_path[path] = oid
    if len(oid_by_path) > MOST_FILES:
        raise GitFailed(
            f"{len(oid_by_path):,} request files at commit {commit[:7]}",
            why=f"more than {MOST_FILES:,} are not read",
            mend="delete those whose datasets are no longer wanted",
        )
    data_by_path = read_blobs(mirror, oid_by_path)
    configs = {name: data_by_path.pop(name) for name in PROJECT_FILES if name in data_by_path}
    if len(configs) > 1:
        problems.append(_two_project_files(list(configs)))
    config_name = next(iter(configs), PROJECT_FILES[0])
    config = configs.get(config_name)
    return RequestFiles(commit, data_by_path, tuple(problems), config, config_name)


def read_blobs(mirror: Path, oid_by_path: Mapping[str, bytes]) -> dict[str, bytes]:
    """The content of blobs, in one call: https://git-scm.com/docs/git-cat-file#_batch_output."""
    if not oid_by_path:
        return {}
    asked = b"".join(oid + b"\n" for oid in oid_by_path.values())
    answer = run_git(mirror, ["cat-file", "--batch"], READ_TIMEOUT_S, stdin=asked)
    data_by_path: dict[str, bytes] = {}
    at = 0
    for path, oid in oid_by_path.items():
        end = answer.find(b"\n", at)
        fields = answer[at:end].split()
        if len(fields) != 3 or fields[0] != oid or fields[1] != b"blob":
            raise GitFailed(
                f"{path}: its content is not in the mirror",
                why="the mirror is damaged",
                mend="nothing is to be done: the mirror is made again",
            )
        size = int(fields[2])
        data_by_path[path] = answer[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return data_by_path


def no_plain_file(path: str, *, is_link: bool) -> Problem:
    """The problem of a request file that is a link or a submodule."""
    what = "is a link" if is_link else "is a submodule"
    why = "a request is read from a file of its own"
    return Problem(path, None, None, None, what, why, "put the request's fields into the file")


def _two_project_files(names: Sequence[str]) -> Problem:
    fault = not_the_only_file(names)
    return Problem(names[0], None, None, None, fault.what, fault.why, fault.mend)


def _too_large(path: str) -> Problem:
    what = f"is larger than {MAX_REQUEST_BYTES // 1024} KiB"
    why, mend = "a request is a few lines", "keep the fields and take out the rest"
    return Problem(path, None, None, None, what, why, mend)
