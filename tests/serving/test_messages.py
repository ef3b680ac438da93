"""Messages, replies, futures and states."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from hugflow.errors import FlowError, FlowInstanceError, FlowServerUnavailable
from hugflow.serving import (
    connect,
    delete_flow_instance,
    get_flow_instance,
    run_dispatch_worker_thread,
    run_get_instance_worker_thread,
    serve_flow,
)
from hugflow.serving.bucket import read_instance, read_state
from hugflow.serving.colink import CoLink, Project
from hugflow.serving.keys import new_seed, user_id_of
from hugflow.serving.mounts import delete_mount, is_mounted
from hugflow.serving.records import RECENT
from hugflow.serving.replies import resume
from hugflow.serving.served_flow import ROWS, ServedFlow
from hugflow.serving.server import FlowServer
from tests.serving.conftest import HERE, MakeUser
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def test_a_message_is_a_copy_and_what_cannot_be_sent_is_a_type_error(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    flow = get_flow_instance(cl, "count")
    data = {"number": [1], "secret": "swordfish"}
    message = flow.package_input_message(data, private_keys=["secret"])
    data["number"].append(2)  # type: ignore[attr-defined]
    assert message.data["number"] == [1]
    assert message.user_id == cl.get_user_id()
    assert "swordfish" not in repr(message)
    assert b"swordfish" not in flow._encode(message)
    with pytest.raises(TypeError):
        flow.package_input_message({"number": object()})


def test_a_future_survives_a_time_out_and_its_process(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    flow = get_flow_instance(cl, "count")
    future = flow.get_reply_future(flow.package_input_message({"seconds": 0.5}))
    assert future.try_get_message() is None
    with pytest.raises(TimeoutError):
        future.get_data(timeout=0.01)
    assert future.get_data(timeout=5)["count"] == 1
    assert future.get_data()["count"] == 1
    other = CoLink(cl.url, cl._seed)
    later = resume(other, future.message_id)
    assert later.get_data(timeout=5)["count"] == 1
    later.set_output_interface(lambda data: {"n": data["count"]})
    assert later.get_data() == {"n": 1}
    other.close()


def test_a_message_that_is_sent_again_counts_once(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    flow = get_flow_instance(cl, "count")
    messages = [flow.package_input_message({"number": number}) for number in range(3)]
    for message in [*messages, messages[0], messages[2]]:
        flow.get_reply_future(message).get_data(timeout=5)
    assert flow.run({"number": 9})["seen"] == [0, 1, 2, 9]


def test_a_message_that_comes_again_after_many_others_counts_once(new_user: MakeUser) -> None:
    owner, user = new_user(), new_user(works=False)
    serve_flow(owner, "served_classes.Count", "count")
    flow = get_flow_instance(user, "count", owner.get_user_id())
    first = flow.package_input_message({"number": 0})
    assert flow.get_reply_future(first).get_data(timeout=10)["count"] == 1
    flow.run_batch([{"number": number} for number in range(3)])
    others = [flow.package_input_message({"number": number}) for number in range(3, RECENT + 9)]
    [future.get_data(timeout=20) for future in map(flow.get_reply_future, others)]
    # As after the two minutes for which the server knows the ids of messages.
    sealed = flow._seal(flow._encode(first))
    assert user.run(user.link.store(flow._subject(), sealed, "forgotten"))
    wait_until(lambda: owner.run(owner.link.count_waiting(flow.flow_id)) == 0)
    assert flow.get_reply_future(first).get_data(timeout=10)["count"] == 1
    assert flow.run({"number": 99})["count"] == RECENT + 11
    state, _ = owner.run(read_state(owner.link, flow.flow_id))
    assert len(state.recent) == RECENT


def test_a_message_to_two_instances_gets_the_reply_of_each(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    flows = [get_flow_instance(cl, "count", config_overrides={"greeting": word}) for word in "ab"]
    message = flows[0].package_input_message({"number": 1})
    futures = [flow.get_reply_future(message) for flow in flows]
    assert [future.get_data(timeout=10)["greeting"] for future in futures] == ["a", "b"]
    again = [flow.get_reply_future(message) for flow in reversed(flows)]
    assert [future.get_data(timeout=10)["greeting"] for future in again] == ["b", "a"]
    assert resume(cl, message.message_id).get_data(timeout=10)["greeting"] in ("a", "b")
    assert [flow.run({})["count"] for flow in flows] == [2, 2]


def test_messages_of_an_instance_are_done_in_order_by_any_number_of_workers(
    new_user: MakeUser,
) -> None:
    cl = new_user()
    other = CoLink(cl.url, cl._seed, project=Project(HERE))
    run_dispatch_worker_thread(other)
    serve_flow(cl, "served_classes.Count", "count")
    flow = get_flow_instance(cl, "count")
    futures = [
        flow.get_reply_future(flow.package_input_message({"number": number}))
        for number in range(30)
    ]
    assert futures[-1].get_data(timeout=20)["seen"] == list(range(30))
    other.close()


def test_parallel_messages_run_at_once(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Upper", "upper", parallel_dispatch=True)
    flow = get_flow_instance(cl, "upper")
    began = time.monotonic()
    message = {"text": "a", "seconds": 0.5}
    futures = [flow.get_reply_future(flow.package_input_message(message)) for _ in range(8)]
    assert [future.get_data(timeout=9)["text"] for future in futures] == ["A"] * 8
    assert time.monotonic() - began < 3.5


def test_an_error_of_the_flow_reaches_the_caller_and_its_state_stays(
    new_user: MakeUser, caplog: pytest.LogCaptureFixture
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    flow = get_flow_instance(cl, "count")
    flow.run({})
    with pytest.raises(FlowError, match="ValueError: it cannot be") as caught:
        flow.run({"fails": True})
    assert "Traceback" not in str(caught.value)
    assert "Traceback" in caplog.text
    assert flow.run({})["count"] == 2


def test_bytes_come_back_as_they_were_sent(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Upper", "upper")
    flow = get_flow_instance(cl, "upper")
    audio = {"bytes": bytes(range(256)) * 80, "path": None}
    found = flow.run_batch([{"text": "a", "audio": audio}] * 64)
    assert found == [{"text": "A", "audio": audio}] * 64


def test_a_message_over_the_limit_is_refused_before_it_is_sent(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Upper", "upper")
    flow = get_flow_instance(cl, "upper")
    with pytest.raises(FlowError, match="was not sent") as caught:
        flow.get_reply_future(flow.package_input_message({"audio": bytes(9 << 20)}))
    assert "8,323,072 bytes" in str(caught.value)
    assert flow.run({"text": "a"})["text"] == "A"


def test_an_instance_is_its_clients_alone(new_user: MakeUser) -> None:
    owner, client, thief = new_user(), new_user(works=False), new_user(works=False)
    serve_flow(owner, "served_classes.Count", "count")
    serve_flow(owner, "served_classes.Count", "shared", singleton=True)
    flow = get_flow_instance(client, "count", owner.get_user_id())
    with pytest.raises(FlowError, match="belongs to another user"):
        ServedFlow(thief, owner.get_user_id(), flow.flow_id, "count").run({})
    assert flow.run({})["count"] == 1
    shared = get_flow_instance(client, "shared", owner.get_user_id())
    assert shared.run({})["count"] == 1
    assert ServedFlow(thief, owner.get_user_id(), shared.flow_id, "shared").run({})["count"] == 2


def test_an_unknown_instance_is_an_error_in_less_than_two_seconds(new_user: MakeUser) -> None:
    owner, user = new_user(), new_user(works=False)
    began = time.monotonic()
    with pytest.raises(FlowInstanceError, match="there is no instance"):
        ServedFlow(user, owner.get_user_id(), "0" * 8, "count").run({})
    assert time.monotonic() - began < 2


def test_an_unknown_instance_is_an_error_while_no_worker_of_its_owner_runs(
    new_user: MakeUser,
) -> None:
    owner, user, other = (new_user(works=False) for _ in range(3))
    serve_flow(owner, "served_classes.Count", "count")
    serve_flow(owner, "served_classes.Count", "shared", singleton=True)
    workers = [run_get_instance_worker_thread(owner)]
    them = owner.get_user_id()
    own = get_flow_instance(user, "count", them)
    deleted = get_flow_instance(user, "count", them)
    shared = get_flow_instance(other, "shared", them)
    delete_flow_instance(owner, deleted.flow_id)
    workers[0].stop()
    nobody = user_id_of(new_seed())
    for what, flow in (
        ("deep: there is no instance", ServedFlow(user, them, "0" * 8, "deep")),
        ("count: there is no instance", deleted),
        ("count: there is no instance", ServedFlow(other, them, own.flow_id, "count")),
        ("count: there is no instance", ServedFlow(owner, them, "0" * 8, "count")),
        (f"count: the server of flows knows no user {nobody}",
         ServedFlow(user, nobody, "0" * 8, "count")),
    ):  # fmt: skip
        with pytest.raises(FlowInstanceError, match=what):
            flow.get_reply_future(flow.package_input_message({})).get_data(timeout=30)
        with pytest.raises(FlowInstanceError, match=what):
            flow.send_message(flow.package_input_message({}))
    # Those that exist wait for a worker.
    for flow in (own, ServedFlow(user, them, shared.flow_id, "shared")):
        with pytest.raises(TimeoutError):
            flow.get_reply_future(flow.package_input_message({})).get_data(timeout=0.8)


def test_an_instance_of_an_earlier_version_is_known_once_its_worker_has_started(
    new_user: MakeUser,
) -> None:
    owner, user = new_user(works=False), new_user(works=False)
    serve_flow(owner, "served_classes.Count", "count")
    worker = run_get_instance_worker_thread(owner)
    flow = get_flow_instance(user, "count", owner.get_user_id())
    owner.run(delete_mount(owner.link, flow.flow_id))
    worker.stop()
    there = (user.link, owner.get_user_id(), flow.flow_id)
    assert not user.run(is_mounted(*there))
    run_get_instance_worker_thread(owner).stop()
    assert user.run(is_mounted(*there))


def test_a_subflow_that_is_gone_is_named_by_its_path(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    serve_flow(cl, "served_classes.Twice", "twice")
    flow = get_flow_instance(cl, "twice")
    instance = cl.run(read_instance(cl.link, flow.flow_id))
    assert instance is not None
    delete_flow_instance(cl, instance.subflows["second"]["flow_id"])
    with pytest.raises(FlowError, match="Twice: second: there is no instance"):
        flow.run({})


def test_a_blocking_composite_with_local_subflows_needs_one_worker(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    serve_flow(cl, "served_classes.Twice", "twice")
    flow = get_flow_instance(cl, "twice")
    assert [flow.run({}) for _ in range(2)][-1] == {"first": 2, "second": 2}


def test_messages_wait_for_a_worker_of_their_dispatch_point(new_user: MakeUser) -> None:
    cl = new_user(works=False)
    run_get_instance_worker_thread(cl)
    run_dispatch_worker_thread(cl)
    serve_flow(cl, "served_classes.Count", "count", dispatch_point="gpu")
    flow = get_flow_instance(cl, "count")
    future = flow.get_reply_future(flow.package_input_message({}))
    with pytest.raises(TimeoutError):
        future.get_data(timeout=0.6)
    assert cl.run(cl.link.count_waiting(flow.flow_id)) == 1
    run_dispatch_worker_thread(cl, "gpu")
    assert future.get_data(timeout=5)["count"] == 1


def test_a_call_that_is_not_stored_is_for_parallel_endpoints(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Upper", "upper", parallel_dispatch=True)
    serve_flow(cl, "served_classes.Count", "count")
    assert get_flow_instance(cl, "upper").call({"text": "a"})["text"] == "A"
    with pytest.raises(FlowError, match="one after another"):
        get_flow_instance(cl, "count").call({})


def test_what_cannot_be_sent_is_a_type_error_however_it_is_sent(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Upper", "upper", parallel_dispatch=True)
    flow = get_flow_instance(cl, "upper")
    circle: list[object] = []
    circle.append(circle)
    for data in ({"text": object()}, {"text": circle}, {3: "text"}, ["text"]):
        for send in (flow.run, flow.call):
            with pytest.raises(TypeError):
                send(data)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        flow.run_batch([{"text": circle}])
    assert flow.call({"text": "a"})["text"] == "A"


def test_a_reply_over_the_limit_is_an_error_at_the_caller(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Upper", "upper", parallel_dispatch=True)
    flow = get_flow_instance(cl, "upper")
    # Each of these has two bytes, and six as a capital letter.
    long = {"text": "\u0390" * 1_400_000}
    with pytest.raises(FlowError, match="the reply is"):
        flow.call(long)
    with pytest.raises(FlowError, match="the reply is"):
        flow.run(long)
    assert flow.call({"text": "a"})["text"] == "A"


@pytest.mark.parametrize("is_parallel", [True, False])
def test_a_batch_that_is_too_large_one_way_or_the_other_goes_in_halves(
    new_user: MakeUser, is_parallel: bool
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Upper", "upper", parallel_dispatch=is_parallel)
    flow = get_flow_instance(cl, "upper")
    # Each of these has two bytes, and six as a capital letter.
    grows = [{"text": "\u0390" * 400_000, "audio": row} for row in range(4)]
    found = flow.run_batch(grows)
    assert [(len(row["text"]), row["audio"]) for row in found if row] == [
        (1_200_000, row) for row in range(4)
    ]
    large = [{"audio": bytes([row]) * (3 << 20)} for row in range(3)]
    assert [row["audio"] for row in flow.run_batch(large) if row] == [row["audio"] for row in large]


@pytest.mark.parametrize("is_parallel", [True, False])
def test_a_row_whose_result_cannot_be_sent_costs_itself_alone(
    new_user: MakeUser, is_parallel: bool
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Odd", "odd", parallel_dispatch=is_parallel)
    flow = get_flow_instance(cl, "odd")
    rows = [{"row": 0}, {"row": 1, "is_odd": True}, {"row": 2}]
    found = flow.get_reply_future(flow.package_input_message({ROWS: rows})).get_data(timeout=10)
    assert [outcome.get("out") for outcome in found[ROWS]] == [{"row": 0}, None, {"row": 2}]
    assert "TypeError: object" in found[ROWS][1]["error"]
    with pytest.raises(FlowError, match="TypeError"):
        flow.run({"row": 1, "is_odd": True})


def test_a_message_that_comes_again_while_it_runs_does_not_touch_the_running_state(
    new_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server hears no signs of life, as while it is restarted.
    silent = SimpleNamespace(end=lambda: None)
    monkeypatch.setattr("hugflow.serving.dispatch_worker.Life", lambda *_: silent)
    cl = new_user(ack_wait_s=0.3)
    serve_flow(cl, "served_classes.Count", "count")
    flow = get_flow_instance(cl, "count")
    found = flow.run_batch([{"number": number, "seconds": 0.1} for number in range(8)])
    assert [row["count"] for row in found if row] == list(range(1, 9))
    assert flow.run({"number": "last"})["seen"] == [*range(8), "last"]


def test_a_worker_that_stops_answers_the_calls_that_run(new_user: MakeUser) -> None:
    cl = new_user(works=False)
    run_get_instance_worker_thread(cl)
    worker = run_dispatch_worker_thread(cl)
    serve_flow(cl, "served_classes.Slow", "slow", parallel_dispatch=True)
    flow = get_flow_instance(cl, "slow")
    flow.call({"number": 1})
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(flow.call, {"number": 2}, 5)
        wait_until(lambda: worker.worker._busy == 1)  # type: ignore[union-attr]
        worker.stop()
        assert sent.result()["seen"] == [2]


def test_a_deleted_instance_answers_no_call_any_more(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Upper", "upper", parallel_dispatch=True)
    flow = get_flow_instance(cl, "upper")
    assert flow.call({"text": "a"})["text"] == "A"
    delete_flow_instance(cl, flow.flow_id)
    time.sleep(1.1)
    with pytest.raises(FlowError, match="there is no instance"):
        flow.call({"text": "a"})


def test_messages_that_run_at_once_have_a_state_each_and_share_what_was_loaded(
    new_user: MakeUser,
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Slow", "slow", parallel_dispatch=True)
    flow = get_flow_instance(cl, "slow")
    messages = [flow.package_input_message({"number": number}) for number in range(6)]
    found = [future.get_data(timeout=10) for future in map(flow.get_reply_future, messages)]
    assert [each["seen"] for each in found] == [[number] for number in range(6)]
    assert flow.call({"number": 7}) == {"seen": [7], "loads": found[-1]["loads"]}


def test_messages_that_come_at_once_wait_for_one_making_of_their_flow(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Made", "made", parallel_dispatch=True)
    flow = get_flow_instance(cl, "made")
    futures = [flow.get_reply_future(flow.package_input_message({})) for _ in range(4)]
    assert [future.get_data(timeout=10) for future in futures] == [{"made": 1}] * 4


def test_a_closed_client_says_so(new_user: MakeUser) -> None:
    owner, user = new_user(), new_user(works=False)
    serve_flow(owner, "served_classes.Upper", "upper", parallel_dispatch=True)
    flow = get_flow_instance(user, "upper", owner.get_user_id())
    user.close()
    for send in (flow.run, flow.call):
        with pytest.raises(FlowServerUnavailable, match="the client is closed"):
            send({"text": "a"})


def test_a_client_connects_with_a_seed_file(server: FlowServer) -> None:
    user_id = server.make_user("filed")
    server.apply()
    with connect(server.seed_file("filed"), server.url) as cl:
        assert cl.get_user_id() == user_id
        assert server.seed_file("filed").stat().st_mode & 0o777 == 0o600
