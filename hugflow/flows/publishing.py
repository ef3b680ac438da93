"""Publishing a folder as a module: what its repository lacks."""

from pathlib import Path
from typing import TYPE_CHECKING

from hugflow.clients.hub_errors import RepositoryMissing
from hugflow.clients.repository import RepoId
from hugflow.flows.changes import Changes, compare_folder
from hugflow.flows.names import DEFAULT_REVISION, ModuleId
from hugflow.flows.sendable import list_sendable
from hugflow.late_dataclass import dataclass

if TYPE_CHECKING:
    from hugflow.clients.hub import Hub


@dataclass(frozen=True, slots=True)
class Target:
    """Where a folder is published to. head: the commit of main; None for a new repository."""

    repo: RepoId
    head: str | None
    changes: Changes


def compare_with_hub(hub: "Hub", folder: Path, module: ModuleId) -> Target:
    """Compare a folder with the repository that it will be published to.

    Nothing is deleted there: files that only the repository has count as no change.
    """
    repo = RepoId.model(str(module))
    sendable = list_sendable(folder)
    try:
        head = hub.find_commit(repo, DEFAULT_REVISION)
    except RepositoryMissing:
        head = None
    listed = hub.list_files(repo, head, "") if head is not None else []
    changes = compare_folder(folder, {file.path: file for file in listed}, sendable)
    return Target(repo, head, changes.without_deletions())
