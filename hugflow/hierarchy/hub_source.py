"""Parents on the Hub: dataset repositories at one commit."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.hierarchy.access import Access
from hugflow.hierarchy.location import Location, is_commit
from hugflow.late_dataclass import dataclass

if TYPE_CHECKING:
    from hugflow.clients.hub import Hub


@dataclass(frozen=True, slots=True)
class _HubContents:
    hub: "Hub"
    repo: RepoId
    commit: str
    files: Mapping[str, PublishedFile]
    is_live: bool

    @property
    def sizes(self) -> Mapping[str, int]:
        return {path: file.size_bytes for path, file in self.files.items()}

    def read(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        with TemporaryDirectory() as folder:
            target = Path(folder) / "file"
            for path in paths:
                self.hub.fetch_file(self.repo, self.commit, self.files[path], target, durable=False)
                yield path, target.read_bytes()
                target.unlink()


def open_hub_commit(location: Location, pinned: str | None, access: Access) -> _HubContents:
    """The files of a dataset repository at a commit; `pinned`, else that of the revision."""
    from hugflow.clients.hub import Hub

    hub = Hub(endpoint=access.hub, token=access.hub_token)
    repo = RepoId.dataset(location.repo)
    commit = pinned or hub.fetch_repository(repo, location.ref or "main").commit
    prefix = f"{location.subdir}/" if location.subdir else ""
    files = {
        file.path.removeprefix(prefix): file
        for file in hub.list_files(repo, commit, location.subdir)
        if file.path.startswith(prefix)
    }
    is_live = pinned is None and not is_commit(location.ref) and not _is_tag(location, access, hub)
    return _HubContents(hub, repo, commit, files, is_live)


def _is_tag(location: Location, access: Access, hub: "Hub") -> bool:
    """Whether a revision is a tag; False if the Hub does not say, as a branch may move."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(endpoint=access.hub, token=hub.token)
    try:
        refs = api.list_repo_refs(location.repo, repo_type="dataset")
    except (HfHubHTTPError, OSError):
        return False
    return location.ref in {tag.name for tag in refs.tags}
