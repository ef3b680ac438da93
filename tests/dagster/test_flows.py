"""Row steps as an asset: where it stands in the chain, what it tells, and what is refused without it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hugflow.ledger.progress import read_progress
from hugflow.ledger.stages import STAGE_NAMES, asset_names
from hugflow.requests.model import AddRequest
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow_assets.datasets import build_dataset
from hugflow_resources.storage import Storage
from hugflow_resources.tags import FLOWS_TAG
from tests.dagster.conftest import Dataset, failure_text

pytestmark = pytest.mark.slow

WITH_FLOWS = asset_names(has_flows=True)
FLOWS = """
from hugflow.flows import AtomicFlow

class Odd(AtomicFlow):
    def run(self, data):
        return {"word": "odd"} if data["row"] % 2 else None
"""
STEP = {"name": "odd", "flow": "my_flows.Odd", "rows": {"in": ["row"], "out": ["word"]}}
MakeDataset = Callable[..., Dataset]


class Flowed(Dataset):
    """A dataset whose project's own code lies beside its storage."""

    @property
    def storage(self) -> Storage:
        return Storage(
            storage_root=str(self.places.storage_root),
            processed_root=str(self.places.processed_root),
            state_dir=str(self.places.state_dir),
            flow_root=str(self.places.state_dir.parent),
        )


@pytest.fixture
def flowed(hub: LoopbackHub, dataset: MakeDataset, tmp_path: Path) -> Flowed:
    """A dataset of nine rows with one step, planned."""
    publish_speech(hub, "dagster/flows", rows=9, shards=3, seconds=0.1)
    plain = dataset("dagster/flows")
    (plain.places.state_dir.parent / "my_flows.py").write_text(FLOWS)
    request = AddRequest.model_validate(
        {**plain.request.model_dump(exclude_unset=True), "flows": [STEP]}
    )
    made = Flowed(request, plain.places, plain.instance, plain.max_bad_rows)
    assert made.plan().success
    return made


def test_the_asset_stands_between_metadata_and_processed_where_there_are_steps():
    request = AddRequest.model_validate(
        {"hf_id": "acme/speech", "description": "Speech", "flows": [STEP]}
    )
    specs = {spec.key.path[1]: spec for each in build_dataset(request) for spec in each.specs}
    assert list(specs) == ["plan", *WITH_FLOWS]
    for before, stage in zip(specs, WITH_FLOWS, strict=False):
        assert [dep.asset_key for dep in specs[stage].deps] == [specs[before].key]
    assert specs["flows"].code_version == request.flows_digest


def test_a_run_of_all_tells_of_each_shards_steps_in_a_table(flowed: Flowed):
    made = flowed.make(flowed.keys[0], flowed.keys[-1], *WITH_FLOWS)
    assert made.success
    # A run that nobody tagged before it started counts for the limit of such runs.
    run = flowed.instance.get_run_by_id(made.run_id)
    assert run is not None
    assert FLOWS_TAG in run.tags
    assert flowed.places.link(flowed.name).is_symlink()
    assert flowed.materialized("flows") == set(flowed.keys)
    progress = read_progress(flowed.places.progress(flowed.name))
    assert progress is not None
    counts = [(step.rows, step.dropped, step.total_rows) for step in progress.steps]
    assert counts == [(4, 5, 9)]
    events = flowed.events("flows")
    assert sum(event.metadata["dagster/row_count"].value for event in events) == 4  # type: ignore[misc]
    table = events[0].metadata["steps"].value
    [record] = table.records  # type: ignore[union-attr]
    assert record.data["step"] == "odd"
    assert record.data["rows"] + record.data["dropped"] == 3
    assert events[0].tags is not None
    assert "dagster/data_version" in events[0].tags


def test_the_four_stages_alone_end_with_an_error_that_names_flows(flowed: Flowed):
    result = flowed.make(flowed.keys[0], flowed.keys[-1], *STAGE_NAMES)
    assert not result.success
    assert "flows is not done" in failure_text(result)
    assert flowed.materialized("processed") == set()
    assert not flowed.places.link(flowed.name).exists()
    assert flowed.make(flowed.keys[0], flowed.keys[-1], "flows", "processed").success
    assert flowed.places.link(flowed.name).is_symlink()


def test_a_class_that_is_not_in_its_file_ends_the_run_before_rows_are_made(flowed: Flowed):
    step = {**STEP, "flow": "my_flows.Od"}
    request = AddRequest.model_validate(
        {**flowed.request.model_dump(exclude_unset=True), "flows": [step]}
    )
    wrong = Flowed(request, flowed.places, flowed.instance, flowed.max_bad_rows)
    result = wrong.make(wrong.keys[0], wrong.keys[-1], *WITH_FLOWS)
    assert "my_flows has no class Od" in failure_text(result)
    assert wrong.materialized("raw") == set()


def test_the_plan_names_the_asset_in_its_command(flowed: Flowed):
    command = str(flowed.events("plan")[0].metadata["materialize_all"].value)
    assert f'key:"{flowed.name}/flows"' in command


def test_a_change_of_the_steps_is_told_again(flowed: Flowed):
    flowed.make(flowed.keys[0], flowed.keys[-1], *WITH_FLOWS)
    changed = AddRequest.model_validate(
        {
            **flowed.request.model_dump(exclude_unset=True),
            "flows": [{**STEP, "config": {"description": "x"}}],
        }
    )
    again = Flowed(changed, flowed.places, flowed.instance, flowed.max_bad_rows)
    assert again.make(again.keys[0], again.keys[-1], "flows", "processed").success
    versions = {event.metadata["version"].value for event in again.events("flows")}
    assert len(versions) == 2
