"""Reading the requests on a branch, through the `git` program.

A bare mirror keeps the last commit of the one branch, and only blobs below `requests/` are read
from it: nothing is ever checked out, no hook runs, and what the repository holds is data. The
mirror is a cache: damaged or deleted, it is made anew.

`git` brings its own credentials. Only where they do not open the door is a token sent, in a
header, to the host of the URL and to no other.
"""

import base64
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hugflow.errors import HugflowError, NotAuthorised, UsageWrong
from hugflow.requests.folder import REQUESTS_FOLDER, is_request_path
from hugflow.requests.problems import Problem
from hugflow.requests.read import MAX_REQUEST_BYTES
from hugflow.store.atomic import make_folder
from hugflow.store.locks import hold

FETCH_TIMEOUT_S = 30.0
READ_TIMEOUT_S = 10.0
LOCK_WAIT_S = 60.0
MOST_FILES = 20_000
MIRROR_REF = "refs/hugflow/requests"

# Every other variable of git's would let the surroundings choose the repository or its objects.
_KEPT_VARIABLES = frozenset(
    {
        "GIT_ASKPASS",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
    }
)
_SCHEMES = ("https", "http", "ssh", "git", "file")
_HAS_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# `host:path` and `user@host:path`, as scp writes them; a colon behind a slash belongs to a path.
_SCP_LIKE = re.compile(r"(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9._-]+:(?!:)[^-]")
_CREDENTIALS = re.compile(r"(://)[^/@\s]+@")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_REFUSED_ACCESS = re.compile(
    r"authentication failed|could not read (?:username|password)|permission denied|"
    r"repository not found|returned error: 40[134]|repository '[^']*' not found",
    re.IGNORECASE,
)
_REFUSED_BY_OWNER = re.compile(r"dubious ownership", re.IGNORECASE)
_NO_BRANCH = re.compile(r"couldn't find remote ref", re.IGNORECASE)
_LINK_MODE, _SUBMODULE_MODE = b"120000", b"160000"


@dataclass(frozen=True, slots=True)
class Remote:
    """A branch of a repository.

    url: https, ssh, git or file URL, `host:path`, or an absolute path. token: sent only to the
    host of the URL, and only when git's own credentials do not open the door; None: never.
    """

    url: str
    branch: str = "main"
    token: str | None = None

    def __post_init__(self) -> None:
        """Refuse what git could take for an option, a command or another ref."""
        refuse_url(self.url)
        refuse_branch(self.branch)

    @property
    def shown(self) -> str:
        """The URL as it may be shown: without credentials."""
        return redact(self.url)


@dataclass(frozen=True, slots=True)
class RequestFiles:
    """The request files of one commit; `problems` tells of those that are no plain files."""

    commit: str
    data_by_path: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()


class GitFailed(HugflowError):
    """The `git` program could not do what was asked; the remote may be out of reach for now."""

    exit_code = 7


class GitTooSlow(GitFailed):
    """The remote did not answer in time."""


def fetch_request_files(remote: Remote, mirror: Path) -> RequestFiles:
    """Bring the branch to the mirror, and read what lies below `requests/` there.

    Being unable to look raises: NotAuthorised, UsageWrong for a branch that is not there,
    GitFailed for the rest. A mirror that cannot be updated where a new one can is replaced.
    """
    with hold(mirror.parent / "locks" / "mirror.lock", "the mirror", wait_s=LOCK_WAIT_S):
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


def fetch_branch_commit(remote: Remote, *, timeout_s: float = FETCH_TIMEOUT_S) -> str:
    """The commit at the end of the branch; nothing is brought here.

    Raises as `fetch_request_files` does.
    """
    try:
        return _list_branch(remote, timeout_s, token=None)
    except NotAuthorised:
        if remote.token is None:
            raise
        return _list_branch(remote, timeout_s, token=remote.token)


def read_origin(work_tree: Path) -> str | None:
    """The URL of a work tree's `origin`; None when it has none, or is no work tree."""
    try:
        url = _git(work_tree, ["config", "--get", "remote.origin.url"], READ_TIMEOUT_S)
    except GitFailed:
        return None
    return url.decode("utf-8", "replace").strip() or None


def resolve_url(url: str, root: Path) -> str:
    """Give a URL as it is, and a path as an absolute one: relative paths begin at `root`."""
    if _HAS_SCHEME.match(url) or _SCP_LIKE.match(url) or url.startswith("-"):
        return url
    return str(root / Path(url).expanduser())


