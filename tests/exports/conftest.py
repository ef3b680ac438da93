"""The dataset whose exports are read."""

from collections.abc import Callable

import pytest

from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor
from tests.exports.hostile import HF_ID, publish_hostile


@pytest.fixture
def opened(hub: LoopbackHub, open_for: OpenFor) -> Callable[..., Build]:
    """Opens a dataset of twelve hostile rows in two shards."""
    publish_hostile(hub)

    def open_it(*exports: str, options: Options | None = None) -> Build:
        named = {"exports": list(exports)} if exports else {}
        return open_for(HF_ID, options, text_column="sentence", **named)

    return open_it
