"""Which commit of main brought a request: looked up once, when a file is new."""

import logging
import re
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from hugflow.clients.git import (
    fetch_branch,
    fetch_request_files,
    hold_mirror,
    with_token_where_needed,
)
from hugflow.clients.git_program import READ_TIMEOUT_S, run_git
from hugflow.clients.remote import Remote
from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.requests.catalog import ArrivalOnMain, Catalog
from hugflow.requests.folder import REQUESTS_FOLDER
from hugflow.requests.read import request_kind

log = logging.getLogger(__name__)

# How many commits of main are searched for the one that brought a file.
DEPTH = 50
MOST_CHARACTERS = 200
_COMMIT_ID = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of main: id, author's name and address, first line of the message."""

    id: str
    author: str
    email: str
    title: str


def fetch_catalog(remote: Remote, mirror: Path, before: Catalog | None) -> Catalog:
    """Fetch main to the mirror; its requests, with the origin of each.

    before: the previous catalogue; its facts about a file are kept while the file is the same.
    Raises as `fetch_request_files` does.
    """
    files = fetch_request_files(remote, mirror)
    known = {
        path: before.asked_by_path[path]
        for path, data in files.data_by_path.items()
        if before is not None
        and before.data_by_path.get(path) == data
        and path in before.asked_by_path
    }
    new = files.data_by_path.keys() - known.keys()
    found = fetch_commits(remote, mirror, files.commit, new) if new else {}
    together = sum(request_kind(PurePosixPath(path)) == "remove" for path in new)
    asked = {path: _to_asked(files.commit, together, found.get(path)) for path in new}
    return Catalog(
        files.commit,
        files.data_by_path,
        files.problems,
        known | asked,
        files.config,
        files.config_name,
    )


def fetch_commits(
    remote: Remote, mirror: Path, commit: str, paths: Collection[str]
) -> Mapping[str, Commit]:
    """By path, the last commit on main, from `commit` back, that changed the file.

    A merge counts as one commit. A commit that is further back than DEPTH, or that cannot be
    fetched now, is left out: it is useful, but nothing depends on it.
    """
    try:
        with hold_mirror(mirror):
            with_token_where_needed(
                remote, lambda token: fetch_branch(remote, mirror, token=token, depth=DEPTH)
            )
            told = run_git(
                mirror,
                [
                    *("log", "--first-parent", "--diff-merges=first-parent", "--no-renames"),
                    *(
                        "--name-only",
                        "-z",
                        "--format=%H%x00%an%x00%ae%x00%s",
                        f"--max-count={DEPTH}",
                    ),
                    *(commit, "--", REQUESTS_FOLDER),
                ],
                READ_TIMEOUT_S,
            )
            cut_off = _read_cut_off(mirror)
    except HugflowError as error:
        log.warning("who asked for %d new requests is not known: %s", len(paths), error.what)
        return {}
    found: dict[str, Commit] = {}
    for path, touched in _parse_log(told.decode("utf-8", "surrogateescape")):
        # The oldest fetched commit seems to bring every older file.
        if path in paths and touched.id not in cut_off:
            found.setdefault(path, touched)
    return found


def _to_asked(since: str, together: int, commit: Commit | None) -> ArrivalOnMain:
    if commit is None:
        return ArrivalOnMain(since, together)
    return ArrivalOnMain(since, together, commit.id, commit.author, commit.email, commit.title)


def _parse_log(told: str) -> list[tuple[str, Commit]]:
    """The pairs of path and commit in `id NUL author NUL email NUL title NUL LF path NUL id ...`."""
    words = iter(told.split("\0"))
    pairs: list[tuple[str, Commit]] = []
    commit: Commit | None = None
    for word in words:
        path = word.removeprefix("\n")
        if path.startswith(f"{REQUESTS_FOLDER}/") and commit is not None:
            pairs.append((path, commit))
        elif _COMMIT_ID.fullmatch(word):
            author, email, title = (_plain(next(words, "")) for _ in range(3))
            commit = Commit(word, author, email, title)
    return pairs


def _plain(text: str) -> str:
    """Foreign text without characters that are special to a terminal or a file."""
    text = text.encode("utf-8", "replace").decode()
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:MOST_CHARACTERS]


def _read_cut_off(mirror: Path) -> frozenset[str]:
    """The commits whose parents were not fetched: gitformat-shallow."""
    try:
        return frozenset((mirror / "shallow").read_text("ascii").split())
    except FileNotFoundError:
        return frozenset()
