"""Flow runs in Dagster: an asset and a job for each YAML, and the engine `dagster`."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hugflow.flowrider import FlowConfigError, FlowRunError, RunNotFound, auto_getter, run_flow
from hugflow.flowrider.attempts import read_attempts
from hugflow.flowrider.places import PipelinePlaces
from hugflow_assets import runs
from tests.flowrider.project import FlowProject, make_flow_project

pytestmark = pytest.mark.slow

ASSETS = """
import os
import dagster as dg
import polars as pl
from hugflow_assets.flow_params import FlowParams

days = dg.StaticPartitionsDefinition(["monday", "tuesday"])

@dg.asset
def numbers(flow_params: FlowParams) -> list[int]:
    with open(os.environ["MARKS_FILE"], "a") as file:
        file.write("numbers ")
    return list(range(flow_params.values["count"]))

@dg.asset(key=["deep", "table"])
def table(numbers) -> pl.DataFrame:
    if os.path.exists(os.environ["FAILS_IF"]):
        raise RuntimeError("table fails")
    return pl.DataFrame({"n": numbers})

@dg.asset(deps=[table])
def nothing() -> None: ...

@dg.asset
def odd(numbers):
    return set(numbers)

@dg.asset(partitions_def=days)
def day(context: dg.AssetExecutionContext) -> str:
    return context.partition_key
"""
YAML = """\
preflow_kwargs:
  datastore: s3  # of Metaflow: not used by this engine
  selection: 'key:"numbers" or key:"deep/table" or key:"nothing"'
