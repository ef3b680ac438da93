"""One dataset as assets: which there are, and what materializing them does and tells."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from hugflow.clients.hub import Hub
from hugflow.clients.repository import PublishedFile
from hugflow.errors import ShardCorrupt
from hugflow.ledger.stages import STAGE_NAMES
from hugflow.names import dataset_groups
from hugflow.requests.model import AddRequest
from hugflow.stages.publishing.publish import find_published
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from hugflow_assets.datasets import build_dataset
from hugflow_assets.reporting.materializations import unrecorded
from tests.dagster.conftest import Dataset, failure_text

MakeDataset = Callable[..., Dataset]


def assets_of(**fields: object) -> list[dg.AssetsDefinition]:
    return build_dataset(AddRequest(hf_id="acme/speech", description="Speech", **fields))  # type: ignore[arg-type]


def specs_of(assets: list[dg.AssetsDefinition]) -> dict[str, dg.AssetSpec]:
    return {spec.key.path[1]: spec for each in assets for spec in each.specs}


def test_a_request_becomes_a_plan_and_a_chain_of_four_stages():
    specs = specs_of(assets_of())
    assert list(specs) == ["plan", *STAGE_NAMES]
    for before, stage in zip(specs, STAGE_NAMES, strict=False):
        assert [dep.asset_key for dep in specs[stage].deps] == [specs[before].key]


def test_all_assets_of_a_dataset_stand_in_one_group_with_its_words():
    for spec in specs_of(assets_of()).values():
        assert spec.group_name == "acme__speech"
        assert "Speech" in (spec.description or "")


@pytest.mark.parametrize(
    ("owner", "owners"),
    [("a@example.org", ["a@example.org"]), ("team:speech", ["team:speech"]), ("Ada", [])],
)
def test_an_owner_that_dagster_does_not_take_is_only_told(owner: str, owners: list[str]):
    raw = specs_of(assets_of(owner=owner))["raw"]
    assert list(raw.owners) == owners
    assert raw.metadata["owner"] == owner


def test_names_that_differ_in_signs_only_load_beside_each_other(dataset: MakeDataset):
    ids = ["acme/a-b.v1", "acme/a_b_v1", "acme/a.b-v1"]
    requests = [AddRequest(hf_id=hf_id, description="x") for hf_id in ids]
    groups = dataset_groups({each.name: each.identity.short_name for each in requests})
    assets = [
        each for request in requests for each in build_dataset(request, None, groups[request.name])
    ]
    definitions = dg.Definitions(assets, resources=dataset("acme/x").resources)
    assert len(definitions.resolve_asset_graph().get_all_asset_keys()) == 5 * len(ids)


def test_every_run_is_found_by_the_name_of_its_dataset(hub: LoopbackHub, dataset: MakeDataset):
    publish_speech(hub, "dagster/tagged", rows=2)
    made = dataset("dagster/tagged")
    run = made.plan().dagster_run
    assert made.instance.get_run_by_id(run.run_id).tags["dataset"] == made.name  # type: ignore[union-attr]


def test_the_plan_tells_the_exact_range_and_the_command(hub: LoopbackHub, dataset: MakeDataset):
    commit = publish_speech(hub, "dagster/plan", rows=6, shards=3)
    made = dataset("dagster/plan")
    assert made.plan().success
    (event,) = made.events("plan")
    expected = f"{commit[:7]}-00000-of-00003...{commit[:7]}-00002-of-00003"
    assert event.metadata["partition_range"].value == expected
    assert f"--partition-range {expected}" in str(event.metadata["materialize_all"].value)
    assert event.metadata["rows"].value == 6
    assert made.keys == [f"{commit[:7]}-{shard:05d}-of-00003" for shard in range(3)]


def test_the_plan_moves_on_to_a_later_commit_only_when_it_is_asked_to(
    hub: LoopbackHub, dataset: MakeDataset
):
    first = publish_speech(hub, "dagster/update", rows=4, shards=2, seconds=0.2)
    made = dataset("dagster/update")
    made.plan()
    made.make_all()
    second = hub.publish("dagster/update", {"NOTES.md": b"more words"})
    made.plan()
    assert made.keys == [f"{first[:7]}-{shard:05d}-of-00002" for shard in range(2)]
    made.plan(update=True)
    assert made.keys == [f"{second[:7]}-{shard:05d}-of-00002" for shard in range(2)]
    assert made.make_all().success
    assert made.materialized("processed") >= set(made.keys)
    assert find_published(made.open()) is not None


def test_a_range_run_makes_the_dataset_and_tells_of_every_stage_and_shard(
    hub: LoopbackHub, dataset: MakeDataset
):
    publish_speech(hub, "dagster/range", rows=9, shards=3)
    made = dataset("dagster/range")
    made.plan()
    assert made.make_all().success
    assert made.places.link(made.name).is_symlink()
    for stage in STAGE_NAMES:
        assert made.materialized(stage) == set(made.keys)
        assert len(made.events(stage)) == 3


def test_the_metadata_has_numbers_paths_links_and_a_sample(hub: LoopbackHub, dataset: MakeDataset):
    commit = publish_speech(hub, "dagster/words", rows=4, shards=1)
    made = dataset("dagster/words")
    made.plan()
    made.make_all()
    audio, metadata = made.events("audio")[0].metadata, made.events("metadata")[0].metadata
    assert audio["dagster/row_count"].value == 4
    assert isinstance(audio["audio_seconds"].value, float)
    assert (audio["copied"].value, audio["encoded"].value) == (0, 4)
    assert str(metadata["commit"].value).endswith(f"/datasets/dagster/words/tree/{commit}")
    sample = metadata["sample"].value.records  # type: ignore[union-attr]
    assert [record.data["row"] for record in sample] == [0, 1, 2]
    assert all(record.data["text"] and record.data["duration"] for record in sample)


def test_processed_turns_green_only_once_the_last_shard_is_in(
    hub: LoopbackHub, dataset: MakeDataset
):
    publish_speech(hub, "dagster/last", rows=6, shards=3)
    made = dataset("dagster/last")
    made.plan()
    first, second, third = made.keys
    assert made.make(first, second).success
    assert made.materialized("metadata") == {first, second}
    assert made.materialized("processed") == set()
    assert made.materialize(*STAGE_NAMES, partition=third).success
    assert made.materialized("processed") == {first, second, third}


def test_a_finished_partition_selected_again_is_told_again_without_being_made_again(
    hub: LoopbackHub, dataset: MakeDataset
):
    publish_speech(hub, "dagster/again", rows=4, shards=2)
    made = dataset("dagster/again")
    made.plan()
    made.make_all()
    hub.clear_requests()
    assert made.materialize(*STAGE_NAMES, partition=made.keys[0]).success
    assert len(made.events("audio")) == 3
    assert not hub.requests


def test_a_range_run_may_hold_the_plan_too_and_keeps_it(hub: LoopbackHub, dataset: MakeDataset):
    publish_speech(hub, "dagster/whole", rows=4, shards=2)
    made = dataset("dagster/whole")
    made.plan()
    hub.clear_requests()
    assert made.make(made.keys[0], made.keys[1], "plan", *STAGE_NAMES).success
    asked = [request.path for request in hub.requests if request.port == "api"]
    assert all("/resolve/" in path for path in asked)
    assert made.materialized("processed") == set(made.keys)


def test_a_key_of_another_plan_is_named(hub: LoopbackHub, dataset: MakeDataset):
    publish_speech(hub, "dagster/stale", rows=4, shards=2)
    made = dataset("dagster/stale")
    made.plan()
    made.instance.add_dynamic_partitions(f"{made.name}/shards", ["0000000-00000-of-00001"])
    result = made.materialize(*STAGE_NAMES, partition="0000000-00000-of-00001")
    assert "0000000-00000-of-00001 is no partition of the plan in force" in failure_text(result)
    made.plan()
    assert "0000000-00000-of-00001" not in made.keys


def test_a_reversed_range_fails_loudly(hub: LoopbackHub, dataset: MakeDataset):
    publish_speech(hub, "dagster/reversed", rows=4, shards=2)
    made = dataset("dagster/reversed")
    made.plan()
    result = made.make(made.keys[1], made.keys[0])
    assert not result.success
    assert "no partition was selected" in failure_text(result)
    assert f"{made.keys[0]}...{made.keys[1]}" in failure_text(result)


def test_a_later_stage_alone_names_the_stages_it_lacks(hub: LoopbackHub, dataset: MakeDataset):
    publish_speech(hub, "dagster/later", rows=4, shards=2)
    made = dataset("dagster/later")
    made.plan()
    metadata = made.make(made.keys[0], made.keys[1], "metadata")
    assert "raw and audio not done" in failure_text(metadata)
    processed = made.make(made.keys[0], made.keys[1], "processed")
    assert "audio and metadata are not done for 00000-of-00002" in failure_text(processed)


def test_the_stages_can_be_made_one_by_one(hub: LoopbackHub, dataset: MakeDataset):
    publish_speech(hub, "dagster/single", rows=4, shards=2)
    made = dataset("dagster/single")
    made.plan()
    for stage in STAGE_NAMES:
        assert made.make(made.keys[0], made.keys[1], stage).success
        assert made.materialized(stage) == set(made.keys)


def test_one_shard_that_fails_stops_no_other_and_is_named(
    hub: LoopbackHub, dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
):
    publish_speech(hub, "dagster/failing", rows=6, shards=3)
    made = dataset("dagster/failing")
    made.plan()
    fetch = Hub.fetch_file

    def fetch_two(
        self: Hub, hf_id: str, commit: str, file: PublishedFile, target: Path, **how: Any
    ) -> None:
        if "00001-of" in file.path:
            raise ShardCorrupt("it is not what was promised", why="bits fell over", mend="again")
        fetch(self, hf_id, commit, file, target, **how)

    monkeypatch.setattr(Hub, "fetch_file", fetch_two)
    result = made.make_all()
    text = failure_text(result)
    assert "1 of 3 shards failed: 00001-of-00003" in text
    assert "bits fell over" in text
    assert made.materialized("metadata") == {made.keys[0], made.keys[2]}
    assert made.materialized("processed") == set()
    monkeypatch.undo()
    assert made.make_all().success


def test_too_many_bad_rows_fail_the_run_and_say_how_to_mend_it(
    hub: LoopbackHub, dataset: MakeDataset
):
    broken = {1: b"noise", 2: b"noise"}
    publish_speech(hub, "dagster/bad", rows=4, shards=1, broken_rows=broken)
    made = dataset("dagster/bad", budget="1")
    made.plan()
    result = made.make_all()
    text = failure_text(result)
    assert "2 of 4 rows could not be made" in text
    assert "max_bad_rows" in text
    assert made.materialized("audio") == set(made.keys)
    assert made.events("audio")[0].metadata["failed_rows"].value == 2
    assert made.materialized("processed") == set()


def test_a_request_that_cannot_be_planned_fails_with_its_three_lines(dataset: MakeDataset):
    result = dataset("dagster/nothing-there").plan()
    text = failure_text(result)
    assert "dagster/nothing-there" in text
    assert "fix:" in text


def test_work_done_without_dagster_is_adopted_when_the_plan_is_materialized(
    hub: LoopbackHub, dataset: MakeDataset
):
    publish_text(hub, "dagster/adopted", rows=6, shards=2)
    made = dataset("dagster/adopted")
    build = made.open()
    sync_dataset(build)
    assert made.plan().success
    for stage in STAGE_NAMES:
        assert made.materialized(stage) == set(made.keys)
    assert list(unrecorded(made.instance, build, find_published(build))) == []


def test_the_progress_file_follows_a_run(hub: LoopbackHub, dataset: MakeDataset):
    publish_text(hub, "dagster/progress", rows=6, shards=2)
    made = dataset("dagster/progress")
    made.plan()
    made.materialize(*STAGE_NAMES, partition=made.keys[0])
    progress = made.places.progress(made.name).read_text()
    assert '"status": "incomplete"' in progress
    made.make_all()
    assert '"status": "completed"' in made.places.progress(made.name).read_text()


def test_no_token_stands_in_what_dagster_keeps(
    hub: LoopbackHub, dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
):
    token = "hf_test_reader_of_secrets"
    hub.add_token(token, "reader", ["dagster/private"])
    publish_text(hub, "dagster/private", private=True)
    monkeypatch.setenv("HF_TOKEN", token)
    made = dataset("dagster/private")
    result = made.plan()
    assert result.success
    assert made.make_all().success
    kept = str(made.instance.all_logs(result.run_id))
    assert token not in kept
