"""Where things are on the web: what Dagster's pages link to."""

from urllib.parse import quote

from huggingface_hub import constants

from hugflow.requests.model import AddRequest
from hugflow.stages.build import Build


def request_url(request: AddRequest) -> str:
    """The dataset on the Hub, at the revision that was asked for."""
    revision = quote(request.revision, safe="")
    return f"{constants.ENDPOINT}/datasets/{request.hf_id}/tree/{revision}"


def commit_url(build: Build) -> str:
    """The dataset on the Hub, at the commit of the plan."""
    plan = build.plan
    return f"{build.hub.endpoint}/datasets/{plan.request.hf_id}/tree/{plan.commit}"


def file_url(build: Build, path: str) -> str:
    """A file of the dataset, at the commit of the plan."""
    plan = build.plan
    return f"{build.hub.endpoint}/datasets/{plan.request.hf_id}/blob/{plan.commit}/{quote(path)}"
