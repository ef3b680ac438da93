"""Where a dataset is published to: what the request names, against the last push."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hugflow.stages.standing.publication import PublicationState, find_publication
from hugflow.stages.standing.push_records import DonePush, Push, read_push, write_push
from hugflow.stages.tree.manifest import MANIFEST
from hugflow.stages.tree.versions import version_id
from hugflow.store.layout import Places

SPEECH = Path(__file__).parents[1] / "tree/manifests/speech.json"
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


def test_a_push_that_fails_leaves_what_was_pushed_before_published(places: Places):
    manifest = MANIFEST.require(SPEECH)
    before = DonePush(AT, "acme/copy", version_id(manifest), HUB)
    write_push(places, "a", replace(push(address=None), earlier=before))
    # The version that was pushed is the dataset's again, after a rollback.
    found = find_publication(places, "a", "acme/copy", manifest)
    assert found is not None
    assert (found.state, found.version, found.address) == ("published", before.pushed, HUB)


def test_a_failed_publication_tells_which_version_is_still_there(places: Places):
    manifest = MANIFEST.require(SPEECH)
    before = DonePush(AT, "acme/copy", "0123456789abcdef", HUB)
    failed = replace(push(address=None), pushed=version_id(manifest), earlier=before)
    write_push(places, "a", failed)
    found = find_publication(places, "a", "acme/copy", manifest)
    assert found is not None
    assert found.state == "failed"
    assert f"the Hub refused it; version {before.pushed} is at {HUB} since 2026" in found.words


def test_a_record_without_an_earlier_push_is_read(places: Places):
    write_push(places, "a", push())
    path = places.pushed("a")
    old = {k: v for k, v in json.loads(path.read_text()).items() if k != "earlier"}
    path.write_text(json.dumps(old))
    assert read_push(places, "a") == push()
