"""Where a dataset is published to: what the request names, against the last push."""

from datetime import UTC, datetime

import pytest

from hugflow.stages.standing.publication import PublicationState, find_publication
from hugflow.stages.standing.push_records import Push, write_push
from hugflow.store.layout import Places

AT = datetime(2026, 11, 29, 1, 2, 3, tzinfo=UTC)
HUB = "https://hub.example/datasets/acme/copy"


def push(to: str = "acme/copy", address: str | None = HUB) -> Push:
    why = None if address is not None else "the Hub refused it"
    return Push(AT, to, "4c1f0d9b2a7e6685", address, why, None if why is None else "log in")


def test_without_a_place_and_without_a_push_there_is_no_publication(places: Places):
    assert find_publication(places, "a", "", None) is None
    assert find_publication(places, "a", None, None) is None


def test_before_the_dataset_is_complete_its_publication_waits(places: Places):
    found = find_publication(places, "a", "acme/copy", None)
    assert found is not None
    assert (found.state, found.version) == ("pending", None)
    assert found.words == "acme/copy: pending, the dataset is not complete"


@pytest.mark.parametrize(
    ("publish_to", "record", "state"),
    [
        (None, push(), "pending"),
        ("", push(), "published"),
        ("", push(address=None), None),
        ("acme/other", push(), "pending"),
        ("acme/other", push(address=None), "pending"),
    ],
)
def test_a_record_of_another_place_or_version_is_no_publication_of_this_one(
    places: Places, publish_to: str | None, record: Push, state: PublicationState | None
):
    write_push(places, "a", record)
    found = find_publication(places, "a", publish_to, None)
    assert (found.state if found is not None else None) == state
    if found is not None and record.address is not None:
        assert HUB in found.words
