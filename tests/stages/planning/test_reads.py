"""How often the same file of a dataset is read for one command."""

from collections import Counter
from pathlib import Path

import pytest

from hugflow.clients.hub import Hub
from hugflow.requests.model import AddRequest
from hugflow.stages.build.options import Options
from hugflow.stages.planning.estimate import estimate
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.standing.status import to_status
from hugflow.stages.sync import sync_dataset
from hugflow.store import records
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text

REQUEST = AddRequest(hf_id="reads/once", description="A test")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was read as a record, by its name."""
    found: Counter[str] = Counter()
    read_file = records.read_file

    def count(path: Path, most_bytes: int | None = None) -> bytes:
        found[path.name] += 1
        return read_file(path, most_bytes)

    monkeypatch.setattr(records, "read_file", count)
    return found


def test_planning_a_complete_dataset_reads_its_manifest_once(
    hub: LoopbackHub, places: Places, reads: Counter[str]
):
    publish_text(hub, "reads/once", rows=4, shards=2)
    sync_dataset(open_build(REQUEST, places, Hub(), Options()))
    reads.clear()
    build = open_build(REQUEST, places, Hub(), Options())
    assert estimate(build).basis == "measured"
    assert to_status(places, build.stored).state == "completed"
    assert reads["manifest.json"] == 1


def test_a_sync_looks_at_the_manifest_when_it_begins_and_when_it_publishes(
    hub: LoopbackHub, places: Places, reads: Counter[str]
):
    publish_text(hub, "reads/once", rows=4, shards=2)
    sync_dataset(open_build(REQUEST, places, Hub(), Options()))
    reads.clear()
    assert sync_dataset(open_build(REQUEST, places, Hub(), Options())).was_complete
    # Opening, making and publishing: others may have published between any two of them.
    assert reads["manifest.json"] <= 3
