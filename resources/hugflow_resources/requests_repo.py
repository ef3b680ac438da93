"""The requests repository as a Dagster resource."""

import dagster as dg

from hugflow.clients.history import fetch_catalog
from hugflow.hierarchy.main_requests import with_composed_requests
from hugflow.requests.catalog import Catalog
from hugflow.settings import load_settings
from hugflow.store.layout import Places


class RequestsRepo(dg.ConfigurableResource["RequestsRepo"]):
    """Main of the requests repository, from the present settings.

    The URL is not a field: it may hold credentials, and Dagster shows and stores fields.
    """

    branch: str = "main"

    def fetch_catalog(self, places: Places, before: Catalog | None) -> Catalog:
        """Fetch main into the mirror, and give its requests, those of its parents included.

        Raises when main cannot be read, or its sources of requests cannot be composed.
        """
        catalog = fetch_catalog(load_settings().find_remote(self.branch), places.mirror, before)
        return with_composed_requests(catalog, before, places.mirror)
