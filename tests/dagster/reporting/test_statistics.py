"""Statistics in Dagster's metadata: numbers that plot, of a shard and of the whole."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from hugflow.clients.hub import Hub
from hugflow.ledger.markers import Marker, read_marker
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from hugflow_assets.reporting.materializations import (
    processed_materializations,
    stage_materialization,
)


def make(places: Places, hf_id: str) -> tuple[Build, Marker]:
    """A finished dataset, and the marker of its first shard."""
    request = AddRequest(hf_id=hf_id, description="A test")
    build = sync_dataset(open_build(request, places, Hub(), Options(workers=2))).published.build
    marker = read_marker(build.state.marker(build.plan.shards[0].name, "metadata"))
    assert marker is not None
    return build, marker


def shard_metadata(build: Build, marker: Marker) -> dict[str, object]:
    made = stage_materialization(build, build.plan.shards[0], "metadata", marker)
    return {name: value.value for name, value in made.metadata.items()}


def test_the_metadata_of_a_shard_measures_its_rows(hub: LoopbackHub, places: Places):
    publish_speech(hub, "statistics/speech", rows=6, shards=2)
    metadata = shard_metadata(*make(places, "statistics/speech"))
    # Three clips of 0.5, 0.75 and 1 s.
    assert metadata["duration_mean_s"] == metadata["duration_p50_s"] == 0.75
    assert (metadata["duration_min_s"], metadata["duration_p95_s"]) == (0.5, 1.0)
    assert metadata["hours"] == 0.000625
    assert metadata["sampling_rates"] == {"16000": 3}
    assert metadata["rows_without_text"] == 0
    assert isinstance(metadata["characters_per_second_mean"], float)


def test_a_dataset_without_audio_has_characters_alone(hub: LoopbackHub, places: Places):
    publish_text(hub, "statistics/text", rows=4, shards=2)
    metadata = shard_metadata(*make(places, "statistics/text"))
    assert isinstance(metadata["characters"], int)
    assert not {"duration_mean_s", "hours", "characters_per_second_mean"} & set(metadata)


@pytest.mark.parametrize("damage", [b"", b"PAR1 and no more", None])
def test_an_index_that_cannot_be_read_keeps_nothing_from_being_told(
    hub: LoopbackHub, places: Places, damage: bytes | None
):
    publish_text(hub, "statistics/damaged", rows=4, shards=1)
    build, marker = make(places, "statistics/damaged")
    index = build.folder.index_file(build.plan.shards[0].name)
    index.unlink()
    if damage is not None:
        Path(index).write_bytes(damage)
    metadata = shard_metadata(build, marker)
    assert metadata["dagster/row_count"] == 4
    assert "characters" not in metadata


def test_the_whole_dataset_is_told_from_its_manifest(hub: LoopbackHub, places: Places):
    publish_speech(hub, "statistics/whole", rows=6, shards=2)
    build, _ = make(places, "statistics/whole")
    manifest = sync_dataset(build).published.manifest
    [made] = processed_materializations(build, build.plan.shards[:1], manifest)
    assert made.metadata["dataset_duration_max_s"] == dg.MetadataValue.float(1.5)
    assert made.metadata["dataset_source_formats"] == dg.MetadataValue.json({"flac": 6})
    unmeasured = replace(manifest, statistics=None)
    [older] = processed_materializations(build, build.plan.shards[:1], unmeasured)
    assert "dataset_duration_mean_s" not in older.metadata
