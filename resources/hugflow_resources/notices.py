"""Whom things are told, for Dagster."""

import dagster as dg

from hugflow.notify.senders import Senders
from hugflow.settings import load_settings


class Notices(dg.ConfigurableResource["Notices"]):
    """GitHub and Slack, as the settings name them now.

    No token is a field: Dagster shows and stores the fields of a resource.
    """

    repository: str | None = None

    def open(self) -> Senders:
        """Connections to whom the settings let speak; to be closed by whoever asks."""
        return load_settings().open_senders()
