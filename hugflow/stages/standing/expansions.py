"""Requests that ask for several subsets and splits: the datasets that each becomes.

`STATE_DIR/expanded/<digest of the request>.json`, written whole when the request is planned:

    {"version": 1, "hf_id": "google/fleurs", "commit": "8a6c...",
     "members": [["ms_my", "train"], ["ms_my", "test"]]}     subset (null: the default one), split
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pydantic import ValidationError

from hugflow.requests.collect import AddFile, ParsedFiles
from hugflow.requests.model import AddRequest
from hugflow.store.layout import Places
from hugflow.store.records import RecordForm


@dataclass(frozen=True, slots=True)
class Expansion:
    """The datasets of one request; see the module."""

    hf_id: str
    commit: str
    members: tuple[tuple[str | None, str], ...]


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
    except ValidationError:
        return None


def with_members(places: Places, parsed: ParsedFiles) -> ParsedFiles:
    """The files with each request that expands replaced by its datasets, once they are known."""
    if all(file.request.expand is None for file in parsed.adds):
        return parsed
    return replace(parsed, adds=tuple(_members(places, parsed.adds)))


def stamp_expansions(places: Places) -> str:
    """Changes when a request was expanded; "" before the first one."""
    folder = places.expansion("x").parent
    found = sorted((path.name, path.stat().st_mtime_ns) for path in folder.glob("*.json"))
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16] if found else ""


def _members(places: Places, adds: Iterable[AddFile]) -> Iterable[AddFile]:
    for file in adds:
        members = None if file.request.expand is None else read_members(places, file.request)
        if members is None:
            yield file
        else:
            yield from (AddFile(file.path, member) for member in members)


def to_requests(request: AddRequest, expansion: Expansion) -> tuple[AddRequest, ...]:
    """The requests of the datasets, each with all that the request says beside.

    Raises ValidationError for a subset or a split that no request may name.
    """
    said = {
        name: getattr(request, name)
        for name in request.model_fields_set - {"expand", "confirm", "subset", "split"}
    }
    return tuple(
        AddRequest.model_validate({**said, "subset": subset, "split": split})
        for subset, split in expansion.members
    )
