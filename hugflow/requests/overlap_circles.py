"""Requests whose `no_overlap_with` makes them wait for each other: none would ever be published."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from hugflow.requests.model import AddRequest


def find_circles(requests: Iterable[AddRequest]) -> dict[str, tuple[str, ...]]:
    """For each dataset that waits for itself, by name: the others on a shortest way back to it.

    requests: of one dataset each, with names of their own. A dataset waits for those that its
    `no_overlap_with` names and that do not name it: of two that name each other, the one that comes
    later is compared. See `is_meant` for how they are named.
    """
    # Every dataset of a circle has the field.
    waiting = [request for request in requests if request.no_overlap_with]
    names_by_word = _names_by_word(waiting)
    named = {
        request.name: sorted(
            {name for word in request.no_overlap_with for name in names_by_word.get(word, ())}
            - {request.name}
        )
        for request in waiting
    }
    named = {
        name: [other for other in others if name not in named[other]]
        for name, others in named.items()
    }
    circles = {name: _way_back(name, named) for name in named}
    return {name: way for name, way in circles.items() if way is not None}


def _names_by_word(requests: Sequence[AddRequest]) -> Mapping[str, set[str]]:
    """The datasets that a word of `no_overlap_with` may mean."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for request in requests:
        hf_id = request.hf_id
        for word in (request.name, hf_id, f"{hf_id}#{request.split}"):
            names[word].add(request.name)
    return names


def _way_back(start: str, named: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """What lies between a dataset and itself; None if there is no way back."""
    ways: dict[str, tuple[str, ...]] = {start: ()}
    nearest = [start]
    while nearest:
        further = []
        for name in nearest:
            for other in named[name]:
                if other == start:
                    return ways[name]
                if other not in ways:
                    ways[other] = (*ways[name], other)
                    further.append(other)
        nearest = further
    return None
