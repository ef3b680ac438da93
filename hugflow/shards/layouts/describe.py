"""Describing a split, by its layout and by what the request says of time ranges."""

from collections.abc import Sequence

from hugflow.clients.repository import PublishedFile
from hugflow.shards.layouts.layout import RepositoryAt, Split
from hugflow.shards.layouts.registry import LAYOUTS, find_layout
from hugflow.shards.plan_request import PlanRequest, segments_of


def describe_split(
    layout: str, at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest
) -> Split:
    """Describe a split, as its layout does; recordings in it are cut, or stay whole, as asked."""
    spec = segments_of(request)
    if spec is None:
        return find_layout(layout).describe(at, files, request)
    # Imported only for time ranges.
    from hugflow.shards.layouts.whole import keep_whole

    name = f"{layout}_cut" if f"{layout}_cut" in LAYOUTS else layout
    split = find_layout(name).describe(at, files, request)
    return keep_whole(at, split, request) if spec.keep else split
