"""The requests repository as a Dagster resource."""

import os
from collections.abc import Mapping

import dagster as dg
from pydantic import SecretStr

from hugflow.clients.history import fetch_catalog
from hugflow.hierarchy.main_requests import with_composed_requests, with_inherited_allow
from hugflow.requests.catalog import Catalog
from hugflow.settings import load_settings
from hugflow.settings_model import Settings
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
        project = load_settings()
        catalog = fetch_catalog(project.find_remote(self.branch), places.mirror, before)
        environ = parents_environment(project.settings, os.environ)
        catalog = with_composed_requests(catalog, before, places.mirror, environ)
        return with_inherited_allow(catalog, before, places.mirror, environ)


def parents_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment by which parents are read, with tokens and addresses of the settings."""
    known = {
        "GITHUB_API_URL": settings.github_api_url,
        "HF_ENDPOINT": settings.hf_endpoint,
        "GITHUB_TOKEN": settings.github_token,
        "HF_TOKEN": settings.hf_token,
    }
    texts = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in known.items()
        if value is not None
    }
    return {**environ, **texts}
