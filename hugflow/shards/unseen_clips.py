"""Audio that `datasets` does not take for such: clips with their texts, m4a, and tgz archives.

By the commonest ending of their names, `datasets` takes `1.flac` beside `1.txt` for a dataset of
text. It does not know m4a, aac, amr and tgz at all.
"""

from collections.abc import Sequence
from typing import Final

from hugflow.clients.published import SplitFiles
from hugflow.shards.layouts.archives import is_archive
from hugflow.shards.layouts.tables import LINES, folder_of
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.resolution.listing import Listing

_TEXT: Final = "text"
_FOLDER: Final = "audiofolder"


def find_unseen_clips(
    listing: Listing, request: PlanRequest, found: SplitFiles | None
) -> SplitFiles | None:
    """The clips, or archives, of a split that no layout takes; None if it has none.

    found: the files of the split for `datasets`; None if it finds none. Where it finds texts, they
    are those of the clips if most clips have one.
    """
    if found is not None and found.reader not in (_TEXT, _FOLDER):
        return None
    resolved = listing.resolve_clips(request.subset)
    if resolved is None and found is None:
        # It does not know the ending tgz.
        resolved = listing.resolve_clips(request.subset, is_archive)
    clips = None if resolved is None else resolved.files.get(request.split)
    if resolved is None or not clips:
        return None
    if found is not None and not have_texts(clips, listing.repository.paths):
        return None
    of_splits = frozenset(path for paths in resolved.files.values() for path in paths)
    return SplitFiles(resolved.subset, _FOLDER, tuple(clips), of_splits)


def have_texts(clips: Sequence[str], paths: Sequence[str]) -> bool:
    """Whether at least half of the clips have a text beside them, or lines of their folder."""
    texts = {path.removesuffix(".txt") for path in paths if path.endswith(".txt")}
    lines = {folder_of(path) for path in paths if path.endswith(LINES)}
    with_text = sum(clip.rpartition(".")[0] in texts or folder_of(clip) in lines for clip in clips)
    return with_text * 2 >= len(clips)
