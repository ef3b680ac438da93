"""A location to the folder that a child reads: the folder itself, or a snapshot of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from hugflow.errors import HugflowError
from hugflow.hierarchy.access import Access
from hugflow.hierarchy.archives import open_archive, read_commit
from hugflow.hierarchy.errors import ConfigError, LockError, ParentUnavailable
from hugflow.hierarchy.git_source import GitRemote, Resolved
from hugflow.hierarchy.hub_source import open_hub_commit
from hugflow.hierarchy.location import (
    Declarer,
    Location,
    is_branch_archive,
    is_commit,
    with_ref,
)
from hugflow.hierarchy.lockfile import LockNode
from hugflow.hierarchy.snapshots import LOCK_NAME, Snapshot, find_snapshot, store_snapshot
from hugflow.hierarchy.url_source import fetched_archive
from hugflow.late_dataclass import dataclass

_LARGEST_LOCK = 4 << 20


@dataclass(frozen=True, slots=True)
class Fetched:
    """A parent that can be read.

    rev: its commit, if it has one. sha256: of its tree; None for a folder, which may change.
    is_live: its location may mean something else tomorrow. declarer: how its own parents' locations
    are read. lock: its own lock.
    """

    folder: Path
    rev: str | None
    sha256: str | None
    is_live: bool
    declarer: Declarer
    lock: bytes | None = None

    @property
    def identity(self) -> str:
        """The tree's hash, or a folder's real path."""
        return self.sha256 or str(self.folder.resolve())


def fetch_parent(
    location: Location, pin: LockNode | None, trail: tuple[str, ...], access: Access
) -> Fetched:
    """Read a parent: from the cache if it is pinned and stored, else from its location.

    Raises ConfigError, which names the path of parents; LockError if the content is not the pinned.
    """
    if location.kind == "path" and location.path is not None:
        return _open_folder(location.text, location.path, trail)
    declarer = _declarer_of(location)
    if pin is not None and pin.sha256 is not None:
        found = find_snapshot(access.cache, pin.sha256, trail)
        if found is not None:
            return Fetched(found.folder, pin.rev, pin.sha256, pin.live, declarer, found.lock)
    with _named(location, trail):
        snapshot, rev, is_live = _fetch(location, pin, trail, access)
    if pin is not None and pin.sha256 is not None and snapshot.sha256 != pin.sha256:
        raise LockError(
            f"{location.text} no longer has the content that is locked",
            why=f"{LOCK_NAME} has the tree {pin.sha256[:12]}, and it is {snapshot.sha256[:12]} now",
            mend="run `hugflow lock --upgrade` to take what is there now, or name a tag or commit",
            trail=trail,
        )
    return Fetched(snapshot.folder, rev, snapshot.sha256, is_live, declarer, snapshot.lock)


def _open_folder(text: str, folder: Path, trail: tuple[str, ...]) -> Fetched:
    if not folder.is_dir():
        raise ConfigError(
            f"{text} is no folder",
            why=f"there is none at {folder}",
            mend="check the location; relative paths begin at the repository that names them",
            trail=trail,
        )
    lock = folder / LOCK_NAME
    data = lock.read_bytes() if lock.is_file() and lock.stat().st_size < _LARGEST_LOCK else None
    folder = folder.resolve()
    return Fetched(folder, None, None, True, Declarer(folder), data)


def _fetch(
    location: Location, pin: LockNode | None, trail: tuple[str, ...], access: Access
) -> tuple[Snapshot, str | None, bool]:
    """The snapshot, its commit, and whether the location may move."""
    rev = pin.rev if pin is not None else None
    if location.kind == "git":
        remote = GitRemote(location, access)
        resolved = remote.resolve() if rev is None else Resolved(rev, None, is_branch=False)
        is_live = resolved.is_branch if pin is None else pin.live
        contents = remote.open_commit(resolved)
        return store_snapshot(contents, access.cache, trail), resolved.commit, is_live
    if location.kind == "hub":
        hub = open_hub_commit(location, rev, access)
        is_live = hub.is_live if pin is None else pin.live
        return store_snapshot(hub, access.cache, trail), hub.commit, is_live
    if location.path is not None:
        if not location.path.is_file():
            raise ConfigError(
                f"there is no archive {location.text}",
                why=f"there is no file {location.path}",
                mend="check the location",
            )
        with open_archive(location.path) as opened:
            stored = store_snapshot(opened, access.cache, trail)
        return stored, read_commit(location.path), False
    url = location.url
    if rev is not None and is_branch_archive(url):
        # The locked commit of a branch, wherever the branch is now.
        url = with_ref(url, rev) or url
    with fetched_archive(url, access) as path, open_archive(path) as opened:
        stored = store_snapshot(opened, access.cache, trail)
        return stored, read_commit(path) or _commit_in(url), is_branch_archive(location.url)


def _commit_in(url: str) -> str | None:
    """The commit that an archive's URL names; None if it names none."""
    name = urlsplit(url).path.rpartition("/")[2].partition(".")[0]
    return name if is_commit(name) else None


def _declarer_of(location: Location) -> Declarer:
    if location.path is None:
        return Declarer(Path("/nonexistent"), is_remote=True)
    is_archive = location.kind == "zip"
    return Declarer(location.path.parent if is_archive else location.path)


@contextmanager
def _named(location: Location, trail: tuple[str, ...]) -> Iterator[None]:
    """Give an error of a client the parent's place, and keep its exit code."""
    try:
        yield
    except ConfigError as error:
        if error.trail:
            raise
        renamed = type(error)(
            f"{location.text}: {error.what}", why=error.why, mend=error.mend, trail=trail
        )
        raise renamed from error
    except HugflowError as error:
        unavailable = ParentUnavailable(
            f"{location.text}: {error.what}", why=error.why, mend=error.mend, trail=trail
        )
        unavailable.exit_code = error.exit_code
        raise unavailable from error
