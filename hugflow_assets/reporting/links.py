"""URLs that Dagster's pages link to."""

from urllib.parse import quote

import dagster as dg
from huggingface_hub import constants

from hugflow.clients.repository import RepoId
from hugflow.requests.catalog import ArrivalOnMain
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build


def request_url(request: AddRequest) -> str:
    """The dataset on the Hub, at the requested revision."""
    revision = quote(request.revision, safe="")
    return f"{RepoId.dataset(request.hf_id).page(constants.ENDPOINT)}/tree/{revision}"


def origin_metadata(
    path: str, asked: ArrivalOnMain | None, github_url: str | None
) -> dict[str, str | dg.UrlMetadataValue]:
    """Where a request came from: its file, and the commit and pull request that brought it.

    asked: None if the catalogue does not say.
    github_url: the requests repository; without it there is text instead of links.
    """
    metadata: dict[str, str | dg.UrlMetadataValue] = {"request": path}
    if asked is not None and asked.repository is not None:
        metadata["inherited_from"] = asked.repository
        if asked.repository_commit is not None:
            metadata["inherited_commit"] = asked.repository_commit
    if asked is None or asked.commit is None:
        return metadata
    metadata["asked_by"] = asked.author or "somebody"
    metadata["request_commit"] = asked.commit[:7]
    if github_url is not None:
        file_url = f"{github_url}/blob/{asked.commit}/{quote(path)}"
        metadata["request"] = dg.MetadataValue.url(file_url)
        metadata["request_commit"] = dg.MetadataValue.url(f"{github_url}/commit/{asked.commit}")
        if asked.pull_request is not None:
            url = f"{github_url}/pull/{asked.pull_request}"
            metadata["pull_request"] = dg.MetadataValue.url(url)
    return metadata


def commit_url(build: Build) -> str:
    """The dataset on the Hub, at the commit of the plan."""
    return f"{_page(build)}/tree/{build.plan.commit}"


def file_url(build: Build, path: str) -> str:
    """A file of the dataset, at the commit of the plan."""
    return f"{_page(build)}/blob/{build.plan.commit}/{quote(path)}"


def _page(build: Build) -> str:
    return RepoId.dataset(build.plan.request.hf_id).page(build.hub.endpoint)
