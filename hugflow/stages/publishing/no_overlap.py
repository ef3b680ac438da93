"""The field `no_overlap_with`: a dataset that shares rows with these is not published."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hugflow.errors import HugflowError, StageMissing
from hugflow.requests.match_names import is_meant
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.publishing.no_overlap_waits import find_other_requests, means, will_compare
from hugflow.stages.standing.stored import list_names
from hugflow.store.atomic import is_file
from hugflow.store.layout import Places
from hugflow.store.locks import FOR_EVER, hold

if TYPE_CHECKING:
    from hugflow.statistics.overlaps import Overlap

_MOST_SHOWN = 3


class OverlapFound(HugflowError):
    """The dataset has audio, texts or speakers of a dataset that it must not overlap with."""


@contextmanager
def hold_comparing(build: Build) -> Iterator[None]:
    """Hold, while a dataset with `no_overlap_with` is compared and published, all others that have it.

    Of two that name each other, the later one is compared with the earlier one: two that are
    published at the same time would be compared with nothing.
    """
    if not build.request.no_overlap_with:
        yield
        return
    lock = build.places.state_dir / "locks" / "comparing.lock"
    with hold(lock, "the comparing of datasets with no_overlap_with", wait_s=FOR_EVER):
        yield


def refuse_overlaps(build: Build, index: Mapping[str, str]) -> None:
    """Raise OverlapFound where the rows overlap with a dataset that `no_overlap_with` names.

    index: sha256 of each index that is about to be published, by its path. Compared are samples,
    texts and speakers, by the indexes. A dataset that is not complete cannot be compared, and
    raises StageMissing; but not if it will be compared with this one itself.
    """
    if not build.request.no_overlap_with:
        return
    # Polars takes as long to load as everything else.
    from hugflow.stages.publishing.stored_tables import table_of, table_of_build
    from hugflow.statistics.overlaps import find_overlaps

    own = table_of_build(build, index)
    requests = find_other_requests(build)
    for written in build.request.no_overlap_with:
        names = _find(build.places, written, build.name)
        others = [table for name in names if (table := table_of(build.places, name)) is not None]
        _refuse_missing(build, written, requests, {other.name for other in others})
        for other in others:
            found = [
                each
                for each in find_overlaps([own, other])
                if {each.dataset, each.other_dataset} == {own.name, other.name}
            ]
            if found:
                raise _overlap_found(build, written, other.name, found)


def _refuse_missing(
    build: Build, written: str, requests: Sequence[AddRequest], complete: Collection[str]
) -> None:
    """Raise StageMissing where a word means a dataset that is not complete, or none."""
    asked = [request for request in requests if means(written, request)]
    later = [request for request in asked if will_compare(request, build)]
    for request in asked:
        if not request.is_several and request not in later and request.name not in complete:
            raise _not_complete(build, written, request.name)
    if complete or later:
        return
    own = build.request
    if is_meant(written, build.name, own.hf_id, own.split):
        raise StageMissing(
            f"{build.name}: {_then(build)}, because {written} is no other dataset here",
            why="no_overlap_with names the dataset itself, and no other one that is complete",
            mend=f"write the name of another dataset in place of {written}",
        )
    raise _not_complete(build, written, written)


def _not_complete(build: Build, written: str, name: str) -> StageMissing:
    said = "no_overlap_with" if name == written else f"no_overlap_with: {written}"
    return StageMissing(
        f"{build.name}: {_then(build)}, because {name} is not complete here",
        why=f"the request says {said}, and rows that are not there cannot be compared",
        mend=f"sync {name} first, or delete {written} from no_overlap_with",
    )


def _overlap_found(
    build: Build, written: str, other: str, found: "Sequence[Overlap]"
) -> OverlapFound:
    counts = Counter(each.kind for each in found)
    words = ", ".join(f"{kind} {count:,}" for kind, count in counts.items())
    shown = "; ".join(
        f"{each.kind}: row {each.row} of {each.dataset} and row {each.other_row} of "
        f"{each.other_dataset}"
        for each in found[:_MOST_SHOWN]
    )
    return OverlapFound(
        f"{build.name} overlaps with {other}: {words}; {_then(build)}",
        why=f"the request says no_overlap_with: {written}. {shown}",
        mend=f"leave the rows of {build.name} out by `keep`, or change no_overlap_with",
    )


def _then(build: Build) -> str:
    is_there = is_file(build.folder.manifest)
    return "what is published of it stays as it is" if is_there else "it is not published"


def _find(places: Places, written: str, own: str) -> list[str]:
    """The stored datasets that a name, or `hf_id#split`, means; never the dataset itself."""
    from hugflow.stages.tree.manifest import read_manifest_name

    found = []
    for name in list_names(places):
        if name == own:
            continue
        if name == written:
            return [name]
        known = read_manifest_name(places.dataset(name).manifest)
        identity = known.identity if known is not None else None
        if identity is not None and is_meant(written, name, identity.hf_id, identity.split):
            found.append(name)
    return found
