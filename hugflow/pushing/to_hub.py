"""Pushing to a repository of the Hub: large files first, then one commit with everything.

The Hub knows large files by their hash, so after a stop only the missing ones are sent. Until the
commit nobody sees anything of it. The commit gets the version as its tag.

Only files of an earlier push of the same dataset are replaced or deleted: the manifest in the
repository names them.
"""

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from hugflow.clients.hub import Hub
from hugflow.clients.hub_uploads import create_repository, sending
from hugflow.clients.repository import RepoId
from hugflow.late_dataclass import dataclass
from hugflow.pushing.files import CARD_NAME, MANIFEST_NAME, PushFile, shard_names
from hugflow.pushing.owner import not_ours, parse_manifest
from hugflow.stages.tree.manifest import Manifest


@dataclass
class HubDestination:
    """A dataset repository on the Hub. is_replacing: card and data of others are replaced too."""

    hub: Hub
    repo: RepoId
    is_private: bool
    is_replacing: bool = False
    _operations: list[CommitOperationAdd] = field(default_factory=list)
    _earlier: frozenset[str] = frozenset()
    _parent: str | None = None

    def open(self, dataset: str, version: str) -> None:
        """Create the repository unless it exists. Raises UsageWrong for one that is not ours."""
        commit = create_repository(self.hub, self.repo, is_private=self.is_private)
        with sending(self.hub, str(self.repo)) as api:
            there = api.list_repo_files(self.repo.id, revision=commit, repo_type=self.repo.kind)
        data = {path for path in there if path.startswith("data/")}
        manifest = self._read_manifest(commit) if MANIFEST_NAME in there else None
        if self.is_replacing:
            self._earlier = frozenset(data)
        elif manifest is not None and manifest.dataset == dataset:
            self._earlier = frozenset(data.intersection(shard_names(manifest).values()))
        elif foreign := sorted(data.union({CARD_NAME, MANIFEST_NAME}.intersection(there))):
            source = "not of a push" if manifest is None else f"of {manifest.dataset}"
            why = f"it holds {', '.join(foreign[:3])}, {source}"
            raise not_ours(str(self.repo), dataset, why)
        self._parent = commit

    def send(self, file: PushFile) -> bool:
        """Send one file ahead of the commit; whether its bytes had to be sent is not known."""
        operation = CommitOperationAdd(file.path, file.file)
        with sending(self.hub, str(self.repo)) as api:
            api.preupload_lfs_files(self.repo.id, [operation], repo_type=self.repo.kind)
        self._operations.append(operation)
        return True

    def finish(self, last: Sequence[PushFile], version: str) -> str:
        """Commit everything at once, and tag it; returns the page of the version.

        Raises RepositoryMoved if somebody has committed since the files were looked at.
        """
        adds = [*self._operations, *(CommitOperationAdd(each.path, each.file) for each in last)]
        # Shards of another version, which the card would load too.
        stale = sorted(self._earlier - {operation.path_in_repo for operation in adds})
        operations: list[Any] = [*adds, *map(CommitOperationDelete, stale)]
        with sending(self.hub, str(self.repo)) as api:
            done = api.create_commit(
                self.repo.id,
                operations,
                commit_message=f"Version {version}",
                repo_type=self.repo.kind,
                parent_commit=self._parent,
            )
            api.create_tag(
                self.repo.id,
                tag=version,
                revision=str(done.oid),
                repo_type=self.repo.kind,
                exist_ok=True,
            )
        return f"{self.repo.page(self.hub.endpoint)}/tree/{version}"

    def _read_manifest(self, commit: str) -> Manifest | None:
        (file,) = self.hub.fetch_files(self.repo, commit, [MANIFEST_NAME])
        return parse_manifest(self.hub.read_small_file(self.repo, commit, file))
