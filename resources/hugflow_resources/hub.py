"""The Hub, for Dagster."""

import dagster as dg

from hugflow.clients.hub import Hub
from hugflow.settings import load_settings


class HubResource(dg.ConfigurableResource[Hub]):
    """One Hub. Its token is no field: Dagster shows and stores the fields of a resource."""

    endpoint: str | None = None

    def open(self) -> Hub:
        """Give the client, with the token that the settings hold now."""
        return Hub(self.endpoint, load_settings().hf_token)
