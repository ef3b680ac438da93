"""The page for Prometheus: what it says of a project, and who gets it."""

import math
import re
import time
from pathlib import Path

import dagster as dg
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from hugflow.guard.asgi import Guard
from hugflow.guard.rules import Rules, known_hosts
from hugflow.prometheus import Figure, render_figures
from hugflow.requests.catalog import Catalog, write_catalog
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from hugflow_resources.metrics import WithMetrics, read_metrics, to_ages
from tests.builds import OpenFor

LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="[^"\\\n]*",?)*)\})? (-?[0-9.e+]+)')


def read_page(page: str) -> dict[tuple[str, str], float]:
    """Every sample by metric and labels; each line has Prometheus' form."""
    assert page.endswith("\n")
    lines = [line for line in page.splitlines() if line[0] != "#"]
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), lines
    return {(each[1], each[2] or ""): float(each[3]) for each in found if each is not None}


@pytest.mark.slow
def test_rows_bytes_runs_ticks_and_disks_are_figures(
    open_for: OpenFor, hub: LoopbackHub, tmp_path: Path
):
    publish_text(hub, "metrics/speech", rows=3, shards=1)
    build = open_for("metrics/speech")
    sync_dataset(build)
    # One in memory has no ticks.
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        told = read_page(read_metrics(build.places, instance, time.time()))
    label = f'dataset="{build.name}"'
    assert told["hugflow_dataset_rows", label] == 3
    assert told["hugflow_dataset_failed_rows", label] == 0
    assert told["hugflow_dataset_bytes", label] > 0
    assert told["hugflow_datasets", 'state="completed"'] == 1
    assert told["hugflow_runs", 'status="queued"'] == 0
    assert told["hugflow_disk_free_bytes", 'root="STORAGE_ROOT"'] > 0
    assert "hugflow_daemon_asleep" in {name for name, _ in told}


def test_what_main_asks_for_and_nothing_has_planned_is_pending(places: Places, tmp_path: Path):
    request = b"hf_id: metrics/later\ndescription: x\n"
    write_catalog(places, Catalog("a" * 40, {"requests/add/t.yaml": request}))
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        told = read_page(read_metrics(places, instance, time.time()))
    assert told["hugflow_datasets", 'state="pending"'] == 1


def test_a_sensor_of_two_code_locations_has_the_age_of_its_latest_tick():
    ticks = [("requests_on_main", 1_000.0), ("drift_daily", 5.0), ("requests_on_main", 9_000.0)]
    ages = to_ages(ticks, 9_030.0)
    assert ages == (({"sensor": "drift_daily"}, 9_025.0), ({"sensor": "requests_on_main"}, 30.0))


def test_numbers_that_are_none_have_prometheus_names():
    values = (({"x": "1"}, math.nan), ({"x": "2"}, math.inf), ({"x": "3"}, -math.inf))
    lines = render_figures([Figure("a", "b", values)]).splitlines()
    assert [line.partition(" ")[2] for line in lines[2:]] == ["NaN", "+Inf", "-Inf"]


def test_the_page_is_behind_the_guard_and_is_read_once_for_many_who_ask():
    calls: list[int] = []

    def read() -> str:
        calls.append(1)
        return render_figures([Figure("hugflow_info", "x", (({}, 1.0),))])

    app = WithMetrics(PlainTextResponse("the UI"), read)
    rules = Rules(known_hosts("127.0.0.1", 3000), "the-token")
    client = TestClient(Guard(app, rules), base_url="http://127.0.0.1:3000")
    assert client.get("/metrics").status_code == 401
    bearer = {"authorization": "Bearer the-token"}
    told = client.get("/metrics", headers=bearer)
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert told.text == client.get("/metrics", headers=bearer).text
    assert len(calls) == 1
    assert client.post("/metrics", headers=bearer).status_code == 405
    assert client.get("/", headers=bearer).text == "the UI"


def test_labels_cannot_break_a_line():
    page = render_figures([Figure("a", "b\nc", (({"x": 'q"\\\n'}, 0.5),)), Figure("none", "", ())])
    assert page == '# HELP a b\\nc\n# TYPE a gauge\na{x="q\\"\\\\\\n"} 0.5\n'
