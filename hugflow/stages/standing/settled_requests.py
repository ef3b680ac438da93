"""What request files ask for, in the light of what is stored."""

from collections.abc import Mapping

from hugflow.requests.collect import ParsedFiles, RequestSet, parse_files, settle_requests
from hugflow.stages.standing.removal_records import settled_removals
from hugflow.stages.standing.stored import read_stored
from hugflow.store.layout import Places


def read_asked(places: Places, files: Mapping[str, bytes] | ParsedFiles) -> RequestSet:
    """What request files, by path, or read already, ask for together.

    A removal means what it meant when it was carried out, else what is stored now; what is stored
    is looked at only where that is asked.
    """
    parsed = files if isinstance(files, ParsedFiles) else parse_files(files)
    settled = settled_removals(places) if parsed.removals else {}
    is_asked = any(removal.digest not in settled for _, removal in parsed.removals)
    return settle_requests(parsed, stored=read_stored(places) if is_asked else (), settled=settled)
