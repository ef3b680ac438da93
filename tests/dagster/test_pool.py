"""So many runs fetch at once, and do row steps at once, over all hosts of one instance."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.instance.config import PoolGranularity
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter
from dagster._utils.tags import TagConcurrencyLimitsCounter

from hugflow.cli.project import read_template
from hugflow.requests.model import AddRequest
from hugflow_assets.datasets import build_dataset
from hugflow_resources.instance import POOL, open_instance, prepare_instance
from hugflow_resources.tags import FLOWS_TAG


@pytest.mark.slow
def test_no_more_runs_fetch_at_once_than_the_pool_has_places(tmp_path: Path):
    (tmp_path / "dagster.yaml").write_text(read_template("dagster.yaml"))
    prepare_instance(tmp_path, download_slots=2)
    _, stages = build_dataset(AddRequest(hf_id="acme/pool", description="x"))
    resources = {key: dg.ResourceDefinition.none_resource() for key in ("hub", "storage")}
    job = dg.Definitions([stages], resources=resources).resolve_implicit_global_asset_job_def()
    with open_instance(tmp_path) as instance:
        waiting = instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED)
        assert waiting.run_op_concurrency is not None
        assert waiting.run_op_concurrency.all_pools == {POOL}
        for is_full in (False, True):
            instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
            assert must_wait(instance, waiting) == is_full


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


@pytest.mark.parametrize(("template", "limit"), [("dagster.yaml", 2), ("cluster/dagster.yaml", 4)])
def test_runs_with_row_steps_have_a_limit_of_their_own(template: str, limit: int):
    config = yaml.safe_load(read_template(template))
    limits = config["concurrency"]["runs"]["tag_concurrency_limits"]
    steps = dg.DagsterRun("steps", tags={FLOWS_TAG: "true"})
    started = [dg.DagsterRun("steps", tags={FLOWS_TAG: "true"}) for _ in range(limit)]
    assert not TagConcurrencyLimitsCounter(limits, started[1:]).is_blocked(steps)
    assert TagConcurrencyLimitsCounter(limits, started).is_blocked(steps)
    assert not TagConcurrencyLimitsCounter(limits, started).is_blocked(dg.DagsterRun("others"))
