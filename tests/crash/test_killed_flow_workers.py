"""Workers and the server of flows, killed at any moment: each message counts once, in its order."""

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hugflow.serving import (
    get_flow_instance,
    run_dispatch_worker_thread,
    run_get_instance_worker_thread,
    serve_flow,
)
from hugflow.serving.colink import CoLink, Project
from hugflow.serving.server import FlowServer
from tests.serving.conftest import HERE
from tests.serving.workers import end, start_worker

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("SERVING_KILLS", "4"))


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[FlowServer]:
    server = FlowServer(tmp_path / "flows")
    server.start()
    for name in ("owner", "user"):
        server.make_user(name)
    server.apply()
    yield server
    server.stop()


def client(server: FlowServer, name: str, ack_wait_s: float = 2.0) -> CoLink:
    seed = server.read_seed(server.seed_file(name))
    return CoLink(server.url, seed, project=Project(HERE), ack_wait_s=ack_wait_s)


def test_a_worker_that_is_killed_at_any_moment_changes_a_state_once(
    own_server: FlowServer, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    words = ("--ack-wait", "0.5")
    moments = random.Random(int(os.environ.get("SERVING_SEED", "1")))  # noqa: S311  # no secret
    with client(own_server, "owner") as owner:
        serve_flow(owner, "served_classes.Count", "count")
    workers = [start_worker(own_server, "owner", log, *words) for _ in range(2)]
    with client(own_server, "user") as cl:
        ends_at = time.monotonic() + 60
        while log.read_text().count("get_instances worker started") < 2:
            assert time.monotonic() < ends_at, log.read_text()
            time.sleep(0.05)
        flow = get_flow_instance(cl, "count", own_server.user_ids()["owner"])
        futures = []
        for number in range(KILLS):
            for _ in range(3):
                data = {"number": len(futures), "seconds": 0.02}
                futures.append(flow.get_reply_future(flow.package_input_message(data)))
            time.sleep(moments.random() * 0.1)
            end(workers[number % 2], signal.SIGKILL)
            workers[number % 2] = start_worker(own_server, "owner", log, *words)
            assert futures[-1].get_data(timeout=60)["count"] == len(futures)
        counts = [future.get_data(timeout=60)["count"] for future in futures]
        assert counts == list(range(1, len(futures) + 1))
        seen = flow.run({"number": "last"})["seen"]
        assert seen == [*range(len(futures)), "last"][-100:]
    for worker in workers:
        # One that has only begun to start has no handler yet.
        assert end(worker) in (0, -signal.SIGTERM)


def test_messages_that_wait_outlive_a_killed_server(own_server: FlowServer) -> None:
    with client(own_server, "owner") as owner, client(own_server, "user") as cl:
        serve_flow(owner, "served_classes.Count", "count", singleton=True)
        giver = run_get_instance_worker_thread(owner)
        flow = get_flow_instance(cl, "count", owner.get_user_id())
        futures = [
            flow.get_reply_future(flow.package_input_message({"number": number}))
            for number in range(50)
        ]
        flow.send_message(flow.package_input_message({"number": 50}))
        own_server.kill()
        late = [
            flow.get_reply_future(flow.package_input_message({"number": number}))
            for number in range(51, 54)
        ]
        time.sleep(0.5)
        own_server.start()
        run_dispatch_worker_thread(owner)
        assert futures[-1].get_data(timeout=30)["seen"] == list(range(50))
        assert late[-1].get_data(timeout=30)["seen"] == list(range(54))
        assert [future.get_data(timeout=30)["count"] for future in futures] == list(range(1, 51))
        giver.stop()
        run_get_instance_worker_thread(owner)
        again = get_flow_instance(cl, "count", owner.get_user_id())
        assert again.flow_id == flow.flow_id
        assert again.run({"number": "last"})["seen"] == [*range(54), "last"]


def test_a_time_out_is_kept_while_the_server_is_away(own_server: FlowServer) -> None:
    with client(own_server, "owner") as owner, client(own_server, "user") as cl:
        serve_flow(owner, "served_classes.Count", "count")
        run_get_instance_worker_thread(owner)
        flow = get_flow_instance(cl, "count", owner.get_user_id())
        future = flow.get_reply_future(flow.package_input_message({"number": 1}))
        own_server.kill()
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            future.get_data(timeout=0.6)
        assert future.try_get_message() is None
        assert time.monotonic() - began < 4
        own_server.start()
        run_dispatch_worker_thread(owner)
        assert future.get_data(timeout=30)["seen"] == [1]


def test_a_worker_that_starts_while_the_server_is_away_works_once_it_is_back(
    own_server: FlowServer,
) -> None:
    with client(own_server, "owner") as owner, client(own_server, "user") as cl:
        serve_flow(owner, "served_classes.Count", "count")
        own_server.kill()
        with ThreadPoolExecutor() as threads:
            starting = threads.submit(run_get_instance_worker_thread, owner)
            # The worker's subscription waits for an answer of a connection that is opened anew.
            time.sleep(0.5)
            own_server.start()
            starting.result(timeout=60)
        flow = get_flow_instance(cl, "count", owner.get_user_id())
        run_dispatch_worker_thread(owner)
        assert flow.run({"number": 1})["seen"] == [1]
