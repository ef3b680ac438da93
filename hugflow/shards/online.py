"""Asking the Hub whether a request can be carried out, without planning it."""

from hugflow.clients.hub import Hub
from hugflow.clients.repository import RepoId
from hugflow.requests.model import AddRequest
from hugflow.shards.layouts.layout import RepositoryAt
from hugflow.shards.layouts.registry import find_layout
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.resolve import choose_columns, describe_columns, refuse_no_rows
from hugflow.shards.source import fetch_source


def check_online(hub: Hub, request: AddRequest) -> None:
    """Raise what planning would raise, as far as the first file tells; nothing is recorded.

    Asked are: is there such a dataset, revision, subset and split, may we read it, is it published
    in a layout that is read here, and does it have the columns. RequestInvalid, NotAuthorised,
    HubUnavailable and ShardUnreadable say what does not hold.
    """
    fields = PlanRequest.of(request, {})
    repository = hub.fetch_repository(RepoId.dataset(fields.hf_id), fields.revision)
    source = fetch_source(hub, repository, fields)
    layout = find_layout(source.layout)
    shards = layout.cut(source.files)
    first = layout.look(RepositoryAt(hub, repository.repo, source.commit), shards[0])
    columns = choose_columns(repository, first.schema, fields)
    describe_columns(repository, first.schema, columns.audio)
    if len(shards) == 1:
        refuse_no_rows(repository, fields, [first])
