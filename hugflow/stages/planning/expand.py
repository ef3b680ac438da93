"""Asking the Hub which datasets a request with `expand` or `hf_collection` becomes."""

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
# A dataset, its subset, its split.
_Member: TypeAlias = tuple[str, str | None, str]


def expand_request(
    request: AddRequest, places: Places, hub: Hub, policy: Policy, *, update: bool = False
) -> tuple[AddRequest, ...]:
    """The requests of all datasets that a request asks for; itself if it names one.

    What was found is recorded, and found again without the Hub. update: ask the Hub again.

    A subset or a split that no request may name is left out, with a warning.

    Raises RequestInvalid if no subset fits, or none may be named; PolicyRefuses for more datasets
    than the policy allows, if the request does not confirm them; and the Hub's errors.
    """
    if not request.is_several:
        return (request,)
    known = None if update else read_members(places, request)
    if known is None:
        expansion = _ask_collection(request, hub) if request.hf_collection else _ask(request, hub)
        _refuse_many(request, expansion, policy)
        known = to_requests(request, expansion)
        EXPANSION.write(places.expansion(request.digest), expansion)
    return known


def _ask(request: AddRequest, hub: Hub) -> Expansion:
    """The datasets of one repository; raises RequestInvalid if there are none."""
    commit, members, found = _list(request, request.hf_id, hub)
    what = f"{request.hf_id}@{commit[:7]}"
    if not members:
        names = ", ".join(found[:_SHOWN])
        is_split_named = request.expand is None or request.expand.splits is None
        raise RequestInvalid(
            f"{what}: `expand` finds no dataset",
            why=f"no subset fits with the split {request.split!r}; there are {names}"
            if is_split_named
            else f"no subset fits; there are {names}",
            mend="write another pattern for subsets, or add splits: all",
        )
    named = _without_unnamable(what, members)
    return Expansion(request.hf_id, commit, tuple((subset, split) for _, subset, split in named))


def _ask_collection(request: AddRequest, hub: Hub) -> Expansion:
    """The datasets of a collection, in its order; raises RequestInvalid if there are none.

    What is no dataset is left out, and so is a dataset that lacks what `expand` asks for.
    """
    slug = request.hf_id
    items = hub.fetch_collection(slug)
    hf_ids = [*dict.fromkeys(id_ for kind, id_ in items if kind == "dataset")]
    others = sum(kind != "dataset" for kind, _ in items)
    if others:
        log.warning("%s: left out: %s that are no datasets", slug, count(others, "item"))
    members: list[_Member] = []
    for hf_id in hf_ids:
        if request.expand is None:
            members.append((hf_id, request.subset, request.split))
            continue
        try:
            found = _list(request, hf_id, hub)[1]
        except RequestInvalid as error:
            log.warning("%s: left out: %s (%s)", slug, error.what, error.why)
            continue
        if not found:
            log.warning("%s: left out: %s has nothing that `expand` asks for", slug, hf_id)
        members += found
    if not members:
        raise RequestInvalid(
            f"the collection {slug} has no dataset that the request asks for",
            why=f"it lists {count(len(hf_ids), 'dataset')} and {count(others, 'other item')}",
            mend="name another collection, or a dataset by hf_id",
        )
    named = _without_unnamable(slug, members)
    told = tuple((subset, split) for _, subset, split in named)
    return Expansion(slug, "", told, tuple(hf_id for hf_id, _, _ in named))


def _list(request: AddRequest, hf_id: str, hub: Hub) -> tuple[str, list[_Member], list[str]]:
    """The commit of a repository, what is asked for of it, and all of its subsets."""
    spec = request.expand or ExpandSpec()
    commit, found = list_members(
        hub,
        hf_id,
        request.revision,
        subset=request.subset,
        is_every_subset=spec.subsets is not None,
    )
    members = [
        (hf_id, subset, split)
        for subset, splits in found
        if spec.subsets is None or spec.takes(subset or "default")
        for split in splits
        if spec.splits is not None or split == request.split
    ]
    return commit, members, [str(subset) for subset, _ in found]


def _without_unnamable(what: str, members: Sequence[_Member]) -> tuple[_Member, ...]:
    """The members that a request may name; raises RequestInvalid if there are none."""
    named: list[_Member] = []
    faults: list[str] = []
    for member in members:
        fault = _find_fault(*member)
        if fault is None:
            named.append(member)
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


def _find_fault(hf_id: str, subset: str | None, split: str) -> str | None:
    """Why no request may name a dataset, a subset and its split; None if one may."""
    try:
        grammar.hf_id(hf_id)
    except grammar.FieldInvalid as error:
        return f"the dataset {_show(hf_id)} {error.reason}"
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
        mend="add confirm: true to the request, or ask for fewer",
    )
