"""Asset checks: what is judged of a dataset, when, and that a wrong one is not published."""

import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from hugflow.requests.model import AddRequest
from hugflow.stages.sync import sync_dataset
from hugflow.testing.faults import Status
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from hugflow_assets.checks import DATASETS_PER_OP, build_drift_checks
from hugflow_assets.datasets import build_dataset
from hugflow_assets.reporting.checks import FAILED_ROWS, MEANING_BY_CHECK, PLANNED, PUSHED
from hugflow_assets.reporting.report import report
from hugflow_resources.hub import HubResource
from hugflow_resources.storage import Storage
from hugflow_sensors.drift_daily import build_drift_daily, day_of
from tests.dagster.conftest import Dataset, failure_text

MakeDataset = Callable[..., Dataset]
Evaluations = dict[str, dg.AssetCheckEvaluation]


def evaluations_of(result: dg.ExecuteInProcessResult) -> Evaluations:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def test_the_run_that_completes_a_dataset_judges_it(hub: LoopbackHub, dataset: MakeDataset):
    commit = publish_speech(hub, "checks/whole", rows=6, shards=3, seconds=0.3)
    made = dataset("checks/whole")
    made.plan()
    checks = evaluations_of(made.make_all())
    assert set(checks) == MEANING_BY_CHECK.keys() | {FAILED_ROWS}
    assert all(check.passed for check in checks.values())
    assert checks["folder_loads"].description == "not judged: VERIFY_LOAD is false"
    assert checks.pop(FAILED_ROWS).asset_key.path[1] == "audio"
    assert checks["rows_complete"].metadata["planned_rows"].value == 6
    assert checks["audio_decodes"].metadata["decoded"].value == 6
    assert checks["commit_is_planned"].metadata["commit"].value == commit
    assert {check.asset_key.path[1] for check in checks.values()} == {"processed"}


class Allowed(Dataset):
    """A dataset in a project whose policy allows to push into folders."""

    @property
    def storage(self) -> Storage:
        return Storage(
            storage_root=str(self.places.storage_root),
            processed_root=str(self.places.processed_root),
            state_dir=str(self.places.state_dir),
            policy='{"publish_to": ["file://*"]}',
        )


def test_where_a_dataset_is_pushed_is_a_check_and_a_failed_push_unpublishes_nothing(
    hub: LoopbackHub, dataset: MakeDataset, tmp_path: Path
):
    publish_text(hub, "checks/pushed", rows=2, shards=1)
    out = tmp_path / "out"
    out.write_text("in the way")
    plain = dataset("checks/pushed", publish_to=f"file://{out}")
    made = Allowed(plain.request, plain.places, plain.instance)
    made.plan()
    result = made.make_all()
    check = evaluations_of(result)[PUSHED]
    assert result.success
    assert (check.passed, check.blocking) == (False, False)
    assert evaluations_of(result)["link_stands"].passed
    out.unlink()
    check = evaluations_of(made.make_all())[PUSHED]
    assert check.passed
    assert str(check.metadata["address"].value).startswith(f"file://{out}/")


def test_a_run_over_a_part_judges_nothing_and_succeeds(hub: LoopbackHub, dataset: MakeDataset):
    publish_speech(hub, "checks/part", rows=6, shards=3, seconds=0.3)
    made = dataset("checks/part")
    made.plan()
    result = made.make(made.keys[0], made.keys[1])
    assert result.success
    checks = evaluations_of(result)
    assert checks.pop(FAILED_ROWS).passed
    assert checks.keys() == MEANING_BY_CHECK.keys()
    for check in checks.values():
        assert not check.passed
        assert check.severity is dg.AssetCheckSeverity.WARN
        assert check.description == "not judged: shards of the dataset are still to be done"


