"""What the Hub says of a dataset repository at one commit, as plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repository:
    """A dataset repository at one commit. `licence` is the card's word for it, or None."""

    hf_id: str
    commit: str
    licence: str | None
    is_gated: bool


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file of a repository at one commit; `sha256` is None for files git keeps itself."""

    path: str
    size_bytes: int
    sha256: str | None
    git_oid: str

    @property
    def digest(self) -> str:
        """The hash that names the bytes: sha256 where there is one, else the git blob's sha1."""
        return self.sha256 or self.git_oid
