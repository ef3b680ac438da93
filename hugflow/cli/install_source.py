"""The installed hugflow as a source that pip can install again: pinned, never a bare name.

A bare name could be anybody's on an index, so only these count, by PEP 610's `direct_url.json`
(https://packaging.python.org/en/latest/specifications/direct-url-data-structure/):

    installed from git           git+<its URL>@<its commit>
    installed from a clone       git+<its origin>@<its commit>, once a remote has the commit
"""

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from hugflow.clients.git_program import GitFailed, run_git
from hugflow.clients.remote import find_github_url, read_origin

VARIABLE = "HUGFLOW_INSTALL"
SET_VARIABLE = f"gh variable set {VARIABLE} --body 'git+https://HOST/OWNER/hugflow@COMMIT'"
GIT_S = 10.0
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def find_install_source() -> str | None:
    """The pinned source of the installed hugflow; None if no address is known for it."""
    try:
        text = distribution("hugflow").read_text("direct_url.json")
        value = json.loads(text) if text else None
    except (PackageNotFoundError, OSError, ValueError):
        return None
    return to_source(value) if isinstance(value, dict) else None


def to_source(direct_url: dict[str, Any]) -> str | None:
    """The pinned source that a `direct_url.json` describes; None if others cannot reach it."""
    url, vcs = str(direct_url.get("url", "")), direct_url.get("vcs_info")
    if isinstance(vcs, dict) and vcs.get("vcs") == "git":
        return _pin(url, str(vcs.get("commit_id", "")))
    if "dir_info" in direct_url and url.startswith("file://"):
        return _source_of_clone(Path(unquote(urlsplit(url).path)))
    return None


def _source_of_clone(folder: Path) -> str | None:
    try:
        if run_git(folder, ["rev-parse", "--show-prefix"], GIT_S).strip():
            # The folder is inside another project's repository.
            return None
        commit = run_git(folder, ["rev-parse", "HEAD"], GIT_S).decode().strip()
        if not run_git(folder, ["branch", "--remotes", "--contains", commit], GIT_S).strip():
            return None
    except (GitFailed, OSError):
        return None
    return _pin(read_origin(folder) or "", commit)


def _pin(url: str, commit: str) -> str | None:
    """The source; a runner has no ssh key, so a URL of ssh becomes one of https on GitHub."""
    parts = urlsplit(find_github_url(url) or url)
    if parts.scheme != "https" or not parts.hostname or not _COMMIT.fullmatch(commit):
        return None
    # No user, no token.
    host = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    return f"git+{urlunsplit((parts.scheme, host, parts.path, '', ''))}@{commit}"
