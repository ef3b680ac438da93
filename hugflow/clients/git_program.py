"""The `git` program, run without questions, without hooks and without settings from outside."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from hugflow.errors import HugflowError
from hugflow.redact import redact

READ_TIMEOUT_S = 10.0
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
# Every other variable of git could choose another repository or other objects.
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
_FOR_HELPERS = frozenset({"GITHUB_TOKEN", "GH_TOKEN"})
_NOT_FOR_GIT = frozenset({"HF_TOKEN", "SLACK_BOT_TOKEN", "SLACK_WEBHOOK_URL"}) | _FOR_HELPERS


class GitFailed(HugflowError):
    """The `git` program failed; the remote may be out of reach for now."""

    exit_code = 7


class GitTooSlow(GitFailed):
    """The remote did not answer in time."""


def run_git(
    folder: Path,
    arguments: Sequence[str],
    timeout_s: float,
    *,
    stdin: bytes = b"",
    config: Mapping[str, str] | None = None,
    may_ask_helpers: bool = False,
) -> bytes:
    """Run git in `folder`; its output. Raises GitFailed with git's complaint.

    config: git settings for this one call.
    may_ask_helpers: git may use its credential helpers, which read GITHUB_TOKEN.
    """
    command = ["git", *arguments]
    try:
        # A session of its own: git's helpers end with it, and ssh finds no terminal for questions.
        process = subprocess.Popen(  # noqa: S603  # a list, and what is not ours in it is checked
            command,
            cwd=folder,
            env=git_environment(config, may_ask_helpers=may_ask_helpers),
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
                mend="check whether the remote can be reached; it is tried again",
            ) from error
    if process.returncode != 0:
        raise GitFailed(
            f"git {arguments[0]} failed",
            why=_shorten(complaint) or f"it ended with {process.returncode}",
            mend="check whether the repository can be read with `git ls-remote`",
        )
    return out


def git_environment(
    config: Mapping[str, str] | None = None, *, may_ask_helpers: bool = False
) -> dict[str, str]:
    """The environment of every git process: no questions, no hooks, no settings from outside."""
    hidden = _NOT_FOR_GIT - (_FOR_HELPERS if may_ask_helpers else frozenset())
    kept = {
        name: value
        for name, value in os.environ.items()
        if (not name.startswith("GIT_") or name in _KEPT_VARIABLES) and name not in hidden
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


def _shorten(complaint: bytes) -> str:
    """The end of git's output, in one line and without credentials."""
    lines = [line.strip() for line in complaint.decode("utf-8", "replace").splitlines()]
    return redact(_CONTROLS.sub("?", "; ".join([line for line in lines if line][-6:])))
