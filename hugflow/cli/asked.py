"""Which request files of the project ask for which datasets."""

from hugflow.requests.collect import RequestSet
from hugflow.requests.folder import read_folder
from hugflow.settings import Project
from hugflow.stages.standing.settled_requests import read_asked


def read_project_requests(project: Project) -> RequestSet:
    """What the files in the project's `requests/` ask for; nothing outside of a project."""
    files = read_folder(project.root) if project.root is not None else {}
    return read_asked(project.places, files)


def request_path_by_name(requests: RequestSet) -> dict[str, str]:
    """The request file of each dataset that is asked for, also where a removal keeps it away."""
    return {file.request.name: file.path for file in (*requests.adds, *requests.shadowed)}
