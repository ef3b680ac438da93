"""Datasets that a person removed: the record keeps the sensor from fetching them again.

`STATE_DIR/removed/<name>.json`, written whole before anything is removed, kept until the dataset is
made again:

    {
      "version": 1,
      "name": "acme__speech__split_train__rev_main",
      "identity": {"hf_id": "acme/speech", "subset": null, "split": "train", "revision": "main"},
      "requests": ["5f3c..."],         digests of its requests at that time
      "removal": "77c0...",            digest of the removal request, null if the add file was
                                       named
      "reason": "replaced with v12",   null if the add file was named
      "removed_at": "2026-11-22T01:02:03.123456+00:00",
      "by": "ada@host",
      "trash_id": "20261122T010203123456Z-acme__speech__split_train__rev_main"
    }

A request that differs in any field from those of then asks for the dataset again; so does any
request if there was none then.

When a person restores a dataset while its removal request exists, `STATE_DIR/kept/<name>.json` says
so, and that request does not remove the dataset again until it changes:

    {"version": 1, "removal": "77c0..."}
"""

from collections.abc import Mapping
from contextlib import suppress

from hugflow.errors import StateUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.requests.model import AddRequest, Identity
from hugflow.requests.problems import RequestFileInvalid
from hugflow.requests.read import Request, parse_request
from hugflow.stages.standing.expansions import read_members
from hugflow.store.atomic import sync_folder
from hugflow.store.layout import Places
from hugflow.store.records import Moment, RecordForm


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """The record that a person removed a dataset; see the module for its form as a file."""

    name: str
    identity: Identity
    requests: tuple[str, ...]
    removal: str | None = None
    reason: str | None
    removed_at: Moment
    by: str
    trash_id: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A person restored a dataset in spite of a removal request; holds the request's digest."""

    removal: str


REMOVED = RecordForm(
    Removed,
    "the record",
    version=1,
    mend="to have the dataset again, delete the file or sync its request",
)
KEPT = RecordForm(
    Kept,
    "the record",
    version=1,
    mend="delete the file: then the removals of the dataset count again",
)


def is_held_back(places: Places, request: AddRequest) -> bool:
    """Whether a person removed the dataset while this very request existed; then it stays removed.

    Raises StateUnreadable when the record cannot be read, because then it is unknown.
    """
    removed = read_removed(places, request.name)
    return removed is not None and request.digest in removed.requests


def asking_digests(
    places: Places, identity: Identity, files: Mapping[str, bytes]
) -> frozenset[str]:
    """Digests of the requests for a dataset among `files`, which are by path.

    A request that expands counts as those of its datasets, as far as it was planned here.
    """
    return frozenset(
        member.digest
        for request in map(_parse, files, files.values())
        if isinstance(request, AddRequest)
        for member in _members(places, request)
        if member.identity == identity
    )


def _members(places: Places, request: AddRequest) -> tuple[AddRequest, ...]:
    if not request.is_several:
        return (request,)
    return read_members(places, request) or ()


def read_removed(places: Places, name: str) -> Removed | None:
    """The record of a removal; None when the dataset was not removed, or was made again since.

    Raises StateUnreadable when the file is damaged or from a later version.
    """
    removed = REMOVED.find(places.removed(name))
    if removed is not None and not removed.name == removed.identity.name == name:
        raise StateUnreadable(
            f"the record {places.removed(name)} cannot be read",
            why=f"it is the record of another dataset, {removed.name}",
            mend=REMOVED.mend,
        )
    return removed


def settled_removals(places: Places) -> dict[str, list[Identity]]:
    """The identities that were removed, by the removal's digest; skips unreadable records."""
    settled: dict[str, list[Identity]] = {}
    for name in removed_names(places):
        with suppress(StateUnreadable):
            removed = read_removed(places, name)
            if removed is not None and removed.removal is not None:
                settled.setdefault(removed.removal, []).append(removed.identity)
    return settled


def is_kept(places: Places, name: str, removal: str) -> bool:
    """Whether a person restored the dataset in spite of this very removal request.

    Raises StateUnreadable when the record cannot be read, because then it is unknown.
    """
    kept = KEPT.find(places.kept(name))
    return kept is not None and kept.removal == removal


def keep(places: Places, name: str, removal: str) -> None:
    """Record that a person restored a dataset in spite of this removal request."""
    KEPT.write(places.kept(name), Kept(removal))


def removed_names(places: Places) -> list[str]:
    """Names of the datasets that a person removed."""
    return [path.stem for path in places.removed("any").parent.glob("[!.]*.json")]


def write_removed(places: Places, removed: Removed) -> None:
    """Write the record whole, replacing an older one."""
    REMOVED.write(places.removed(removed.name), removed)


def forget_removed(places: Places, name: str) -> None:
    """Delete the record of a removal: a person asked for the dataset again, or restored it."""
    path = places.removed(name)
    if path.exists():
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def _parse(path: str, data: bytes) -> Request | None:
    try:
        return parse_request(data, path)
    except RequestFileInvalid:
        return None
