"""What happens when more is stored than the server takes: an error, and nothing is thrown away."""

from pathlib import Path

import pytest
from nats.js.api import RetentionPolicy, StreamConfig

from hugflow.errors import FlowStorageFull
from hugflow.serving import (
    get_flow_instance,
    run_dispatch_worker_thread,
    run_get_instance_worker_thread,
    serve_flow,
    subjects,
)
from hugflow.serving.colink import CoLink, Project
from hugflow.serving.keys import read_seed
from hugflow.serving.replies import resume
from hugflow.serving.room import MOST_WAITING
from hugflow.serving.server import FlowServer
from tests.serving.conftest import HERE, MakeUser
from tests.waiting import wait_until


def test_a_server_without_room_refuses_messages_and_keeps_those_that_wait(tmp_path: Path) -> None:
    server = FlowServer(tmp_path / "server")
    server.limit_store(3 << 20)
    server.make_user("bob")
    server.start()
    seed = server.read_seed(server.seed_file("bob"))
    try:
        with CoLink(server.url, seed, project=Project(HERE)) as cl:
            run_get_instance_worker_thread(cl)
            serve_flow(cl, "served_classes.Count", "count")
            flow = get_flow_instance(cl, "count")
            kept = [flow.package_input_message({"more": "x" * 400_000}) for _ in range(6)]
            for message in kept:
                flow.send_message(message)
            refused = flow.package_input_message({"more": "x" * 900_000})
            for send in (flow.send_message, lambda each: flow.get_reply_future(each).get_data(30)):
                with pytest.raises(FlowStorageFull, match="no room left") as caught:
                    send(refused)
                assert "--max-gb" in caught.value.mend
            run_dispatch_worker_thread(cl)
            futures = [resume(cl, message.message_id) for message in kept]
            assert [future.get_data(timeout=30)["count"] for future in futures] == [*range(1, 7)]
            wait_until(lambda: cl.run(cl.link.count_stored()) < 1 << 20)
            assert flow.get_reply_future(refused).get_data(timeout=30)["count"] == 7
    finally:
        server.stop()


def test_a_caller_fills_no_queue_without_end(
    new_user: MakeUser, server: FlowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("hugflow.serving.room.MOST_WAITING", 3)
        owner, user = new_user(works=False), new_user(works=False)
    run_get_instance_worker_thread(owner)
    serve_flow(owner, "served_classes.Count", "count", singleton=True)
    flow = get_flow_instance(user, "count", owner.get_user_id())
    for number in range(3):
        flow.send_message(flow.package_input_message({"number": number}))
    with pytest.raises(FlowStorageFull, match="wait for this instance"):
        flow.send_message(flow.package_input_message({"number": 3}))
    # Another caller has a queue of its own.
    get_flow_instance(owner, "count").send_message(flow.package_input_message({"number": 4}))
    # A server of a later version changes the streams that are there, and what they hold stays.
    server.make_streams()
    flow.send_message(flow.package_input_message({"number": 5}))
    run_dispatch_worker_thread(owner)
    assert flow.run({"number": 6})["seen"] == [0, 1, 2, 4, 5, 6]


def test_the_streams_of_an_earlier_version_get_the_limits_of_this_one(
    new_user: MakeUser, server: FlowServer
) -> None:
    user_id = new_user(works=False).get_user_id()
    seed = read_seed(server.folder / "admin.seed")
    name = subjects.message_stream(user_id)

    async def make_again() -> None:
        await admin.js.delete_stream(name)
        await admin.js.add_stream(
            StreamConfig(
                name=name,
                subjects=[subjects.message(user_id, "*", "*")],
                retention=RetentionPolicy.INTEREST,
                max_consumers=100_000,
            )
        )

    with CoLink(server.url, seed) as cl:
        admin = cl.link
        cl.run(make_again())
        server.make_streams()
        config = cl.run(admin.js.stream_info(name)).config
    assert (config.max_msgs_per_subject, config.discard) == (MOST_WAITING, "new")


def test_a_server_counts_what_it_holds_as_room(tmp_path: Path) -> None:
    server = FlowServer(tmp_path)
    server.write_config()
    limit = int((tmp_path / "max_store").read_text())
    assert f"max_file_store: {limit} " in server.config_file.read_text()
    server.limit_store(5_000_000)
    server.write_config()
    assert "max_file_store: 5000000 " in server.config_file.read_text()
    assert server.limit_store(None) > 5_000_000
