"""The receivers of notices (GitHub, Slack) as a Dagster resource."""

import dagster as dg

from hugflow.notify.senders import Senders
from hugflow.settings import load_settings


class Notices(dg.ConfigurableResource["Notices"]):
    """GitHub and Slack, from the present settings.

    Tokens are not fields: Dagster shows and stores the fields of a resource.
    """

    repository: str | None = None

    def open(self) -> Senders:
        """Connections to the receivers that the settings allow; the caller closes them."""
        return load_settings().open_senders()
