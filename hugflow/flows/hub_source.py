"""Modules from the Hub, where they are model repositories."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.errors import FlowModuleNotFound, HugflowError, NotAuthorised, RequestInvalid
from hugflow.flows.names import ModuleId, is_commit

if TYPE_CHECKING:
    from hugflow.clients.hub import Hub

KEPT = "a copy that was synced before stays as it is"


class HubSource:
    """Reads the module repositories of one Hub."""

    def __init__(self, hub: "Hub") -> None:
        """Nothing is sent yet."""
        self._hub = hub

    def fetch_commit(self, module: ModuleId, revision: str) -> str:
        """The commit of a revision; raises FlowModuleNotFound where there is none."""
        what = f"{module}:{revision}"
        try:
            commit = self._hub.find_commit(_repo(module), revision)
        except NotAuthorised as error:
            raise _not_shown(what, error) from error
        except RequestInvalid as error:
            raise FlowModuleNotFound(
                f"{what}: {error.why}", why=f"nothing was fetched; {KEPT}", mend=error.mend
            ) from error
        if commit is None:
            raise FlowModuleNotFound(
                f"{what}: no such revision",
                why=f"the repository has no branch, tag or commit of that name; {KEPT}",
                mend="check the revision; leave it out for the branch main",
            )
        if is_commit(revision) and commit != revision:
            raise FlowModuleNotFound(
                f"{what}: no such commit",
                why=f"the repository has a branch or tag of that name, at {commit}; {KEPT}",
                mend=f"name the commit itself: {commit}",
            )
        return commit

    def list_files(self, module: ModuleId, commit: str) -> Sequence[PublishedFile]:
        """Every file at a commit."""
        try:
            return self._hub.list_files(_repo(module), commit, "")
        except NotAuthorised as error:
            raise _not_shown(f"{module}:{commit}", error) from error

    def fetch_file(self, module: ModuleId, commit: str, file: PublishedFile, target: Path) -> None:
        """Bring one file to `target`, checked against the Hub's hash, and on the disk."""
        try:
            self._hub.fetch_file(_repo(module), commit, file, target)
        except NotAuthorised as error:
            raise _not_shown(f"{module}:{commit}", error) from error


def _repo(module: ModuleId) -> RepoId:
    return RepoId.model(str(module))


def _not_shown(what: str, error: HugflowError) -> NotAuthorised:
    return NotAuthorised(f"{what}: {error.what}", why=f"{error.why}; {KEPT}", mend=error.mend)
