"""What the server refuses: a test for each way of being somebody else."""

import asyncio
from pathlib import Path

import pytest

from hugflow.errors import FlowServerUnavailable, NotAuthorised, UsageWrong
from hugflow.serving import (
    get_flow_instance,
    run_dispatch_worker_thread,
    run_get_instance_worker_thread,
    serve_flow,
    subjects,
)
from hugflow.serving.colink import CoLink
from hugflow.serving.keys import new_seed, user_id_of
from hugflow.serving.server import FlowServer
from tests.serving.conftest import MakeUser
from tests.waiting import wait_until

ID = "00000000-0000-0000-0000-000000000000"


def test_an_unknown_key_cannot_connect(server: FlowServer) -> None:
    with pytest.raises(FlowServerUnavailable, match="does not know this user"):
        CoLink(server.url, new_seed())


def test_a_revoked_key_is_disconnected(server: FlowServer) -> None:
    server.make_user("revoked")
    server.apply()
    cl = CoLink(server.url, server.read_seed(server.seed_file("revoked")))
    server.revoke_user("revoked")
    server.apply()
    with pytest.raises((FlowServerUnavailable, NotAuthorised, TimeoutError)):
        cl.run(cl.link.again("x", lambda: cl.link.js.account_info(), within_s=1))
    cl.close()


def test_a_worker_whose_key_was_revoked_can_be_closed(server: FlowServer) -> None:
    server.make_user("revoked-worker")
    server.apply()
    cl = CoLink(server.url, server.read_seed(server.seed_file("revoked-worker")))
    run_dispatch_worker_thread(cl)
    run_get_instance_worker_thread(cl)
    server.revoke_user("revoked-worker")
    server.apply()
    wait_until(lambda: cl.link.client.is_closed)
    cl.close()
    with pytest.raises(FlowServerUnavailable, match="the client is closed"):
        cl.run(cl.link.is_answered("x"))


def test_a_later_command_revokes_on_the_host_that_the_server_has(tmp_path: Path) -> None:
    up = FlowServer(tmp_path, host="localhost")
    up.make_user("bob")
    up.start()
    try:
        later = FlowServer(tmp_path)
        later.revoke_user("bob")
        later.apply()
        with pytest.raises(FlowServerUnavailable, match="does not know this user"):
            CoLink(up.url, up.read_seed(up.seed_file("bob")))
        elsewhere = FlowServer(tmp_path, host="127.0.0.9")
        with pytest.raises(FlowServerUnavailable, match="has not taken the change") as caught:
            elsewhere.apply()
        assert "config reload not supported" in caught.value.why
    finally:
        up.stop()


def test_an_id_that_the_server_would_refuse_is_not_added(tmp_path: Path) -> None:
    server = FlowServer(tmp_path)
    bobs = server.make_user("bob")
    server.write_config()
    with pytest.raises(UsageWrong, match="is that of bob already"):
        server.add_user("bob2", bobs)
    admins = user_id_of(server.read_seed(tmp_path / "admin.seed"))
    with pytest.raises(UsageWrong, match="is that of the administrator"):
        server.add_user("bob2", admins)
    with pytest.raises(UsageWrong, match="is no id of a user"):
        server.add_user("bob2", bobs[:-1] + ("A" if bobs[-1] != "A" else "B"))
    assert server.user_ids() == {"bob": bobs}


def test_no_user_asks_or_sends_as_another(new_user: MakeUser) -> None:
    owner, victim, thief = new_user(), new_user(works=False), new_user(works=False)
    serve_flow(owner, "served_classes.Count", "count")
    flow = get_flow_instance(victim, "count", owner.get_user_id())
    spoofed = subjects.message(owner.get_user_id(), victim.get_user_id(), flow.flow_id)
    with pytest.raises(NotAuthorised, match="is not permitted"):
        thief.run(thief.link.store(spoofed, b"{}", "x"))
    asked = subjects.question(owner.get_user_id(), "get_instance", victim.get_user_id())
    with pytest.raises(NotAuthorised):
        thief.run(thief.link.ask(asked, b"{}", 2))
    answered = subjects.reply(victim.get_user_id(), owner.get_user_id(), ID, ID)
    with pytest.raises(NotAuthorised):
        thief.run(thief.link.store(answered, b"{}", "x"))


@pytest.mark.parametrize("pattern", ["reply.{}.>", "flow.{}.>", "deliver.{}.>", "_INBOX.{}.>", ">"])
def test_no_user_reads_what_is_addressed_to_another(new_user: MakeUser, pattern: str) -> None:
    victim, thief = new_user(works=False), new_user(works=False)

    async def ignore(message: object) -> None:
        del message

    with pytest.raises(NotAuthorised):
        thief.run(_subscribe(thief, pattern.format(victim.get_user_id()), ignore))


async def _subscribe(cl: CoLink, subject: str, take: object) -> None:
    await cl.link.subscribe(subject, take)  # type: ignore[arg-type]
    await asyncio.sleep(0.5)


def test_no_user_reads_or_writes_the_storage_of_another(new_user: MakeUser) -> None:
    victim, thief = new_user(works=False), new_user(works=False)
    serve_flow(victim, "served_classes.Count", "count")
    bucket = subjects.bucket_stream(victim.get_user_id())
    key = f"$KV.{subjects.bucket(victim.get_user_id())}.served.count"
    for stream in (bucket, subjects.reply_stream(victim.get_user_id())):
        with pytest.raises(NotAuthorised):
            thief.run(thief.link.read_last(stream, key))
        with pytest.raises(NotAuthorised):
            thief.run(thief.link.find_last(stream, key))
    for user in (victim.get_user_id(), "*"):
        mounted = f"$KV.{subjects.bucket(victim.get_user_id())}.{subjects.mount(user, ID)}"
        with pytest.raises(NotAuthorised):
            thief.run(thief.link.peek_last(bucket, mounted))
    with pytest.raises(NotAuthorised):
        thief.run(thief.link.store(key, b"{}", "x"))


def test_no_user_makes_or_changes_a_stream(new_user: MakeUser) -> None:
    cl, victim = new_user(works=False), new_user(works=False)
    own = subjects.message_stream(cl.get_user_id())
    for verb in ("CREATE", "UPDATE", "DELETE"):
        with pytest.raises(NotAuthorised):
            cl.run(cl.link.ask(f"$JS.API.STREAM.{verb}.{own}", b"{}", 2))
    theirs = subjects.message_stream(victim.get_user_id())
    with pytest.raises(NotAuthorised):
        cl.run(cl.link.ask(f"$JS.API.CONSUMER.CREATE.{theirs}", b"{}", 2))


def test_no_user_lets_the_server_send_in_the_name_of_another(new_user: MakeUser) -> None:
    """A question may name any subject for its answer, and the server answers with stored bytes."""
    owner, victim, thief = new_user(), new_user(works=False), new_user(works=False)
    serve_flow(owner, "served_classes.Count", "count")
    flow = get_flow_instance(victim, "count", owner.get_user_id())
    forged = flow._encode(flow.package_input_message({"number": 666}))
    me = thief.get_user_id()
    thief.run(thief.link.write_key("forged", forged))
    asked = f"$JS.API.DIRECT.GET.{subjects.bucket_stream(me)}.$KV.{subjects.bucket(me)}.forged"
    target = subjects.message(owner.get_user_id(), victim.get_user_id(), flow.flow_id)
    thief.run(thief.link.client.publish(asked, b"", reply=target))
    thief.run(thief.link.client.flush())
    assert flow.run({"number": 1})["seen"] == [1]
