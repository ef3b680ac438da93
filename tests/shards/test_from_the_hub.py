"""The whole job on what the Hub holds: its own conversions, and files that are published broken."""

from collections.abc import Callable
from typing import Any

import pytest

from hugflow.clients.hub import Hub
from hugflow.errors import HugflowError, ShardUnreadable
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.making.make_shards import ShardDone, ShardFailed
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.layouts import publish_audiofolder
from hugflow.testing.refusals import publish_refusal

BuildOf = Callable[..., Build]


@pytest.fixture
def build_of(hub: LoopbackHub, places: Places) -> BuildOf:
    """Open the build of a published dataset: `build_of(hf_id, **request fields)`."""

    def build_of(hf_id: str, **fields: Any) -> Build:
        request = AddRequest(hf_id=hf_id, description="A test", **fields)
        return open_build(request, places, Hub(), Options(workers=2))

    return build_of


def test_a_dataset_is_made_from_the_hubs_conversion_at_its_own_commit(
    hub: LoopbackHub, build_of: BuildOf
):
    publish_audiofolder(hub, "from-hub/converted", rows=4, converted="whole")
    build = build_of("from-hub/converted")
    hub.clear_requests()
    synced = sync_dataset(build)
    assert synced.published.manifest.rows.made == 4
    assert synced.published.manifest.audio.files == 4
    fetched = [request.path for request in hub.requests if "/resolve/" in request.path]
    assert fetched
    assert all(f"/resolve/{build.plan.files_commit}/default/train" in path for path in fetched)


def test_a_conversion_that_moves_on_meanwhile_changes_nothing(hub: LoopbackHub, build_of: BuildOf):
    publish_audiofolder(hub, "from-hub/moves", rows=4, converted="whole")
    build = build_of("from-hub/moves")
    publish_audiofolder(hub, "from-hub/moves", rows=2, converted="whole")
    assert sync_dataset(build).published.manifest.rows.made == 4


def test_a_shard_published_broken_fails_alone_and_is_nothing_to_wait_for(
    hub: LoopbackHub, build_of: BuildOf
):
    publish_refusal(hub, "broken-column", "from-hub/broken")
    build = build_of("from-hub/broken")
    events: list[ShardDone | ShardFailed] = []
    with pytest.raises(HugflowError, match="1 of 2 shards failed") as failed:
        sync_dataset(build, on_shard=events.append)
    assert failed.value.exit_code == 1
    done, broken = events
    assert isinstance(done, ShardDone)
    assert isinstance(broken, ShardFailed)
    assert isinstance(broken.error, ShardUnreadable)
    assert "data/train-00001-of-00002.parquet" in failed.value.why
