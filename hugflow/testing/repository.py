"""A repository of the Hub as a value in memory: files, commits, and the refs that point at them.

Everything has its name in Git and Git LFS, so the same files published in the same order have the
same commits in every process. Two kinds of file differ only in their names:

    small    kept in git: its oid is the sha1 of its blob, and that is its ETag
    large    kept in LFS: its ETag is its sha256; its oid is the sha1 of the three-line pointer
             that git keeps in its place
"""

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Literal

from hugflow.late_dataclass import dataclass

CHUNK_BYTES = 1 << 20
SHORTEST_COMMIT = 7

# Time is an input: the first commit of every repository has this date, and each later one, on any
# branch, is a minute younger than all before it.
FIRST_COMMIT_AT = datetime(2026, 1, 1, tzinfo=UTC)
AUTHOR = "loopback"

Kind = Literal["datasets", "models"]
Gate = Literal[False, "auto", "manual"]


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file's content, in memory or on disk, with the names the Hub gives it.

    oid: git's name.
    sha256: None for a file that git keeps itself.
    """

    source: bytes | Path
    size_bytes: int
    oid: str
    sha256: str | None
    pointer_size_bytes: int

    @property
    def etag(self) -> str:
        """The name under which a client caches the content."""
        return self.sha256 or self.oid

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Pieces of the content from byte `start` to byte `stop`, exclusive."""
        if isinstance(self.source, bytes):
            for first in range(start, stop, CHUNK_BYTES):
                yield self.source[first : min(first + CHUNK_BYTES, stop)]
            return
        with self.source.open("rb") as file:
            file.seek(start)
            while start < stop and (piece := file.read(min(CHUNK_BYTES, stop - start))):
                start += len(piece)
                yield piece


@dataclass(frozen=True, slots=True)
class Commit:
    """A whole tree of files, and its parent commit."""

    sha: str
    parent: "Commit | None"
    message: str
    created_at: datetime
    files: Mapping[str, HubFile]
    _listings: dict[tuple[str, bool], list[str]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def list_paths(self, folder: str, *, recursive: bool) -> list[str]:
        """What `list_tree` gives; made once, because a large folder has many pages."""
        key = (folder, recursive)
        if key not in self._listings:
            self._listings[key] = list_tree(self.files, folder, recursive=recursive)
        return self._listings[key]

    def history(self) -> Iterator["Commit"]:
        """Yield the commit itself and its ancestors, youngest first."""
        commit: Commit | None = self
        while commit is not None:
            yield commit
            commit = commit.parent

    def last_change(self, path: str) -> "Commit":
        """The commit that last changed the file or folder at `path`."""
        here = tree_entry(self.files, path)
        last = self
        for commit in self.history():
            if tree_entry(commit.files, path) != here:
                break
            last = commit
        return last


@dataclass(slots=True)
class Repository:
    """One repository: its refs move and its gate opens and closes; its commits stay.

    disabled: it exists, but nobody can read it.
    `refs` maps full names to commits: `refs/heads/main`, `refs/tags/v1`, `refs/convert/parquet`.
    """

    id: str
    kind: Kind = "datasets"
    private: bool = False
    gated: Gate = False
    disabled: bool = False
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    def find_commit(self, revision: str) -> Commit | None:
        """The commit meant by a branch, tag, full ref or commit id of seven digits or more."""
        for ref in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}"):
            if ref in self.refs:
                return self.commits[self.refs[ref]]
        if len(revision) < SHORTEST_COMMIT:
            return None
        return next((self.commits[sha] for sha in self.commits if sha.startswith(revision)), None)

    def add_commit(
        self,
        files: Mapping[str, HubFile],
        *,
        branch: str,
        message: str,
        delete: Iterable[str] = (),
        from_empty: bool = False,
        at: datetime | None = None,
    ) -> Commit:
        """Put files on top of a branch's head and move the branch there.

        A new branch starts at main; a ref such as `refs/convert/parquet`, and main itself, start
        empty. at: the date of the commit; None means the next minute.
        """
        ref = to_ref(branch)
        start = "refs/heads/main" if ref.startswith("refs/heads/") else ref
        head = self.refs.get(ref) or self.refs.get(start)
        parent = self.commits[head] if head else None
        commit = self.compose(
            files, parent=parent, message=message, delete=delete, from_empty=from_empty, at=at
        )
        self.move(branch, commit)
        return commit

    def compose(
        self,
        files: Mapping[str, HubFile],
        *,
        parent: Commit | None,
        message: str,
        delete: Iterable[str] = (),
        from_empty: bool = False,
        at: datetime | None = None,
    ) -> Commit:
        """The commit that puts files on top of another one; nothing changes yet."""
        kept = {} if parent is None or from_empty else dict(parent.files)
        gone = frozenset(delete)
        tree = {path: file for path, file in (kept | dict(files)).items() if path not in gone}
        created_at = at or self._next_minute()
        return compose_commit(tree, parent=parent, message=message, created_at=created_at)

    def move(self, branch: str, commit: Commit) -> None:
        """Add a commit, and let a branch or full ref point to it."""
        self.commits[commit.sha] = commit
        self.refs[to_ref(branch)] = commit.sha

    def _next_minute(self) -> datetime:
        """A minute after the youngest commit of any branch."""
        dates = [commit.created_at for commit in self.commits.values()]
        return max(dates) + timedelta(minutes=1) if dates else FIRST_COMMIT_AT


