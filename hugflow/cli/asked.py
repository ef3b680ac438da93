"""Which request files of the project ask for which datasets."""

from hugflow.requests.collect import collect_requests
from hugflow.requests.folder import read_folder
from hugflow.settings import Project


def request_path_by_name(project: Project) -> dict[str, str]:
    """The request file of each dataset that the project's work tree asks for."""
    if project.root is None:
        return {}
    found = collect_requests(read_folder(project.root))
    return {file.request.name: file.path for file in (*found.adds, *found.shadowed)}
