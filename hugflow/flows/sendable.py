"""Which files of a module's folder may be sent to the Hub.

Never sent: hidden files (`.env`, `.git`, our state), files that git ignores, links, compiled files,
and the record of a sync. A file with a token in it stops the whole.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from hugflow.clients.git_program import READ_TIMEOUT_S, GitFailed, run_git
from hugflow.errors import FlowModuleRefused
from hugflow.flows.module_files import COMPILED_SUFFIXES, MAX_FILES, is_ignored, walk_files
from hugflow.late_dataclass import dataclass
from hugflow.redact import holds_token
from hugflow.store.atomic import disk_errors, read_file

HIDDEN = "hidden"
IGNORED = "ignored by git"
LINK = "a link, or no regular file"

# The header of a private key, an access key of AWS, and keys of Google's and OpenAI's APIs.
_KEY = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{35}|\bsk-[\w-]{32,}"
)


@dataclass(frozen=True, slots=True)
class Sendable:
    """The files of a folder that may be sent, and why others may not, by path."""

    paths: tuple[str, ...]
    left_out: Mapping[str, str]


def list_sendable(folder: Path, rules: Path | None = None) -> Sendable:
    """Sort the files of a folder. rules: a .gitignore that counts besides those in the folder."""
    found = [
        path
        for path in sorted(walk_files(folder))
        if not is_ignored(path) and path.suffix not in COMPILED_SUFFIXES
    ]
    ignored = _find_ignored(folder, rules)
    left_out: dict[str, str] = {}
    paths: list[str] = []
    for path in found:
        name = path.as_posix()
        if any(part.startswith(".") for part in path.parts):
            # Not one by one: a .git or an environment has thousands.
            left_out[_top_hidden(path)] = HIDDEN
        elif (folder / path).is_symlink() or not (folder / path).is_file():
            left_out[name] = LINK
        elif name in ignored:
            left_out[name] = IGNORED
        else:
            paths.append(name)
    if len(paths) > MAX_FILES:
        raise FlowModuleRefused(
            f"{folder}: too many files",
            why=f"a flow module has {MAX_FILES:,} at most",
            mend="leave out what is not part of it, by a .gitignore",
        )
    return Sendable(tuple(paths), left_out)


def refuse_tokens(folder: Path, paths: Iterable[str], token: str | bool) -> None:
    """Raise FlowModuleRefused, naming the file, when one of the files holds a token or a key.

    token: of the Hub, the user's own.
    """
    own = token.encode() if isinstance(token, str) and token else None
    for path in paths:
        with disk_errors(folder / path, "read"):
            content = read_file(folder / path)
        is_own = own is not None and own in content
        if is_own or _KEY.search(content) or holds_token(content.decode("latin-1")):
            raise FlowModuleRefused(
                f"{path} holds a token or a key",
                why="what is sent can be read by others; nothing was sent",
                mend="delete it from the file, and revoke it if others have seen it",
            )


def _top_hidden(path: Path) -> str:
    """The topmost hidden part of a path."""
    depth = next(place for place, part in enumerate(path.parts) if part.startswith("."))
    return Path(*path.parts[: depth + 1]).as_posix()


def _find_ignored(folder: Path, rules: Path | None) -> set[str]:
    """The files that a .gitignore in the folder, or in the work tree around it, ignores."""
    listing = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard"]
    with TemporaryDirectory(prefix="hugflow-flows-") as scratch:
        git = f"{scratch}/git"
        run_git(Path(scratch), ["init", "-q", "--bare", git], READ_TIMEOUT_S)
        more = [f"--exclude-from={rules}"] if rules is not None else []
        alone = [f"--git-dir={git}", f"--work-tree={folder}", *listing, *more]
        found = run_git(folder, alone, READ_TIMEOUT_S)
    if rules is None and _is_in_work_tree(folder):
        found += run_git(folder, listing, READ_TIMEOUT_S)
    return {name.decode("utf-8", "surrogateescape") for name in found.split(b"\0") if name}


def _is_in_work_tree(folder: Path) -> bool:
    try:
        inside = run_git(folder, ["rev-parse", "--is-inside-work-tree"], READ_TIMEOUT_S)
    except GitFailed:
        return False
    return inside.strip() == b"true"
