"""Builds of datasets published on the loopback Hub."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hugflow.clients.hub import Hub
from hugflow.requests.model import AddRequest
from hugflow.stages.build import Build
from hugflow.stages.open import open_build
from hugflow.stages.options import Options
from hugflow.store.layout import Places

OpenFor = Callable[..., Build]


def open_in(places: Places) -> OpenFor:
    """Opens builds there: `open_for(hf_id, options=..., **request fields)`."""

    def open_for(hf_id: str, options: Options | None = None, **fields: Any) -> Build:
        request = AddRequest(hf_id=hf_id, **{"description": "A test", **fields})
        return open_build(request, places, Hub(), options or replace(Options(), workers=2))

    return open_for
