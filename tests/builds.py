"""Builds of datasets published on the loopback Hub."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hugflow.clients.hub import Hub
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.planning.open_build import open_build
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub

OpenFor = Callable[..., Build]


def open_in(places: Places) -> OpenFor:
    """Opens builds there: `open_for(hf_id, options=..., **request fields)`."""

    def open_for(hf_id: str, options: Options | None = None, **fields: Any) -> Build:
        request = AddRequest(hf_id=hf_id, **{"description": "A test", **fields})
        return open_build(request, places, Hub(), options or replace(Options(), workers=2))

    return open_for


def raw_fetches(hub: LoopbackHub) -> int:
    """Whole files that were sent, footers and ranges aside."""
    return sum(
        1
        for request in hub.requests
        if request.port == "storage" and request.method == "GET" and request.range is None
    )
