"""Asking the Hub whether a request can be carried out, without planning it."""

from collections.abc import Sequence

from hugflow.clients.hub import Hub
from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.requests.model import AddRequest
from hugflow.shards.card_features import complete_schema
from hugflow.shards.column_path import lift_schemas
from hugflow.shards.layouts.describe import describe_split
from hugflow.shards.layouts.layout import RepositoryAt
from hugflow.shards.plan import PARQUET, WEBDATASET
from hugflow.shards.plan_request import PlanRequest, is_imported
from hugflow.shards.resolve import (
    choose_columns,
    describe_columns,
    refuse_no_rows,
    with_columns_of,
)
from hugflow.shards.source import Source, fetch_source


def check_online(hub: Hub, request: AddRequest) -> None:
    """Raise the errors of planning that the first file shows; nothing is recorded.

    It checks that dataset, revision, subset and split exist, that we may read them, that the layout
    is known, and that the columns exist. Raises RequestInvalid, NotAuthorised, HubUnavailable or
    ShardUnreadable.
    """
    fields = PlanRequest.of(request, {})
    if is_imported(fields):
        # No Hub has it.
        return
    if request.hf_collection is not None:
        hub.fetch_collection(request.hf_collection)
        return
    repository = hub.fetch_repository(RepoId.dataset(fields.hf_id), fields.revision)
    source = fetch_source(hub, repository, fields)
    at = RepositoryAt(hub, repository.repo, source.commit, source.published)
    split = describe_split(source.layout, at, _first_of(source), source.as_read(fields))
    first = split.shards[0]
    completed = complete_schema(first.schema, repository.card, fields.subset)
    named = with_columns_of(fields, split)
    schema = lift_schemas(completed, named.all_audio)
    columns = choose_columns(repository, schema, named)
    describe_columns(repository, schema, columns.all_audio)
    if len(source.files) == 1:
        refuse_no_rows(repository, fields, [first])


def _first_of(source: Source) -> Sequence[PublishedFile]:
    """The first file, if files of the layout are independent; else all of them."""
    return source.files[:1] if source.layout in (PARQUET, WEBDATASET) else source.files
