"""Archives that a person brought: `STATE_DIR/archives/<sha256>` in the place of a repository.

The archive is the one file of its repository, called `archive.tar.gz` or the like by what it holds,
and the first 40 digits of its sha256 are the commit. Nothing is ever fetched from anywhere.
"""

import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from hugflow.clients.fetch import SlotSource
from hugflow.clients.hub import Hub, ReadBudget
from hugflow.clients.part_file import is_verified, part_path
from hugflow.clients.repository import DatedCommit, PublishedFile, RepoId, Repository
from hugflow.errors import HubUnavailable, ShardCorrupt
from hugflow.store.atomic import disk_errors, make_folder, sync_folder

_TAR_MAGIC_AT: Final = 257
_ENDINGS: Final = (
    (b"PK\x03\x04", ".zip"),
    # A zip that was written in parts, joined.
    (b"PK\x07\x08PK\x03\x04", ".zip"),
    (b"\x1f\x8b", ".tar.gz"),
)


class ArchiveMissing(HubUnavailable):
    """The archive of a request is not on this host."""


def archive_ending(path: Path) -> str | None:
    """`.tar`, `.tar.gz` or `.zip`, by the first bytes of a file; None for anything else."""
    with path.open("rb") as file:
        head = file.read(512)
    for magic, ending in _ENDINGS:
        if head.startswith(magic):
            return ending
    return ".tar" if head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar" else None


class ImportedArchive(Hub):
    """One imported archive, read as a repository of the Hub is.

    folder: of all archives. hub: of which address and token are taken; it is never asked.
    """

    is_local: ClassVar[bool] = True

    def __init__(self, folder: Path, sha256: str, hub: Hub) -> None:
        """Nothing is read yet."""
        super().__init__(hub.endpoint, hub.token if isinstance(hub.token, str) else None)
        self._path, self._sha256 = folder / sha256, sha256

    @property
    def commit(self) -> str:
        """What stands for the commit."""
        return self._sha256[:40]

    def fetch_repository(self, repo: RepoId, revision: str) -> Repository:
        """The facts; raises ArchiveMissing."""
        return Repository(repo, self.commit, None, is_gated=False, paths=(self._file().path,))

    def list_commits(self, repo: RepoId, revision: str) -> Iterator[DatedCommit]:
        """None: an archive has no history."""
        return iter(())

    def find_commit(self, repo: RepoId, revision: str) -> str | None:
        """The one commit: an archive never moves on."""
        return self.commit

    def list_oids(self, repo: RepoId, commit: str, folder: str | None = None) -> dict[str, str]:
        """The archive, by its sha256."""
        return {self._file().path: self._sha256}

    def list_folders(self, repo: RepoId, commit: str) -> list[str]:
        """None: there is one file."""
        return []

    def list_files(self, repo: RepoId, commit: str, folder: str = "") -> list[PublishedFile]:
        """The archive."""
        return [self._file()]

    def find_files(
        self, repo: RepoId, commit: str, paths: Sequence[str]
    ) -> dict[str, PublishedFile]:
        """The archive, if it is one of these."""
        file = self._file()
        return {file.path: file} if file.path in paths else {}

    def fetch_file(
        self,
        repo: RepoId,
        commit: str,
        file: PublishedFile,
        target: Path,
        *,
        durable: bool = True,
        slots: SlotSource | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Link or copy the archive to `target`, verified; raises ArchiveMissing, ShardCorrupt."""
        self._file()
        make_folder(target.parent)
        part = part_path(target)
        with disk_errors(part):
            part.unlink(missing_ok=True)
            try:
                os.link(self._path, part)
            except OSError:
                # Another disk, or one without links.
                shutil.copyfile(self._path, part)
            is_whole = is_verified(part, file)
            if not is_whole:
                part.unlink()
        if not is_whole:
            raise ShardCorrupt(
                f"the imported archive {self._sha256[:7]} has changed",
                why=f"the bytes of {self._path} do not have the sha256 of their name any more",
                mend="move the file away, and import the archive again: hugflow import ARCHIVE",
            )
        with disk_errors(target):
            part.rename(target)
        if durable:
            sync_folder(target.parent)

    def open_file(
        self, repo: RepoId, commit: str, file: PublishedFile, budget: ReadBudget | None = None
    ) -> io.BufferedIOBase:
        """Open the archive."""
        self._file()
        return self._path.open("rb")

    def _file(self) -> PublishedFile:
        try:
            size, ending = self._path.stat().st_size, archive_ending(self._path)
        except FileNotFoundError:
            raise ArchiveMissing(
                f"the archive {self._sha256[:7]} is not on this host",
                why=f"the request names an archive that a person downloads, and {self._path} is "
                "not there",
                mend=f"download the archive with the sha256 {self._sha256}, and run "
                "`hugflow import ARCHIVE` here",
            ) from None
        return PublishedFile(f"archive{ending or ''}", size, self._sha256, "")
