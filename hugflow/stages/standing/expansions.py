"""Requests that ask for several datasets: those that each becomes.

`STATE_DIR/expanded/<digest of the request>.json`, written whole when the request is planned:

    {"version": 1, "hf_id": "google/fleurs", "commit": "8a6c...",
     "members": [["ms_my", "train"], ["ms_my", "test"]],     subset (null: the default one), split
     "hf_ids": ["acme/a", "acme/b"]}     of a collection: of each member; `hf_id` is the collection
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from hugflow.late_dataclass import dataclass
from hugflow.requests.collect import AddFile, ParsedFiles
from hugflow.requests.model import AddRequest
from hugflow.store.layout import Places
from hugflow.store.records import RecordForm

# What is said of all members together, or by each itself.
_OF_THE_FILE: Final = frozenset({"expand", "confirm", "hf_collection", "hf_id", "subset", "split"})


@dataclass(frozen=True, slots=True)
class Expansion:
    """The datasets of one request; see the module."""

    hf_id: str
    commit: str
    members: tuple[tuple[str | None, str], ...]
    hf_ids: tuple[str, ...] = ()


EXPANSION = RecordForm(
    Expansion, "an expansion", version=1, mend="delete it, and plan the request again"
)


def read_members(places: Places, request: AddRequest) -> tuple[AddRequest, ...] | None:
    """The datasets of a request that was planned before.

    None if it was not, or if the record names a dataset that no request may: the Hub is asked then.
    """
    expansion = EXPANSION.read(places.expansion(request.digest))
    if expansion is None:
        return None
    try:
        return to_requests(request, expansion)
    except ValueError:
        return None


def with_members(places: Places, parsed: ParsedFiles) -> ParsedFiles:
    """The files with each request that expands replaced by its datasets, once they are known."""
    if not any(file.request.is_several for file in parsed.adds):
        return parsed
    return replace(parsed, adds=tuple(_members(places, parsed.adds)))


def stamp_expansions(places: Places) -> str:
    """Changes when a request was expanded; "" before the first one."""
    folder = places.expansion("x").parent
    found = sorted((path.name, path.stat().st_mtime_ns) for path in folder.glob("*.json"))
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16] if found else ""


def _members(places: Places, adds: Iterable[AddFile]) -> Iterable[AddFile]:
    for file in adds:
        members = read_members(places, file.request) if file.request.is_several else None
        if members is None:
            yield file
        else:
            yield from (AddFile(file.path, member) for member in members)


def to_requests(request: AddRequest, expansion: Expansion) -> tuple[AddRequest, ...]:
    """The requests of the datasets, each with all that the request says beside.

    Raises ValueError for a subset or a split that no request may name.
    """
    said = {name: getattr(request, name) for name in request.model_fields_set - _OF_THE_FILE}
    hf_ids = expansion.hf_ids or (request.hf_id,) * len(expansion.members)
    return tuple(
        AddRequest.model_validate({**said, "hf_id": hf_id, "subset": subset, "split": split})
        for hf_id, (subset, split) in zip(hf_ids, expansion.members, strict=True)
    )
