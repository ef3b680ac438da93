"""Making something again that stands: one stage alone, some partitions, other settings."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg

from hugflow.ledger.stages import STAGE_NAMES
from hugflow.names import op_name
from hugflow.stages.publishing.publish import find_published
from hugflow.stages.tree.manifest import MANIFEST
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow.verify.dataset import verify_dataset
from hugflow_assets.datasets import group_of
from tests.dagster.conftest import RANGE_END, RANGE_START, Dataset, failure_text

MakeDataset = Callable[..., Dataset]


def complete(hub: LoopbackHub, dataset: MakeDataset, hf_id: str, **how: object) -> Dataset:
    publish_speech(hub, hf_id, rows=6, shards=3, seconds=0.3, **how)  # type: ignore[arg-type]
    made = dataset(hf_id)
    made.plan()
    assert made.make_all().success
    return made


def make(
    made: Dataset, first: str, last: str, *stages: str, **config: object
) -> dg.ExecuteInProcessResult:
    op = {op_name(group_of(made.request), "stages"): {"config": config}}
    tags = {RANGE_START: first, RANGE_END: last}
    return made.materialize(*stages, tags=tags, config={"ops": op})


def written_at(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def events(result: dg.ExecuteInProcessResult) -> set[tuple[str, str | None]]:
    found = [e.materialization for e in result.get_asset_materialization_events()]  # type: ignore[attr-defined]
    return {(event.asset_key.path[1], event.partition) for event in found}


def test_audio_alone_is_made_again_for_the_partitions_asked_for_and_nothing_else(
    hub: LoopbackHub, dataset: MakeDataset
):
    made = complete(hub, dataset, "force/audio")
    folder, keys = made.open().folder, made.keys
    audio, json = written_at(folder.audio), written_at(folder.json)
    bytes_before = {path.name: path.read_bytes() for path in folder.audio.iterdir()}
    result = make(made, keys[1], keys[1], "audio", force=True)
    assert result.success
    anew = {name for name, at in written_at(folder.audio).items() if at != audio[name]}
    assert len(anew) == 2
    assert written_at(folder.json) == json
    assert {path.name: path.read_bytes() for path in folder.audio.iterdir()} == bytes_before
    assert events(result) == {("audio", keys[1])}
    assert find_published(made.open()) is not None


def test_without_force_nothing_is_made_again(hub: LoopbackHub, dataset: MakeDataset):
    made = complete(hub, dataset, "force/not")
    before = written_at(made.open().folder.audio)
    assert make(made, made.keys[0], made.keys[2], "audio").success
    assert written_at(made.open().folder.audio) == before


def test_each_stage_can_be_made_again_alone(hub: LoopbackHub, dataset: MakeDataset):
    made = complete(hub, dataset, "force/each")
    folder, keys = made.open().folder, made.keys
    for stage in STAGE_NAMES:
        audio, json = written_at(folder.audio), written_at(folder.json)
        hub.clear_requests()
        result = make(made, keys[0], keys[2], stage, force=True)
        assert result.success
        assert events(result) == {(stage, key) for key in keys}
        assert (written_at(folder.audio) != audio) == (stage == "audio")
        assert (written_at(folder.json) != json) == (stage == "metadata")
        assert bool(hub.requests) == (stage != "processed")
    assert find_published(made.open()) is not None
    assert not list(verify_dataset(made.places, made.name, deep=True))


def test_audio_with_another_setting_is_made_beside_what_stands_until_all_of_it_is_there(
    hub: LoopbackHub, dataset: MakeDataset
):
    made = complete(hub, dataset, "force/settings", container="mp3")
    keys, before = made.keys, made.open()
    assert MANIFEST.require(before.folder.manifest).audio.copied == 6
    result = make(made, keys[0], keys[2], "audio", force=True, mp3_source="reencode")
    assert result.success
    assert events(result) == {("plan", None), *(("audio", key) for key in keys)}
    assert made.places.link(made.name).is_symlink()
    assert MANIFEST.require(made.places.dataset(made.name).manifest).audio.copied == 6
    assert made.open().plan.id != before.plan.id
    assert make(made, keys[0], keys[2], *STAGE_NAMES).success
    manifest = MANIFEST.require(made.places.dataset(made.name).manifest)
    assert (manifest.audio.copied, manifest.audio.encoded) == (0, 6)


def test_another_setting_goes_with_force_only(hub: LoopbackHub, dataset: MakeDataset):
    made = complete(hub, dataset, "force/alone")
    key = made.keys[0]
    assert "goes with force" in failure_text(make(made, key, key, "audio", mp3_source="reencode"))
    result = make(made, key, key, "audio", force=True, mp3_source="louder")
    assert "copy or reencode" in failure_text(result)
