"""Describing a split, by its layout and by what the request says of time ranges."""

from collections.abc import Sequence

from hugflow.clients.repository import PublishedFile
from hugflow.shards.layouts import parquet_cut
from hugflow.shards.layouts.layout import RepositoryAt, Split
from hugflow.shards.layouts.registry import find_layout
from hugflow.shards.layouts.whole import keep_whole
from hugflow.shards.plan import PARQUET
from hugflow.shards.plan_request import PlanRequest, segments_of


def describe_split(
    layout: str, at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest
) -> Split:
    """Describe a split, as its layout does; recordings in it are cut, or stay whole, as asked."""
    spec = segments_of(request)
    name = parquet_cut.NAME if spec is not None and layout == PARQUET else layout
    split = find_layout(name).describe(at, files, request)
    return keep_whole(at, split, request) if spec is not None and spec.keep else split
