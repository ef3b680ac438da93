"""One paged listing of a repository at its commit, and the splits that its card names."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Self

from hugflow.clients.hub import Hub
from hugflow.clients.published import Resolved, address_prefix
from hugflow.clients.repository import PublishedFile, Repository
from hugflow.late_dataclass import dataclass
from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.resolution.card_configs import parse_card, read_configs
from hugflow.shards.resolution.patterns import NotKnown
from hugflow.shards.resolution.resolver import resolve, resolve_clips

log = logging.getLogger(__name__)

_README: Final = "README.md"
_MOST_CARD_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Listing:
    """All files of a repository, by path.

    repository: with all paths: the Hub's facts about a large one name only some of its files.
    """

    hub: Hub
    repository: Repository
    published: dict[str, PublishedFile]

    @classmethod
    def fetch(cls, hub: Hub, repository: Repository) -> Self:
        """List the repository at its commit."""
        files = hub.list_files(repository.repo, repository.commit)
        published = {file.path: file for file in files}
        return cls(hub, replace(repository, paths=tuple(published)), published)

    @property
    def files(self) -> tuple[PublishedFile, ...]:
        """All files, in the Hub's order."""
        return tuple(self.published.values())

    def list_subsets(self) -> list[str | None] | None:
        """The subsets by our own rules, None for an only default one; None where none is known."""
        try:
            listed = read_configs(self._read_card())
        except (NotKnown, UnicodeDecodeError):
            return None
        return [config.name for config in listed.configs] or [None]

    def resolve(self, subset: str | None) -> Resolved | None:
        """The files of a subset by our own rules; None where only `datasets` knows them."""
        repo, commit = self.repository.repo, self.repository.commit
        try:
            card = self._read_card()
            return resolve(card, self.published, subset, address_prefix(repo.id, commit))
        except (NotKnown, UnicodeDecodeError) as why:
            log.debug("%s@%s: `datasets` resolves the files, because of %s", repo, commit[:7], why)
            return None

    def resolve_clips(
        self, subset: str | None, is_wanted: Callable[[str], bool] = is_clip
    ) -> Resolved | None:
        """The audio files of a subset, whatever `datasets` takes them for; None if none is known.

        is_wanted: which files, if not audio files.
        """
        try:
            return resolve_clips(self._read_card(), self.published, subset, is_wanted)
        except (NotKnown, UnicodeDecodeError):
            return None

    def _read_card(self) -> dict[str, Any]:
        """The card's YAML; raises NotKnown."""
        readme = self.published.get(_README)
        if readme is None:
            return {}
        if readme.size_bytes > _MOST_CARD_BYTES:
            raise NotKnown("a large README")
        repository = self.repository
        data = self.hub.read_small_file(repository.repo, repository.commit, readme)
        return parse_card(data.decode())

    def find(self, paths: tuple[str, ...] | list[str]) -> list[PublishedFile]:
        """The files with these paths, in order; raises RequestInvalid if one is missing."""
        if all(path in self.published for path in paths):
            return [self.published[path] for path in paths]
        return self.hub.fetch_files(self.repository.repo, self.repository.commit, paths)