def may_take_token(url: str, *, is_named: bool) -> bool:
    """Whether GITHUB_TOKEN may go to the host of a URL.

    is_named: REQUESTS_REPO names the URL; a work tree's origin is trusted as far as github.com.
    Never in clear text, except to this machine.
    """
    parts = urlsplit(url) if _HAS_SCHEME.match(url) else None
    if parts is None:
        return False
    if parts.scheme == "http":
        return parts.hostname in ("127.0.0.1", "localhost")
    return parts.scheme == "https" and (is_named or parts.hostname == "github.com")


def refuse_url(url: str) -> None:
    """Raise UsageWrong for a URL that is none, or that git would run as a command."""
    scheme = _HAS_SCHEME.match(url)
    host = urlsplit(url).netloc if scheme else url
    is_path = not scheme and Path(url).is_absolute()
    is_known = scheme is not None and scheme[1].lower() in _SCHEMES
    if (
        _CONTROLS.search(url)
        or host.startswith("-")
        or "@-" in host
        or not (is_path or is_known or (not scheme and _SCP_LIKE.match(url)))
    ):
        raise UsageWrong(
            f"REQUESTS_REPO cannot be {redact(_CONTROLS.sub('?', url))[:200]!r}",
            why=f"it is neither an absolute path nor a URL of {', '.join(_SCHEMES)}",
            mend="name the repository as `git clone` takes it",
        )


def refuse_branch(branch: str) -> None:
    """Raise UsageWrong for a name that no branch can have."""
    is_sound = (
        branch
        and not branch.startswith("-")
        and not _CONTROLS.search(branch)
        and subprocess.run(  # noqa: S603  # the name is one argument, and begins with refs/
            ["git", "check-ref-format", f"refs/heads/{branch}"],  # noqa: S607
            env=_environment(),
            check=False,
            timeout=READ_TIMEOUT_S,
        ).returncode
        == 0
    )
    if not is_sound:
        raise UsageWrong(
            f"REQUESTS_BRANCH cannot be {_CONTROLS.sub('?', branch)[:200]!r}",
            why="git knows no branch of such a name",
            mend="name a branch, such as main",
        )


def redact(text: str) -> str:
    """The text without the credentials of its URLs."""
    return _CREDENTIALS.sub(r"\1***@", text)


def _make_mirror(mirror: Path) -> None:
    shutil.rmtree(mirror, ignore_errors=True)
    make_folder(mirror.parent)
    # Without a template there are no hooks, not even sample ones.
    _git(mirror.parent, ["init", "--quiet", "--bare", "--template=", str(mirror)], READ_TIMEOUT_S)


def _fetch_and_read(remote: Remote, mirror: Path) -> RequestFiles:
    try:
        commit = _fetch(remote, mirror, token=None)
    except NotAuthorised:
        if remote.token is None:
            raise
        commit = _fetch(remote, mirror, token=remote.token)
    return _read_requests(mirror, commit)


def _fetch(remote: Remote, mirror: Path, *, token: str | None) -> str:
    """Bring the branch's last commit to the mirror, also where it was forced; gives the commit."""
    what = f"{remote.shown}, branch {remote.branch}"
    refspec = f"+refs/heads/{remote.branch}:{MIRROR_REF}"
    arguments = ["fetch", "--quiet", "--depth=1", "--no-tags", "--update-shallow"]
    arguments += ["--no-recurse-submodules", "--no-write-fetch-head", "--", remote.url, refspec]
    try:
        _git(mirror, arguments, FETCH_TIMEOUT_S, config=_token_config(remote.url, token))
    except GitFailed as error:
        raise _explain(what, remote, error) from error
    commit = _git(mirror, ["rev-parse", "--verify", f"{MIRROR_REF}^{{commit}}"], READ_TIMEOUT_S)
    return commit.decode("ascii").strip()


def _list_branch(remote: Remote, timeout_s: float, *, token: str | None) -> str:
    what = f"{remote.shown}, branch {remote.branch}"
    arguments = ["ls-remote", "--quiet", "--", remote.url, f"refs/heads/{remote.branch}"]
    try:
        # In no work tree: its configuration is not asked.
        listed = _git(Path("/"), arguments, timeout_s, config=_token_config(remote.url, token))
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