def to_ref(branch: str) -> str:
    """The full name of a branch: `main` is `refs/heads/main`; a full ref stays unchanged."""
    return branch if branch.startswith("refs/") else f"refs/heads/{branch}"


def read_file(source: bytes | Path, *, is_large: bool) -> HubFile:
    """The content with its names on the Hub; is_large: kept in LFS."""
    if isinstance(source, Path):
        status = source.stat()
        names = _hash_path(source.resolve(), status.st_size, status.st_mtime_ns)
    else:
        names = _hash_pieces([source], len(source))
    if not is_large:
        return HubFile(source, names.size_bytes, names.oid, None, 0)
    pointer = (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{names.sha256}\nsize {names.size_bytes}\n"
    ).encode()
    return HubFile(source, names.size_bytes, git_oid("blob", pointer), names.sha256, len(pointer))


def compose_commit(
    files: Mapping[str, HubFile],
    *,
    parent: Commit | None,
    message: str,
    created_at: datetime | None = None,
) -> Commit:
    """The commit that git itself would make of these files.

    created_at: its date; None means a minute after the parent's.
    """
    if created_at is None:
        created_at = FIRST_COMMIT_AT if parent is None else parent.created_at + timedelta(minutes=1)
    person = f"{AUTHOR} <{AUTHOR}@localhost> {int(created_at.timestamp())} +0000"
    lines = [f"tree {tree_oid(files)}"]
    lines += [] if parent is None else [f"parent {parent.sha}"]
    lines += [f"author {person}", f"committer {person}", "", message]
    sha = git_oid("commit", ("\n".join(lines) + "\n").encode())
    return Commit(sha, parent, message, created_at, files)


def tree_oid(files: Mapping[str, HubFile], folder: str = "") -> str:
    """Git's name for a folder, by default the topmost one."""
    prefix = f"{folder}/" if folder else ""
    inside = {path.removeprefix(prefix) for path in files if path.startswith(prefix)}
    entries = []
    for name in {path.partition("/")[0] for path in inside}:
        path = prefix + name
        if path in files:
            entries.append((name, b"100644 " + name.encode(), files[path].oid))
        else:
            # Git sorts a folder as if its name ended in a slash.
            entries.append((f"{name}/", b"40000 " + name.encode(), tree_oid(files, path)))
    body = b"".join(head + b"\0" + bytes.fromhex(oid) for _, head, oid in sorted(entries))
    return git_oid("tree", body)


def tree_entry(files: Mapping[str, HubFile], path: str) -> HubFile | str | None:
    """The entry at a path: a file, a folder as its oid, or None."""
    if path in files:
        return files[path]
    if any(name.startswith(f"{path}/") for name in files):
        return tree_oid(files, path)
    return None


def list_tree(files: Mapping[str, HubFile], folder: str, *, recursive: bool) -> list[str]:
    """The paths of files and folders below a folder, sorted, without the folder itself.

    A path that is a file lists that file.
    """
    if folder in files:
        return [folder]
    prefix = f"{folder}/" if folder else ""
    paths: set[str] = set()
    for path in files:
        if path.startswith(prefix):
            above = (parent.as_posix() for parent in PurePosixPath(path).parents)
            paths |= {path} | {parent for parent in above if len(parent) > len(prefix)}
    if not recursive:
        paths = {path for path in paths if "/" not in path.removeprefix(prefix)}
    return sorted(paths - {"."})


def git_oid(kind: Literal["blob", "tree", "commit"], body: bytes) -> str:
    """Git's name for an object."""
    return hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(body), body)).hexdigest()  # noqa: S324 - git's own choice


@dataclass(frozen=True, slots=True)
class _Names:
    size_bytes: int
    oid: str
    sha256: str


@functools.lru_cache(maxsize=4096)
def _hash_path(path: Path, size_bytes: int, modified_ns: int) -> _Names:
    """The names of a file on disk, computed once while it does not change."""
    del modified_ns
    with path.open("rb") as file:
        return _hash_pieces(iter(lambda: file.read(CHUNK_BYTES), b""), size_bytes)


def _hash_pieces(pieces: Iterable[bytes], size_bytes: int) -> _Names:
    git = hashlib.sha1(b"blob %d\0" % size_bytes)  # noqa: S324 - git's own choice
    lfs = hashlib.sha256()
    for piece in pieces:
        git.update(piece)
        lfs.update(piece)
    return _Names(size_bytes, git.hexdigest(), lfs.hexdigest())
