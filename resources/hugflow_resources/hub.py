"""The Hub as a Dagster resource."""

import dagster as dg

from hugflow.clients.hub import Hub
from hugflow.settings import load_settings


class HubResource(dg.ConfigurableResource[Hub]):
    """One Hub. The token is not a field: Dagster shows and stores the fields of a resource."""

    endpoint: str | None = None

    def open(self) -> Hub:
        """Give the client, with the token in the present settings."""
        return Hub(self.endpoint, load_settings().hf_token)
