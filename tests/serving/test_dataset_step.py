"""A step of a dataset's request that another user serves, in a process of its own."""

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hugflow.errors import FlowError
from hugflow.flows.project_key import ServingConfig
from hugflow.serving import serve_flow
from hugflow.serving.colink import CoLink, Project
from hugflow.serving.server import FlowServer
from hugflow.settings import load_settings
from hugflow.stages.build.options import Options
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow_resources.storage import Storage
from tests.builds import OpenFor
from tests.serving.conftest import HERE, MakeUser
from tests.serving.workers import end, start_worker

pytestmark = pytest.mark.slow

HF_ID = "served/speech"
ROWS = 24
AWAY_S = float(os.environ.get("SERVING_AWAY_S", "3"))


def test_a_step_of_another_user_outlives_its_worker(
    server: FlowServer, hub: LoopbackHub, open_for: OpenFor, tmp_path: Path
) -> None:
    publish_speech(hub, HF_ID, rows=ROWS, shards=2, seconds=0.05)
    owner_id, _ = server.make_user("gpu"), server.make_user("data")
    server.apply()
    with CoLink(server.url, server.read_seed(server.seed_file("gpu")), project=Project(HERE)) as cl:
        serve_flow(cl, "served_classes.Listen", "listen")
    config = ServingConfig(server.url, str(server.seed_file("data")), {"gpu_team": owner_id})
    options = replace(Options(), workers=2, flow_root=tmp_path, serving=config)
    step = {
        "name": "heard",
        "user": "gpu_team",
        "endpoint": "listen",
        "config": {"seconds": 0.1},
        "rows": {"in": ["audio", "row"], "out": ["heard", "was"]},
        "attach": ["audio"],
        "batch": 4,
    }
    with pytest.raises(FlowError, match=f"user {owner_id} is not there"):
        sync_dataset(open_for(HF_ID, options=options, flows=[step], max_bad_rows=1))
    log = tmp_path / "worker.log"
    worker = start_worker(server, "gpu", log)
    _wait_for(log, "get_instances worker started")
    workers = [worker]
    step_folder: list[Path] = []

    def stop_for_a_while() -> None:
        while len(list(step_folder[0].glob("*.json")) if step_folder else []) < 4:
            time.sleep(0.02)
        end(worker, signal.SIGKILL)
        time.sleep(AWAY_S)
        workers.append(start_worker(server, "gpu", log))

    build = open_for(HF_ID, options=options, flows=[step], max_bad_rows=1)
    step_folder.append(build.folder.root / "flows" / "heard")
    stopper = threading.Thread(target=stop_for_a_while)
    stopper.start()
    synced = sync_dataset(build)
    stopper.join()
    end(workers[-1])
    tree = synced.published.build.folder
    outs = {
        int(path.stem): json.loads(path.read_text())
        for path in (tree.root / "flows" / "heard").glob("*.json")
    }
    assert sorted(outs) == [row for row in range(ROWS) if row != 3]
    index = [
        row for path in tree.index.glob("*.parquet") for row in pq.read_table(path).to_pylist()
    ]
    assert sorted(row["row"] for row in index) == sorted(outs)
    for row in index:
        clip = tree.root / row["audio_info"]["path"]
        assert (row["heard"], row["was"]) == (clip.stat().st_size, row["row"])
    flows = synced.published.manifest.flows
    assert flows is not None
    [counts] = flows.steps
    assert (counts.rows, counts.errors) == (ROWS - 1, 1)
    assert counts.words == f'heard: flows:listen@{owner_id} {{"seconds": 0.1}}'


def test_dagster_asks_the_users_and_the_server_that_the_project_names(
    server: FlowServer, new_user: MakeUser, hub: LoopbackHub, open_for: OpenFor, tmp_path: Path
) -> None:
    publish_speech(hub, "served/dagster", rows=3, shards=1, seconds=0.05)
    owner = new_user()
    serve_flow(owner, "served_classes.Listen", "listen")
    server.make_user("dagster_runs")
    server.apply()
    (tmp_path / "hugflow.yaml").write_text(
        f"flows:\n  server: {server.url}\n  user_seed: {server.seed_file('dagster_runs')}\n"
        f"  users: {{gpu_team: {owner.get_user_id()}}}\n"
    )
    options = Storage.of(load_settings(tmp_path)).options()
    step = {
        "name": "heard",
        "user": "gpu_team",
        "endpoint": "listen",
        "config": {"seconds": 0},
        "rows": {"in": ["audio", "row"], "out": ["heard", "was"]},
        "attach": ["audio"],
    }
    synced = sync_dataset(open_for("served/dagster", options=options, flows=[step]))
    flows = synced.published.manifest.flows
    assert flows is not None
    assert [(each.rows, each.errors) for each in flows.steps] == [(3, 0)]


def _wait_for(log: Path, words: str, within_s: float = 60.0) -> None:
    ends_at = time.monotonic() + within_s
    while words not in log.read_text():
        assert time.monotonic() < ends_at, log.read_text()
        time.sleep(0.05)
