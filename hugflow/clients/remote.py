"""The requests repository: its URL, its branch, and which hosts may get our token."""

import base64
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from hugflow.clients.git_program import (
    READ_TIMEOUT_S,
    GitFailed,
    git_environment,
    run_git,
)
from hugflow.errors import UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.redact import redact

_SCHEMES = ("https", "http", "ssh", "git", "file")
_HAS_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# `host:path` and `user@host:path`, as scp writes them; a colon after a slash belongs to a path.
_SCP_LIKE = re.compile(r"(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9._-]+:(?!:)[^-]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Remote:
    """A branch of a repository.

    url: https, ssh, git or file URL, `host:path`, or an absolute path.
    token: sent only to the host of the URL, and only if git's own credentials are refused; None:
        never.
    """

    url: str
    branch: str = "main"
    token: str | None = None

    def __post_init__(self) -> None:
        """Refuse values that git could read as an option, a command or another ref."""
        refuse_url(self.url)
        refuse_branch(self.branch)

    @property
    def is_web(self) -> bool:
        """Whether git may need credentials for it that its helpers have."""
        return self.url.lower().startswith(("https://", "http://"))

    @property
    def shown(self) -> str:
        """The URL without credentials, to be shown."""
        return redact(self.url)


def read_origin(work_tree: Path) -> str | None:
    """The URL of a work tree's `origin`; None if it has none, or is not a work tree."""
    try:
        url = run_git(work_tree, ["config", "--get", "remote.origin.url"], READ_TIMEOUT_S)
    except GitFailed:
        return None
    return url.decode("utf-8", "replace").strip() or None


def resolve_url(url: str, root: Path) -> str:
    """A URL unchanged, a path as an absolute one; relative paths begin at `root`."""
    if _HAS_SCHEME.match(url) or _SCP_LIKE.match(url) or url.startswith("-"):
        return url
    return str(root / Path(url).expanduser())


def find_github_url(url: str) -> str | None:
    """The page of a repository on github.com, from git's URL; None for other hosts."""
    if _HAS_SCHEME.match(url):
        parts = urlsplit(url)
        host, path = parts.hostname, parts.path
    elif _SCP_LIKE.match(url):
        before, _, path = url.partition(":")
        host = before.rpartition("@")[2]
    else:
        return None
    name = re.fullmatch(r"/?([A-Za-z0-9._-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?", path)
    return f"https://github.com/{name[1]}" if host == "github.com" and name else None


def may_take_token(url: str, *, is_named: bool) -> bool:
    """Whether GITHUB_TOKEN may go to the host of a URL.

    is_named: REQUESTS_REPO names the URL. A work tree's origin is trusted only on github.com. The
        token is never sent in clear text, except to this machine.
    """
    parts = urlsplit(url) if _HAS_SCHEME.match(url) else None
    if parts is None:
        return False
    if parts.scheme == "http":
        return parts.hostname in ("127.0.0.1", "localhost")
    return parts.scheme == "https" and (is_named or parts.hostname == "github.com")


def refuse_url(url: str) -> None:
    """Raise UsageWrong for an invalid URL, and for one that git would run as a command."""
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
    """Raise UsageWrong for an invalid branch name."""
    is_sound = (
        branch
        and not branch.startswith("-")
        and not _CONTROLS.search(branch)
        and subprocess.run(  # noqa: S603  # the name is one argument, and begins with refs/
            ["git", "check-ref-format", f"refs/heads/{branch}"],  # noqa: S607
            env=git_environment(),
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


def token_config(url: str, token: str | None) -> dict[str, str]:
    """The git settings that send a token to the URL's host only, and follow no redirect."""
    if token is None:
        return {}
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {
        f"http.{parts.scheme}://{host}/.extraHeader": f"Authorization: Basic {basic}",
        "http.followRedirects": "false",
    }
