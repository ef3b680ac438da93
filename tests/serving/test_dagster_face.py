"""Endpoints as external assets, the check `worker_alive`, and the sensor that looks at them."""

from pathlib import Path

import dagster as dg
import pytest

from hugflow.serving import run_dispatch_worker_thread, serve_flow
from hugflow.serving.colink import CoLink, Project
from hugflow.serving.server import FlowServer
from hugflow.settings import load_settings
from hugflow_assets.loading import build_serving_or_none
from hugflow_assets.serving import endpoint_key
from tests.serving.conftest import HERE

pytestmark = pytest.mark.slow


def test_a_served_flow_is_an_asset_whose_check_knows_whether_a_worker_runs(
    server: FlowServer, tmp_path: Path
) -> None:
    server.make_user("dagster")
    server.apply()
    (tmp_path / "hugflow.yaml").write_text(
        f"flows:\n  server: {server.url}\n  user_seed: {server.seed_file('dagster')}\n"
        "  serve:\n    - {flow: served_classes.Count, endpoint: count}\n"
    )
    defs = build_serving_or_none(load_settings(tmp_path))
    key = endpoint_key("count")
    assert [spec.key for spec in defs.resolve_all_asset_specs()] == [key]
    assert key.path == ["served", "local", "count"]
    seed = server.read_seed(server.seed_file("dagster"))
    with CoLink(server.url, seed, project=Project(HERE)) as cl:
        serve_flow(cl, "served_classes.Count", "count")
        first, cursor = tick(defs, None)
        assert [(each.passed, each.description) for each in first] == [
            (False, "no worker of coflows_dispatch runs")
        ]
        assert tick(defs, cursor) == ([], cursor)
        run_dispatch_worker_thread(cl)
        assert [each.passed for each in tick(defs, cursor)[0]] == [True]
        checks = [each for each in defs.asset_checks or () if isinstance(each, dg.AssetsDefinition)]
        done = dg.materialize(
            checks,
            resources=dict(defs.resources or {}),
            selection=dg.AssetSelection.all_asset_checks(),
        )
        assert [each.passed for each in done.get_asset_check_evaluations()] == [True]
    assert tick(defs, cursor) == ([], cursor), "it is again as it was at the first look"


def tick(
    defs: dg.Definitions, cursor: str | None
) -> tuple[list[dg.AssetCheckEvaluation], str | None]:
    """The evaluations of one look of the sensor, and its cursor."""
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            resources=dict(defs.resources or {}),
        )
        [sensor] = defs.sensors or ()
        assert isinstance(sensor, dg.SensorDefinition)
        found = sensor(context)
    if isinstance(found, dg.SkipReason):
        return [], cursor
    assert isinstance(found, dg.SensorResult)
    events = [each for each in found.asset_events if isinstance(each, dg.AssetCheckEvaluation)]
    return events, found.cursor
