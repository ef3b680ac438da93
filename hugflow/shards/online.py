"""Asking the Hub whether a request can be carried out, without planning it."""

from hugflow.clients.hub import Hub
from hugflow.clients.repository import RepoId
from hugflow.requests.model import AddRequest
from hugflow.shards.card_features import complete_schema
from hugflow.shards.column_path import lift_schemas
from hugflow.shards.layouts.layout import RepositoryAt
from hugflow.shards.layouts.registry import find_layout
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.resolve import choose_columns, describe_columns, refuse_no_rows
from hugflow.shards.source import fetch_source


def check_online(hub: Hub, request: AddRequest) -> None:
    """Raise the errors of planning that the first file shows; nothing is recorded.

    It checks that dataset, revision, subset and split exist, that we may read them, that the layout
    is known, and that the columns exist. Raises RequestInvalid, NotAuthorised, HubUnavailable or
    ShardUnreadable.
    """
    fields = PlanRequest.of(request, {})
    repository = hub.fetch_repository(RepoId.dataset(fields.hf_id), fields.revision)
    source = fetch_source(hub, repository, fields)
    layout = find_layout(source.layout)
    shards = layout.cut(source.files)
    first = layout.look(RepositoryAt(hub, repository.repo, source.commit), shards[0])
    completed = complete_schema(first.schema, repository.card, fields.subset)
    schema = lift_schemas(completed, fields.all_audio)
    columns = choose_columns(repository, schema, fields)
    describe_columns(repository, schema, columns.all_audio)
    if len(shards) == 1:
        refuse_no_rows(repository, fields, [first])
