"""What request files ask for, given what is stored."""

from collections.abc import Mapping

from hugflow.requests.collect import ParsedFiles, RequestSet, parse_files, settle_requests
from hugflow.stages.standing.expansions import with_members
from hugflow.stages.standing.removal_records import settled_removals
from hugflow.stages.standing.stored import read_stored
from hugflow.store.layout import Places


def read_asked(places: Places, files: Mapping[str, bytes] | ParsedFiles) -> RequestSet:
    """The requests of all files together; files are given by path, or already parsed.

    A removal means the dataset that it removed; before it is carried out, a stored dataset. The
    storage is read only if a removal needs it.
    """
    parsed = files if isinstance(files, ParsedFiles) else parse_files(files)
    parsed = with_members(places, parsed)
    settled = settled_removals(places) if parsed.removals else {}
    # One with `expand` may have carried out only some of its removals.
    is_asked = any(
        removal.digest not in settled or removal.expand is not None
        for _, removal in parsed.removals
    )
    return settle_requests(parsed, stored=read_stored(places) if is_asked else (), settled=settled)
