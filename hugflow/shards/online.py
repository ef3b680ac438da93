"""Asking the Hub whether a request can be carried out, without planning it."""

from hugflow.clients.hub import Hub
from hugflow.clients.repository import RepoId
from hugflow.requests.model import AddRequest
from hugflow.shards.footers import read_footer
from hugflow.shards.plan import PlanRequest
from hugflow.shards.resolve import Asked, choose_columns, describe_columns, refuse_no_rows
from hugflow.shards.source import fetch_source


def check_online(hub: Hub, request: AddRequest) -> None:
    """Raise what planning would raise, as far as the first file tells; nothing is recorded.

    Asked are: is there such a dataset, revision, subset and split, may we read it, is it parquet,
    and does it have the columns. RequestInvalid, NotAuthorised, HubUnavailable and
    ShardUnreadable say what does not hold.
    """
    fields, asked = PlanRequest.of(request, mp3_source="copy"), Asked.of(request)
    repository = hub.fetch_repository(RepoId.dataset(fields.hf_id), fields.revision)
    source = fetch_source(hub, repository, fields)
    footer = read_footer(hub, fields.hf_id, source.commit, source.files[0])
    columns = choose_columns(repository, footer.schema, fields, asked)
    describe_columns(repository, footer.schema, columns.audio)
    if len(source.files) == 1:
        refuse_no_rows(repository, fields, [footer])
