"""Row steps as an asset: where it stands in the chain, what it tells, and what is refused without it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from hugflow.ledger.progress import Progress, read_progress
from hugflow.ledger.stages import SHARD_STAGES, STAGE_NAMES, asset_names
from hugflow.names import op_name
from hugflow.notify.notices import Notice
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.telling import announcer, tracker
from hugflow.testing.faults import Match, Status
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow_assets import making
from hugflow_assets.datasets import build_dataset, group_of
from hugflow_assets.reporting.checks import MEANING_BY_CHECK
from hugflow_resources.storage import Storage
from tests.dagster.conftest import RANGE_END, RANGE_START, Dataset, failure_text

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


def test_a_run_of_two_ops_is_announced_as_one(flowed: Flowed, monkeypatch: pytest.MonkeyPatch):
    told: list[Notice] = []
    monkeypatch.setattr(announcer, "write_notice", lambda _, notice: told.append(notice))
    seen: list[str] = []
    write_progress = tracker.write_progress

    def write(path: Path, progress: Progress) -> None:
        seen.append(progress.status)
        write_progress(path, progress)

    monkeypatch.setattr(tracker, "write_progress", write)
    assert flowed.make(flowed.keys[0], flowed.keys[-1], *WITH_FLOWS).success
    assert [(notice.state, notice.resumed_from) for notice in told] == [
        ("downloading", 0),
        ("completed", 0),
    ]
    # Over the time of both ops.
    assert told[-1].rows_per_second is not None
    assert told[-1].rows_per_second < 9 / 0.05
    assert set(seen[:-1]) == {"downloading"}
    assert seen[-1] == "completed"


def test_an_op_of_which_nothing_was_selected_does_nothing(flowed: Flowed):
    assert flowed.make(flowed.keys[0], flowed.keys[-1], *SHARD_STAGES).success
    log = flowed.make(flowed.keys[0], flowed.keys[-1], "flows", "processed")
    done = [event.step_key for event in log.get_step_success_events()]
    assert done == [f"{group_of(flowed.request)}__stages.{op}" for op in ("rows", "flows")]
    assert flowed.materialized("flows") == set(flowed.keys)
    assert len(flowed.events("raw")) == len(flowed.keys)


def test_rows_that_fail_end_the_run_before_its_steps_and_say_why_nothing_was_judged(
    hub: LoopbackHub, flowed: Flowed
):
    hub.inject(Status(403), when=Match(port="storage"), times=None)
    result = flowed.make(flowed.keys[0], flowed.keys[-1], *WITH_FLOWS)
    assert not result.success
    assert flowed.materialized("flows") == set()
    evaluations = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    assert {each.check_name for each in evaluations} >= set(MEANING_BY_CHECK)
    assert all(
        not each.passed and str(each.description).startswith("not judged: ")
        for each in evaluations
        if each.check_name in MEANING_BY_CHECK
    )


def test_run_config_is_given_once_and_goes_to_both_ops(
    flowed: Flowed, monkeypatch: pytest.MonkeyPatch
):
    assert flowed.make(flowed.keys[0], flowed.keys[-1], *WITH_FLOWS).success
    folder = flowed.places.dataset(flowed.name)
    before = {path: path.stat().st_mtime_ns for path in folder.json.iterdir()}
    replanned: list[bool] = []
    open_build = making.open_build

    def note(*args: Any, renew: bool) -> Build:
        replanned.append(renew)
        return open_build(*args, renew=renew)

    monkeypatch.setattr(making, "open_build", note)
    result = flowed.materialize(
        *WITH_FLOWS,
        tags={RANGE_START: flowed.keys[0], RANGE_END: flowed.keys[-1]},
        config={"ops": {op_name(group_of(flowed.request), "stages"): {"config": {"force": True}}}},
    )
    assert result.success
    assert all(path.stat().st_mtime_ns > at for path, at in before.items())
    assert replanned == [True, False]
