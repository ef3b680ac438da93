"""The subsets of a dataset, and their splits, for a request that asks for several."""

from hugflow.clients.hub import Hub
from hugflow.clients.published import ask_splits, ask_subsets
from hugflow.clients.repository import RepoId
from hugflow.shards.resolution.listing import Listing


def list_members(
    hub: Hub, hf_id: str, revision: str, *, subset: str | None, is_every_subset: bool
) -> tuple[str, list[tuple[str | None, tuple[str, ...]]]]:
    """The commit, and each subset with its splits.

    subset: the one whose splits are listed; None for the default one.
    is_every_subset: list all of them.
    Raises RequestInvalid, and the Hub's errors.
    """
    repository = hub.fetch_repository(RepoId.dataset(hf_id), revision)
    listing, commit = Listing.fetch(hub, repository), repository.commit
    names: list[str | None] = [subset]
    if is_every_subset:
        found = listing.list_subsets()
        names = [*(ask_subsets(hub, hf_id, commit) if found is None else found)]
    members: list[tuple[str | None, tuple[str, ...]]] = []
    for name in names:
        resolved = listing.resolve(name)
        splits = ask_splits(hub, hf_id, commit, name) if resolved is None else resolved.files
        members.append((name, tuple(splits)))
    return commit, members
