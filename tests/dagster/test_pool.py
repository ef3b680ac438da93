"""So many runs fetch at once, and do row steps at once, over all hosts of one instance."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.instance.config import PoolGranularity
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter

from hugflow.cli.project import read_template
from hugflow.requests.model import AddRequest
from hugflow_assets.datasets import build_dataset
from hugflow_resources.instance import FLOWS_POOL, POOL, open_instance, prepare_instance

STEP = {"name": "odd", "flow": "my_flows.Odd", "rows": {"in": ["row"], "out": ["word"]}}


@pytest.mark.slow
@pytest.mark.parametrize(("fields", "pool"), [({}, POOL), ({"flows": [STEP]}, FLOWS_POOL)])
def test_no_more_runs_are_at_work_at_once_than_their_pool_has_places(
    fields: dict[str, object], pool: str, tmp_path: Path
):
    (tmp_path / "dagster.yaml").write_text(read_template("dagster.yaml"))
    prepare_instance(tmp_path, slots=5)
    _, stages = build_dataset(
        AddRequest.model_validate({"hf_id": "acme/pool", "description": "x", **fields})
    )
    resources = {key: dg.ResourceDefinition.none_resource() for key in ("hub", "storage")}
    job = dg.Definitions([stages], resources=resources).resolve_implicit_global_asset_job_def()
    with open_instance(tmp_path) as instance:
        instance.event_log_storage.set_concurrency_slots(pool, 2)
        # A limit that somebody set stays.
        prepare_instance(tmp_path, slots=5)
        waiting = instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED)
        assert waiting.run_op_concurrency is not None
        assert waiting.run_op_concurrency.all_pools == {POOL, pool}
        for is_full in (False, True):
            instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
            assert must_wait(instance, waiting) == is_full


def test_the_assets_of_row_steps_name_their_pool_and_those_of_rows_the_other():
    request = AddRequest.model_validate({"hf_id": "acme/pool", "description": "x", "flows": [STEP]})
    resources = {key: dg.ResourceDefinition.none_resource() for key in ("hub", "storage")}
    job = dg.Definitions(build_dataset(request), resources=resources)
    steps = job.resolve_implicit_global_asset_job_def()
    pool_by_asset = {
        key.path[1]: {
            step.definition.pool
            for step in map(steps.graph.get_node, steps.asset_layer.upstream_dep_op_handles(key))
        }
        for key in steps.asset_layer.selected_asset_keys
    }
    rows = {"raw": {POOL}, "audio": {POOL}, "metadata": {POOL}}
    both = {POOL, FLOWS_POOL}
    assert pool_by_asset == {"plan": {None}, **rows, "flows": both, "processed": both}


def must_wait(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """What Dagster's daemon asks before it starts a run, here or on another host."""
    storage = instance.event_log_storage
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    places = GlobalOpConcurrencyLimitsCounter(
        instance,
        [run],
        instance.get_run_records(started),
        storage.get_concurrency_keys(),
        storage.get_pool_limits(),
        pool_granularity=PoolGranularity.RUN,
    )
    return places.is_blocked(run)


@pytest.mark.parametrize("template", ["dagster.yaml", "cluster/dagster.yaml"])
def test_a_place_of_the_pool_is_held_by_a_run(template: str):
    config = yaml.safe_load(read_template(template))
    assert config["concurrency"]["pools"]["granularity"] == PoolGranularity.RUN.value
