"""Asking the Hub which datasets a request with `expand` becomes."""

from typing import Final

from hugflow.amounts import count
from hugflow.clients.hub import Hub
from hugflow.errors import RequestInvalid
from hugflow.requests.expand import ExpandSpec
from hugflow.requests.model import AddRequest
from hugflow.requests.policy import Policy, PolicyRefuses
from hugflow.shards.subsets import list_members
from hugflow.stages.standing.expansions import EXPANSION, Expansion, read_members, to_requests
from hugflow.store.layout import Places

_SHOWN: Final = 8


def expand_request(
    request: AddRequest, places: Places, hub: Hub, policy: Policy, *, update: bool = False
) -> tuple[AddRequest, ...]:
    """The requests of all datasets that a request asks for; itself if it has no `expand`.

    What was found is recorded, and found again without the Hub. update: ask the Hub again.

    Raises RequestInvalid if no subset fits; PolicyRefuses for more datasets than the policy allows,
    if the request does not confirm them; and the Hub's errors.
    """
    if request.expand is None:
        return (request,)
    known = None if update else read_members(places, request)
    if known is None:
        expansion = _ask(request, request.expand, hub)
        _refuse_many(request, expansion, policy)
        EXPANSION.write(places.expansion(request.digest), expansion)
        known = to_requests(request, expansion)
    return known


def _ask(request: AddRequest, spec: ExpandSpec, hub: Hub) -> Expansion:
    commit, found = list_members(
        hub,
        request.hf_id,
        request.revision,
        subset=request.subset,
        is_every_subset=spec.subsets is not None,
    )
    kept = [
        (subset, splits)
        for subset, splits in found
        if spec.subsets is None or spec.takes(subset or "default")
    ]
    members = [
        (subset, split)
        for subset, splits in kept
        for split in splits
        if spec.splits is not None or split == request.split
    ]
    if not members:
        names = ", ".join(str(subset) for subset, _ in found[:_SHOWN])
        raise RequestInvalid(
            f"{request.hf_id}@{commit[:7]}: `expand` finds no dataset",
            why=f"no subset fits with the split {request.split!r}; there are {names}"
            if spec.splits is None
            else f"no subset fits; there are {names}",
            mend="write another pattern for subsets, or add splits: all",
        )
    return Expansion(request.hf_id, commit, tuple(members))


def _refuse_many(request: AddRequest, expansion: Expansion, policy: Policy) -> None:
    found = len(expansion.members)
    if found <= policy.max_expand or request.confirm:
        return
    raise PolicyRefuses(
        f"{request.hf_id}: the request becomes {count(found, 'dataset')}",
        why=f"more than {policy.max_expand} at once have to be confirmed (policy.max_expand)",
        mend="add confirm: true to the request, or narrow `expand`",
    )
