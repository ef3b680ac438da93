"""The repository whose requests count, for Dagster."""

import dagster as dg

from hugflow.clients.git import (
    Remote,
    fetch_request_files,
    may_take_token,
    read_origin,
    resolve_url,
)
from hugflow.requests.catalog import Catalog
from hugflow.settings import Project, load_project
from hugflow.store.layout import Places


class RequestsRepo(dg.ConfigurableResource["RequestsRepo"]):
    """Main, as the settings name it now.

    Its URL is no field: it may hold credentials, and Dagster shows and stores fields.
    """

    branch: str = "main"

    def fetch_catalog(self, places: Places) -> Catalog:
        """Bring main to the mirror, and give what it asks for; raises when it cannot look."""
        files = fetch_request_files(find_remote(load_project(), self.branch), places.mirror)
        return Catalog(files.commit, files.data_by_path, files.problems)


def find_remote(project: Project, branch: str) -> Remote:
    """Give REQUESTS_REPO, else the work tree's origin, else the work tree's own repository."""
    settings = project.settings
    root = project.root or project.places.state_dir.parent
    named = settings.requests_repo
    url = resolve_url(named or read_origin(root) or str(root), root)
    token = settings.github_token
    is_trusted = may_take_token(url, is_named=named is not None)
    return Remote(
        url,
        branch,
        token.get_secret_value() if token is not None and is_trusted else None,
    )
