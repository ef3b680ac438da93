"""The repository whose requests count, for Dagster."""

import dagster as dg

from hugflow.clients.git import fetch_request_files
from hugflow.requests.catalog import Catalog
from hugflow.settings import load_project
from hugflow.store.layout import Places


class RequestsRepo(dg.ConfigurableResource["RequestsRepo"]):
    """Main, as the settings name it now.

    Its URL is no field: it may hold credentials, and Dagster shows and stores fields.
    """

    branch: str = "main"

    def fetch_catalog(self, places: Places) -> Catalog:
        """Bring main to the mirror, and give what it asks for; raises when it cannot look."""
        files = fetch_request_files(load_project().find_remote(self.branch), places.mirror)
        return Catalog(files.commit, files.data_by_path, files.problems)