def _read_requests(mirror: Path, commit: str) -> RequestFiles:
    """Read the request files at a commit: sizes first, then only what is small enough."""
    listed = _git(
        mirror, ["ls-tree", "-r", "-z", "--long", commit, "--", REQUESTS_FOLDER], READ_TIMEOUT_S
    )
    oid_by_path: dict[str, bytes] = {}
    problems: list[Problem] = []
    for entry in filter(None, listed.split(b"\0")):
        head, _, name = entry.partition(b"\t")
        mode, kind, oid, size = head.split()
        path = os.fsdecode(name)
        if path == REQUESTS_FOLDER:
            raise GitFailed(
                f"{REQUESTS_FOLDER} is no folder at commit {commit[:7]}",
                why="without seeing all requests, none can be said to be missing",
                mend="make it a folder again",
            )
        if not is_request_path(path):
            continue
        if mode in (_LINK_MODE, _SUBMODULE_MODE) or kind != b"blob":
            problems.append(_no_plain_file(path, mode))
        elif int(size) > MAX_REQUEST_BYTES:
            problems.append(_too_large(path))
        else:
            oid_by_path[path] = oid
    if len(oid_by_path) > MOST_FILES:
        raise GitFailed(
            f"{len(oid_by_path):,} request files at commit {commit[:7]}",
            why=f"more than {MOST_FILES:,} are not read",
            mend="take out those whose datasets are no longer wanted",
        )
    return RequestFiles(commit, _read_blobs(mirror, oid_by_path), tuple(problems))


def _read_blobs(mirror: Path, oid_by_path: Mapping[str, bytes]) -> dict[str, bytes]:
    """Read blobs in one go: https://git-scm.com/docs/git-cat-file#_batch_output."""
    if not oid_by_path:
        return {}
    asked = b"".join(oid + b"\n" for oid in oid_by_path.values())
    answer = _git(mirror, ["cat-file", "--batch"], READ_TIMEOUT_S, stdin=asked)
    data_by_path: dict[str, bytes] = {}
    at = 0
    for path, oid in oid_by_path.items():
        end = answer.find(b"\n", at)
        fields = answer[at:end].split()
        if len(fields) != 3 or fields[0] != oid or fields[1] != b"blob":
            raise GitFailed(
                f"{path}: its content is not in the mirror",
                why="the mirror is damaged",
                mend="nothing is to be done: the mirror is made anew",
            )
        size = int(fields[2])
        data_by_path[path] = answer[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return data_by_path


def _no_plain_file(path: str, mode: bytes) -> Problem:
    what = "is a link" if mode == _LINK_MODE else "is a submodule"
    why = "a request is read from a file of its own"
    return Problem(path, None, None, None, what, why, "put the request's fields into the file")


def _too_large(path: str) -> Problem:
    what = f"is larger than {MAX_REQUEST_BYTES // 1024} KiB"
    why, mend = "a request is a few lines", "keep the fields and take out the rest"
    return Problem(path, None, None, None, what, why, mend)


def _token_config(url: str, token: str | None) -> dict[str, str]:
    """Send a token to the URL's host only, as GitHub takes it, and follow nobody elsewhere."""
    if token is None:
        return {}
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {
        f"http.{parts.scheme}://{host}/.extraHeader": f"Authorization: Basic {basic}",
        "http.followRedirects": "false",
    }


def _git(
    folder: Path,
    arguments: Sequence[str],
    timeout_s: float,
    *,
    stdin: bytes = b"",
    config: Mapping[str, str] | None = None,
) -> bytes:
    """Run git in `folder`; what it wrote. Raises GitFailed with what it complained of."""
    command = ["git", *arguments]
    try:
        # A session of its own: git's helpers end with it, and ssh finds no terminal to ask at.
        process = subprocess.Popen(  # noqa: S603  # a list, and what is not ours in it is checked
            command,
            cwd=folder,
            env=_environment(config),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise GitFailed(
            "git cannot be started",
            why=error.strerror or "unknown",
            mend="install git, and see that it is found on PATH",
        ) from error
    with process:
        try:
            out, complaint = process.communicate(stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            raise GitTooSlow(
                f"git {arguments[0]} took longer than {timeout_s:.0f} s",
                why="the remote does not answer, or answers slowly",
                mend="look whether the remote can be reached; it is tried again",
            ) from error
    if process.returncode != 0:
        raise GitFailed(
            f"git {arguments[0]} failed",
            why=_shorten(complaint) or f"it ended with {process.returncode}",
            mend="look whether the repository can be read with `git ls-remote`",
        )
    return out


def _shorten(complaint: bytes) -> str:
    """The end of what git said, in one line and without credentials."""
    lines = [line.strip() for line in complaint.decode("utf-8", "replace").splitlines()]
    return redact(_CONTROLS.sub("?", "; ".join([line for line in lines if line][-6:])))


def _environment(config: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of every git we start: nobody is asked, nothing is run, nothing chosen."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in _KEPT_VARIABLES
    }
    settings = {
        "core.hooksPath": os.devnull,
        "gc.autoDetach": "false",
        "protocol.ext.allow": "never",
        **(config or {}),
    }
    for number, (key, value) in enumerate(settings.items()):
        kept |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return kept | {
        "GIT_CONFIG_COUNT": str(len(settings)),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }
