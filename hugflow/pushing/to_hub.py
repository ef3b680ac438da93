"""Pushing to a repository of the Hub: large files first, then one commit with everything.

The Hub knows large files by their hash, so after a stop only the missing ones are sent. Until the
commit nobody sees anything of it. The commit gets the version as its tag.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from hugflow.clients.hub import Hub
from hugflow.clients.hub_uploads import create_repository, sending
from hugflow.clients.repository import RepoId
from hugflow.pushing.files import PushFile


@dataclass
class HubDestination:
    """A dataset repository on the Hub."""

    hub: Hub
    repo: RepoId
    is_private: bool
    _operations: list[CommitOperationAdd] = field(default_factory=list)

    def open(self, version: str) -> None:
        """Create the repository unless it exists."""
        create_repository(self.hub, self.repo, is_private=self.is_private)

    def send(self, file: PushFile) -> bool:
        """Send one file ahead of the commit; whether its bytes had to be sent is not known."""
        operation = CommitOperationAdd(file.path, file.file)
        with sending(self.hub, str(self.repo)) as api:
            api.preupload_lfs_files(self.repo.id, [operation], repo_type=self.repo.kind)
        self._operations.append(operation)
        return True

    def finish(self, last: Sequence[PushFile], version: str) -> str:
        """Commit everything at once, and tag it; returns the page of the version."""
        adds = [*self._operations, *(CommitOperationAdd(each.path, each.file) for each in last)]
        sent = {operation.path_in_repo for operation in adds}
        with sending(self.hub, str(self.repo)) as api:
            there = api.list_repo_files(self.repo.id, repo_type=self.repo.kind)
            # Shards of another version, which the card would load too.
            stale = [path for path in there if path.startswith("data/") and path not in sent]
            operations: list[Any] = [*adds, *map(CommitOperationDelete, stale)]
            done = api.create_commit(
                self.repo.id,
                operations,
                commit_message=f"Version {version}",
                repo_type=self.repo.kind,
            )
            api.create_tag(
                self.repo.id,
                tag=version,
                revision=str(done.oid),
                repo_type=self.repo.kind,
                exist_ok=True,
            )
        return f"{self.repo.page(self.hub.endpoint)}/tree/{version}"
