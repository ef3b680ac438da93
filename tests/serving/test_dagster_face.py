"""Endpoints as external assets, the check `worker_alive`, and the sensor that looks at them."""

from pathlib import Path

import dagster as dg
import pytest

from hugflow.flows.project_key import ServeEntry
from hugflow.serving import run_dispatch_worker_thread, serve_flow
from hugflow.serving.colink import CoLink, Project
from hugflow.serving.server import FlowServer
from hugflow.serving.status import EndpointStatus, InstanceStatus
from hugflow.settings import load_settings
from hugflow_assets.loading import build_serving_or_none
from hugflow_assets.serving import build_endpoints, build_worker_checks
from hugflow_resources.flows import FlowsResource
from hugflow_sensors.flow_directory import describe_endpoints
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
    key = dg.AssetKey(["served", "local", "count"])
    assert [spec.key for spec in defs.resolve_all_asset_specs()] == [key]
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


def test_endpoints_whose_names_differ_in_a_dash_alone_load() -> None:
    entries = [ServeEntry("a.B", "a-b"), ServeEntry("a.B", "a_b")]
    defs = dg.Definitions(
        assets=build_endpoints(entries),
        asset_checks=build_worker_checks(entries),
        resources={"flows": FlowsResource(root=".", state_dir=".")},
    )
    dg.Definitions.validate_loadable(defs)


def test_an_observation_shows_the_queue_of_each_instance_and_the_worker() -> None:
    queues = (InstanceStatus("i-1", "local", 0), InstanceStatus("i-2", "UABC", 7))
    status = EndpointStatus(
        "count", "a.B", True, False, False, "gpu", 2, 7, False, {"input": {"n": "int"}}, queues
    )
    events, _ = describe_endpoints(["count"], {"count": status}, "")
    [seen] = [each for each in events if isinstance(each, dg.AssetObservation)]
    assert seen.asset_key == dg.AssetKey(["served", "local", "count"])
    assert seen.metadata["worker"].value == "none"
    assert seen.metadata["description"].value == "n: int ->"
    table = seen.metadata["queues"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data for record in table.records] == [
        {"instance": "i-2", "user": "UABC", "waiting": 7},
        {"instance": "i-1", "user": "local", "waiting": 0},
    ]
    _, before = describe_endpoints(["count"], {"count": status}, "")
    assert describe_endpoints(["count"], {}, "")[1] != before


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
