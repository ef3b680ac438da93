"""Links from Dagster's pages to the Hub."""

from urllib.parse import unquote

import pytest

from hugflow.requests.model import AddRequest
from hugflow.testing.hub import LoopbackHub
from hugflow_assets.datasets import build_dataset
from hugflow_resources.links import request_url


def test_every_asset_links_to_the_dataset_on_the_hub_that_is_set(hub: LoopbackHub):
    request = AddRequest(hf_id="acme/speech", description="Speech")
    specs = [spec for assets in build_dataset(request) for spec in assets.specs]
    assert len(specs) == 5
    for spec in specs:
        address = spec.metadata["hub"].value
        assert address == f"{hub.endpoint}/datasets/acme/speech/tree/main"


@pytest.mark.parametrize("revision", ["refs/pr/1", "feature/a+b#c", "v1.0"])
def test_a_revision_is_one_part_of_the_address(hub: LoopbackHub, revision: str):
    request = AddRequest(hf_id="acme/speech", description="Speech", revision=revision)
    start, _, last = request_url(request).rpartition("/")
    assert start == f"{hub.endpoint}/datasets/acme/speech/tree"
    assert not {"#", "+"} & set(last)
    assert unquote(last) == revision
