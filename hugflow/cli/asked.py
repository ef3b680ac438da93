"""Which request files of the project ask for which datasets."""

from hugflow.project_requests import read_requests
from hugflow.requests.collect import RequestSet
from hugflow.settings import ProjectSettings
from hugflow.stages.standing.settled_requests import read_asked


def read_project_requests(project: ProjectSettings) -> RequestSet:
    """The requests in the project's `requests/`; empty outside a project."""
    return read_asked(project.places, read_requests(project.root))


def request_path_by_name(requests: RequestSet) -> dict[str, str]:
    """The request file of each requested dataset, including those that a removal blocks."""
    return {file.request.name: file.path for file in (*requests.adds, *requests.shadowed)}


def publish_to_by_name(requests: RequestSet) -> dict[str, str]:
    """Where each request publishes its dataset to; "" where it does not say."""
    return {file.request.name: file.request.publish_to or "" for file in requests.adds}
