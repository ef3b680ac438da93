"""What a valid request file adds or removes, in words; of one with `expand` as far as it is known."""

from hugflow.amounts import count
from hugflow.errors import HugflowError
from hugflow.requests.collect import MOST_TOGETHER, ParsedFiles, is_unconfirmed, match_removal
from hugflow.requests.model import AddRequest, RemoveRequest
from hugflow.settings import load_settings
from hugflow.store.layout import Places


def find_places() -> Places | None:
    """Where the project keeps its records; None when no settings name a storage."""
    try:
        return load_settings().places
    except HugflowError:
        return None


def known_members(places: Places | None, request: AddRequest) -> tuple[AddRequest, ...] | None:
    """The datasets of a request; None of one that was not planned here, as the Hub knows them."""
    if not request.is_several:
        return (request,)
    if places is None:
        return None
    from hugflow.stages.standing.expansions import read_members

    return read_members(places, request)


def added(places: Places | None, request: AddRequest) -> str:
    """`acme__speech__...`, `6 datasets`, `the datasets that fit its expand`."""
    members = known_members(places, request)
    if members is None:
        return f"the datasets {'that fit its expand' if request.expand else 'of its collection'}"
    return count(len(members), "dataset") if request.is_several else request.name


def removed(places: Places | None, request: RemoveRequest, parsed: ParsedFiles) -> str:
    """`acme/speech`, or how many datasets of it; and whether they are too many.

    parsed: the files that were checked with it.
    """
    if request.expand is None:
        return request.hf_id
    known = _count_removed(places, request, parsed)
    if not known:
        told = f"the datasets of {request.hf_id} that fit its expand"
        return told if request.confirm else f"{told}; {_needs()}"
    told = f"{count(known, 'dataset')} of {request.hf_id}"
    return f"{told}; {_needs()}" if is_unconfirmed(request, known) else told


def _needs() -> str:
    return f"more than {MOST_TOGETHER} need `confirm: true`"


def _count_removed(places: Places | None, request: RemoveRequest, parsed: ParsedFiles) -> int:
    if places is None:
        return 0
    from hugflow.stages.standing.expansions import with_members
    from hugflow.stages.standing.stored import read_planned, read_stored

    asked = [file.request for file in with_members(places, parsed).adds]
    requested = [add.identity for add in asked if not add.is_several]
    return len(match_removal(request, [*read_stored(places), *read_planned(places), *requested]))
