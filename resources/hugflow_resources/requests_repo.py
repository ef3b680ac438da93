"""The repository whose requests count, for Dagster."""

import dagster as dg

from hugflow.clients.history import fetch_catalog
from hugflow.requests.catalog import Catalog
from hugflow.settings import load_settings
from hugflow.store.layout import Places


class RequestsRepo(dg.ConfigurableResource["RequestsRepo"]):
    """Main, as the settings name it now.

    Its URL is no field: it may hold credentials, and Dagster shows and stores fields.
    """

    branch: str = "main"

    def fetch_catalog(self, places: Places, before: Catalog | None) -> Catalog:
        """Bring main to the mirror, and give what it asks for; raises when it cannot look."""
        return fetch_catalog(load_settings().find_remote(self.branch), places.mirror, before)