flow_kwargs: {count: {hook: {name: builtins.len, args: [[1, 2, 3]]}}}
"""


@pytest.fixture
def flow_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlowProject:
    project = make_flow_project(tmp_path / "work")
    project.write("project_name/pipeline/numbers_flow.py", ASSETS)
    project.write_config("dev", YAML, "numbers_flow")
    monkeypatch.setenv("FLOWRIDER_TEMP_DIR", str(tmp_path / "temp"))
    monkeypatch.setenv("MARKS_FILE", str(tmp_path / "marks"))
    monkeypatch.setenv("FAILS_IF", str(tmp_path / "fails"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return project


def find_asset(project: FlowProject, tag: str = "dev") -> runs.FlowAsset:
    [found] = [each for each in runs.find_flow_assets(project.root) if each.key[1] == "example"]
    assert found.tag == tag
    return found


def test_a_dagster_flow_keeps_the_values_of_each_run_and_a_resume_makes_only_what_is_missing(
    flow_project: FlowProject, tmp_path: Path
):
    config = "config/pipeline/numbers_flow_dev"
    first = run_flow("numbers_flow", package=flow_project.package)
    assert first.engine == "dagster"
    (tmp_path / "fails").touch()
    with pytest.raises(FlowRunError, match="numbers_flow") as failed:
        run_flow("numbers_flow", package=flow_project.package)
    assert "table fails" in failed.value.why
    assert first.run_id_path.read_text() == first.run_id
    (tmp_path / "fails").unlink()
    second = run_flow("numbers_flow", package=flow_project.package, resume=True)
    assert (tmp_path / "marks").read_text() == "numbers numbers "
    assert second.run_id_path.read_text() == second.run_id != first.run_id
    table = auto_getter("numbers_flow", config, "deep/table", flow_project.package)
    assert_frame_equal(table, pl.DataFrame({"n": [0, 1, 2]}))
    with pytest.raises(RunNotFound, match="no value of deep/tabel"):
        auto_getter("numbers_flow", config, "deep/tabel", flow_project.package)


def test_a_value_that_cannot_be_kept_fails_the_run_and_a_partition_is_chosen(
    flow_project: FlowProject,
):
    flow_project.write_config(
        "set",
        "flow_kwargs: {count: 1}\npreflow_kwargs: {selection: '+key:\"odd\"'}",
        "numbers_flow",
    )
    with pytest.raises(FlowRunError) as failed:
        run_flow("numbers_flow", "set", package=flow_project.package)
    assert "the value of odd cannot be kept: it is set" in failed.value.why
    flow_project.write_config(
        "day", "preflow_kwargs: {selection: 'key:\"day\"', partition: tuesday}", "numbers_flow"
    )
    run_flow("numbers_flow", "day", package=flow_project.package)
    assert (
        auto_getter("numbers_flow", "config/pipeline/numbers_flow_day", "day", flow_project.package)
        == "tuesday"
    )
    flow_project.write_config("bad", "preflow_kwargs: {selektion: x}", "numbers_flow")
    with pytest.raises(FlowConfigError, match="did you mean selection"):
        run_flow("numbers_flow", "bad", package=flow_project.package)


def test_each_yaml_is_an_asset_and_a_job_and_loading_runs_nothing(flow_project: FlowProject):
    flow_project.write(
        "project_name/pipeline/example/example_flow.py", "class F(FlowSpec): 1/0\nexit(3)\n"
    )
    flow_project.write_config("bad", "flow_kwarg: 1")
    before = flow_project.files()
    built = runs.build_runs(flow_project.root)
    names = {job.name for job in built.jobs or ()}
    assert names == {
        "run__example__example_flow__dev",
        "run__example__example_flow__bad",
        "run__numbers_flow__dev",
    }
    keys = {spec.key.to_user_string(): spec for each in built.assets or () for spec in each.specs}  # type: ignore[union-attr]
    assert keys["runs/example/example_flow/dev"].kinds == {"metaflow"}
    assert keys["runs/numbers_flow/dev"].kinds == {"dagster"}
    version = keys["runs/numbers_flow/dev"].code_version
    flow_project.write_config("dev", YAML + "# other\n", "numbers_flow")
    [changed] = [
        spec
        for each in runs.build_runs(flow_project.root).assets or ()
        for spec in each.specs  # type: ignore[union-attr]
        if spec.key.path[1] == "numbers_flow"
    ]
    assert changed.code_version != version
    flow_project.write_config("dev", YAML, "numbers_flow")
    assert flow_project.files() == before


def test_a_materialization_has_the_run_and_a_reexecution_continues_a_failed_one(
    flow_project: FlowProject, tmp_path: Path
):
    (tmp_path / "fails").touch()
    asset = find_asset(flow_project)
    built = runs.build_run(asset)
    config = {"ops": {built.op.name: {"config": {"tags": ["from the launchpad"]}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        failed = dg.materialize([built], instance=instance, raise_on_error=False, run_config=config)
        assert not failed.success
        (tmp_path / "fails").unlink()
        [attempt] = read_attempts(PipelinePlaces(flow_project.package), asset.flow, asset.tag)
        assert attempt.asked_by == failed.run_id
        again = dg.materialize(
            [built],
            instance=instance,
            tags={
                "dagster/parent_run_id": failed.run_id,
                "dagster/root_run_id": failed.run_id,
            },
        )
        assert again.success
        [event] = again.get_asset_materialization_events()
    metadata = event.materialization.metadata
    [first, second] = read_attempts(PipelinePlaces(flow_project.package), asset.flow, asset.tag)
    assert first.tags == ("project_name", "from the launchpad")
    assert second.origin_run_id == first.run_id
    assert (
        metadata["run_id"].value
        == second.run_id
        == asset.config_path.with_suffix(".run_id").read_text()
    )
    assert "info" in metadata["artifacts"].value
    assert Path(str(metadata["log"].value)).is_file()


PROGRAM = """
import sys
from pathlib import Path
import dagster as dg
from hugflow_assets import runs
[asset] = [each for each in runs.find_flow_assets(Path(sys.argv[1])) if each.key[1] == "example"]
with dg.DagsterInstance.ephemeral() as instance:
    dg.materialize([runs.build_run(asset)], instance=instance)
"""


def test_terminating_a_dagster_run_ends_the_whole_process_group_in_time(
    flow_project: FlowProject, tmp_path: Path
):
    flow_project.write_config("dev", "env: {SLEEPS: 1}")
    run = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(flow_project.root)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert run.stderr is not None
    assert any("middle prints this" in line for line in run.stderr)
    began = time.monotonic()
    # Dagster's launcher ends a run this way.
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert list((tmp_path / "temp" / "bundles").iterdir()) == []
    [attempt] = read_attempts(PipelinePlaces(flow_project.package), "example/example_flow", "dev")
    assert attempt.state == "failed"
    assert attempt.run_id is not None
