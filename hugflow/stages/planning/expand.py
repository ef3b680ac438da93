"""Asking the Hub which datasets a request with `expand` becomes."""

import logging
from collections.abc import Sequence
from typing import Final, TypeAlias

from hugflow.amounts import count
from hugflow.clients.hub import Hub
from hugflow.errors import RequestInvalid
from hugflow.redact import in_a_line
from hugflow.requests import grammar
from hugflow.requests.expand import ExpandSpec
from hugflow.requests.model import AddRequest
from hugflow.requests.policy import Policy, PolicyRefuses
from hugflow.shards.subsets import list_members
from hugflow.stages.standing.expansions import EXPANSION, Expansion, read_members, to_requests
from hugflow.store.layout import Places

log = logging.getLogger(__name__)

_SHOWN: Final = 8
_MOST_SHOWN_CHARACTERS: Final = 80
_Member: TypeAlias = tuple[str | None, str]


def expand_request(
    request: AddRequest, places: Places, hub: Hub, policy: Policy, *, update: bool = False
) -> tuple[AddRequest, ...]:
    """The requests of all datasets that a request asks for; itself if it has no `expand`.

    What was found is recorded, and found again without the Hub. update: ask the Hub again.

    A subset or a split that no request may name is left out, with a warning.

    Raises RequestInvalid if no subset fits, or none may be named; PolicyRefuses for more datasets than the policy allows,
    if the request does not confirm them; and the Hub's errors.
    """
    if request.expand is None:
        return (request,)
    known = None if update else read_members(places, request)
    if known is None:
        expansion = _ask(request, request.expand, hub)
        _refuse_many(request, expansion, policy)
        known = to_requests(request, expansion)
        EXPANSION.write(places.expansion(request.digest), expansion)
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
    what = f"{request.hf_id}@{commit[:7]}"
    return Expansion(request.hf_id, commit, _without_unnamable(what, members))


def _without_unnamable(what: str, members: Sequence[_Member]) -> tuple[_Member, ...]:
    """The members that a request may name; raises RequestInvalid if there are none."""
    named: list[_Member] = []
    faults: list[str] = []
    for subset, split in members:
        fault = _find_fault(subset, split)
        if fault is None:
            named.append((subset, split))
        else:
            faults.append(fault)
    if not named:
        raise RequestInvalid(
            f"{what}: `expand` finds no dataset that a request may name",
            why="; ".join(faults[:_SHOWN]),
            mend="ask the dataset's owner for names as the Hub allows them",
        )
    if faults:
        told = "; ".join(faults[:_SHOWN])
        log.warning("%s: `expand` leaves out %s: %s", what, count(len(faults), "dataset"), told)
    return tuple(named)


def _find_fault(subset: str | None, split: str) -> str | None:
    """Why no request may name a subset and its split, by the card; None if one may."""
    try:
        if subset is not None:
            grammar.subset(subset)
    except grammar.FieldInvalid as error:
        return f"the subset {_show(subset)} {error.reason}"
    try:
        grammar.split(split)
    except grammar.FieldInvalid as error:
        return f"the split {_show(split)} {error.reason}"
    return None


def _show(name: str | None) -> str:
    return repr(in_a_line(str(name))[:_MOST_SHOWN_CHARACTERS])


def _refuse_many(request: AddRequest, expansion: Expansion, policy: Policy) -> None:
    found = len(expansion.members)
    if found <= policy.max_expand or request.confirm:
        return
    raise PolicyRefuses(
        f"{request.hf_id}: the request becomes {count(found, 'dataset')}",
        why=f"more than {policy.max_expand} at once have to be confirmed (policy.max_expand)",
        mend="add confirm: true to the request, or narrow `expand`",
    )
