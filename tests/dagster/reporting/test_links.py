"""Links from Dagster's pages to the Hub."""

from urllib.parse import unquote

import pytest

from hugflow.clients.remote import find_github_url
from hugflow.requests.catalog import ArrivalOnMain
from hugflow.requests.model import AddRequest
from hugflow.testing.hub import LoopbackHub
from hugflow_assets.datasets import build_dataset
from hugflow_assets.reporting.links import origin_metadata, request_url


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


MERGE = ArrivalOnMain(
    "a" * 40, 0, "b" * 40, "Ada", "ada@example.org", "Merge pull request #12 from x/y"
)
FILE = "requests/add/my speech.yaml"


def test_an_asset_leads_to_the_file_the_commit_and_the_pull_request_that_asked_for_it():
    told = origin_metadata(FILE, MERGE, "https://github.com/acme/requests")
    links = {name: getattr(value, "value", value) for name, value in told.items()}
    assert links == {
        "request": f"https://github.com/acme/requests/blob/{'b' * 40}/requests/add/my%20speech.yaml",
        "asked_by": "Ada",
        "request_commit": f"https://github.com/acme/requests/commit/{'b' * 40}",
        "pull_request": "https://github.com/acme/requests/pull/12",
    }


def test_without_a_page_to_lead_to_it_is_told_in_words():
    assert origin_metadata(FILE, MERGE, None) == {
        "request": FILE,
        "asked_by": "Ada",
        "request_commit": "b" * 7,
    }
    assert origin_metadata(FILE, ArrivalOnMain("a" * 40), "https://github.com/acme/x") == {
        "request": FILE
    }
    assert origin_metadata(FILE, None, None) == {"request": FILE}


def test_the_origin_stands_on_every_asset():
    request = AddRequest(hf_id="acme/speech", description="Speech")
    origin = origin_metadata(FILE, MERGE, "https://github.com/acme/requests")
    specs = [spec for assets in build_dataset(request, origin) for spec in assets.specs]
    assert all(spec.metadata["pull_request"].value.endswith("/12") for spec in specs)


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://github.com/acme/requests.git", "https://github.com/acme/requests"),
        ("https://ada:secret@github.com/acme/requests", "https://github.com/acme/requests"),
        ("git@github.com:acme/requests.git", "https://github.com/acme/requests"),
        ("ssh://git@github.com/acme/requests.git", "https://github.com/acme/requests"),
        ("https://github.com.evil.example/acme/requests", None),
        ("https://example.org/acme/requests", None),
        ("git@github.com:acme/re quests", None),
        ("/srv/requests.git", None),
    ],
)
def test_a_repository_on_github_is_known_by_its_url(url: str, page: str | None):
    assert find_github_url(url) == page