def test_what_the_gate_refuses_is_a_check_that_failed_and_blocks(
    hub: LoopbackHub, dataset: MakeDataset
):
    publish_speech(hub, "checks/bad", rows=4, shards=1, seconds=0.3, broken_rows={1: b"x", 2: b"x"})
    made = dataset("checks/bad", budget="1")
    made.plan()
    result = made.make_all()
    check = evaluations_of(result)["bad_rows_in_budget"]
    assert not result.success
    assert not check.passed
    assert check.blocking
    assert check.metadata["failed_rows"].value == 2
    assert "max_bad_rows" in str(check.metadata["fix"].value)
    warning = evaluations_of(result)[FAILED_ROWS]
    assert (warning.passed, warning.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert warning.description == "2 of 4 rows of this run failed"
    later = evaluations_of(result)["link_stands"]
    assert "not judged: " in str(later.description)
    assert "2 of 4 rows could not be made" in str(later.description)
    assert "2 of 4 rows could not be made" in failure_text(result)
    assert not made.places.link(made.name).is_symlink()


def test_clips_that_do_not_decode_keep_a_dataset_from_being_published(
    hub: LoopbackHub, dataset: MakeDataset
):
    publish_speech(hub, "checks/decode", rows=4, shards=2, seconds=0.3)
    made = dataset("checks/decode")
    made.plan()
    made.make(made.keys[0], made.keys[1], "raw", "audio", "metadata")
    (mp3,) = sorted(made.open().folder.audio.iterdir())[:1]
    mp3.write_bytes(b"\0" * mp3.stat().st_size)
    result = made.make(made.keys[0], made.keys[1], "processed")
    check = evaluations_of(result)["audio_decodes"]
    assert not check.passed
    assert (check.metadata["decoded"].value, check.metadata["unsound"].value) == (4, 1)
    assert not made.places.link(made.name).is_symlink()
    mp3.unlink()
    assert made.make_all().success


def test_a_policy_that_does_not_allow_the_licence_keeps_it_from_being_made(
    hub: LoopbackHub, dataset: MakeDataset
):
    publish_speech(hub, "checks/licence", rows=2, shards=1, seconds=0.3)
    made = dataset("checks/licence")
    storage = Storage(**made.storage.model_dump() | {"policy": '{"licences": ["never-1.0"]}'})
    result = dg.materialize(
        build_dataset(made.request),
        selection=[dg.AssetKey([made.name, "plan"])],
        instance=made.instance,
        resources={"hub": HubResource(), "storage": storage},
        raise_on_error=False,
    )
    assert "the policy does not allow" in failure_text(result)
    assert not made.places.plans(made.name).exists()


def test_a_request_that_cannot_be_planned_is_a_failed_check_with_why_and_fix(
    hub: LoopbackHub, dataset: MakeDataset
):
    publish_speech(hub, "checks/column", rows=2, shards=1, seconds=0.3)
    wrong = dataset("checks/column", audio_column="sound")
    (check,) = wrong.plan().get_asset_check_evaluations()
    assert (check.check_name, check.passed) == (PLANNED, False)
    assert "sound" in str(check.description)
    assert check.metadata.keys() == {"why", "fix"}
    (check,) = dataset("checks/column").plan().get_asset_check_evaluations()
    assert check.passed


def test_work_done_without_dagster_is_judged_when_it_is_reported(
    hub: LoopbackHub, dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
):
    publish_text(hub, "checks/told", rows=4, shards=2)
    made = dataset("checks/told")
    build = made.open()
    synced = sync_dataset(build)
    (made.places.state_dir / "dagster").mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("DAGSTER_HOME", str(made.places.state_dir / "dagster"))
    assert report(made.places.state_dir, synced, build) == "reported 2 shards to Dagster"
    with dg.DagsterInstance.get() as instance:
        key = dg.AssetCheckKey(dg.AssetKey([made.name, "processed"]), "link_stands")
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
        evaluation = record.event.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
        assert evaluation.passed


def look_upstream(made: Dataset) -> dg.ExecuteInProcessResult:
    """What the sensor asks for once a day."""
    [check] = build_drift_checks([made.request])
    definitions = dg.Definitions(
        build_dataset(made.request),
        asset_checks=[check],
        sensors=[build_drift_daily([check])],
        resources=made.resources,
    )
    repository = definitions.get_repository_def()
    with dg.build_sensor_context(instance=made.instance, repository_def=repository) as context:
        result = repository.get_sensor_def("drift_daily")(context)
    assert isinstance(result, dg.SensorResult)
    (asked,) = result.run_requests or []
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(asked.asset_selection or ()),
        asset_check_selection=set(asked.asset_check_keys or ()),
    )
    return job.execute_in_process(instance=made.instance, raise_on_error=False)


def test_drift_is_looked_at_once_a_day():
    assert day_of(0.0) == "1969-12-31"
    assert day_of(5 * 3600.0) == "1970-01-01"
    checks = build_drift_checks([AddRequest(hf_id="acme/speech", description="x")])
    sensor = build_drift_daily(checks)
    with dg.build_sensor_context(cursor=day_of(time.time())) as context:
        assert isinstance(sensor(context), dg.SkipReason)
    with dg.build_sensor_context(cursor="1970-01-01") as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    assert result.cursor == day_of(time.time())


def test_a_dataset_that_moves_on_upstream_is_seen_and_nothing_else_happens(
    hub: LoopbackHub, dataset: MakeDataset
):
    first = publish_speech(hub, "checks/drift", rows=4, shards=2, seconds=0.3)
    made = dataset("checks/drift")
    made.plan()
    made.make_all()
    assert evaluations_of(look_upstream(made))["drift"].passed
    second = hub.publish("checks/drift", {"NOTES.md": b"more words"})
    result = look_upstream(made)
    check = evaluations_of(result)["drift"]
    assert result.success
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert first[:7] in (check.description or "")
    assert second[:7] in (check.description or "")
    assert "update: true" in (check.description or "")
    assert made.open().plan.commit == first
    made.plan(update=True)
    assert evaluations_of(look_upstream(made))["drift"].passed


def test_a_hub_that_is_down_tells_nothing_of_drift(
    hub: LoopbackHub, dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
):
    publish_speech(hub, "checks/down", rows=2, shards=1, seconds=0.3)
    made = dataset("checks/down")
    made.plan()
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.inject(Status(503), times=None)
    result = look_upstream(made)
    assert result.success
    assert not evaluations_of(result)


def test_a_repository_that_is_gone_is_a_drift(hub: LoopbackHub, dataset: MakeDataset):
    publish_speech(hub, "checks/gone", rows=2, shards=1, seconds=0.3)
    made = dataset("checks/gone")
    made.plan()
    hub.remove("checks/gone")
    check = evaluations_of(look_upstream(made))["drift"]
    assert not check.passed
    assert "checks/gone is gone upstream" in (check.description or "")
    assert "What is published stays" in (check.description or "")


def test_a_dataset_that_is_not_planned_yet_has_not_drifted(dataset: MakeDataset):
    made = dataset("checks/unplanned")
    assert evaluations_of(look_upstream(made))["drift"].passed


def test_an_op_checks_a_hundred_datasets_so_that_the_work_of_loading_grows_with_their_number():
    count = 2 * DATASETS_PER_OP + 1
    requests = [AddRequest(hf_id=f"acme/d{n}", description="x") for n in range(count)]
    checks = build_drift_checks(requests)
    assert [check.node_def.name for check in checks] == ["drift", "drift_2", "drift_3"]
    assert len({key for check in checks for key in check.check_keys}) == count
    assert all(check.can_subset for check in checks)
    assert build_drift_checks([]) == []
