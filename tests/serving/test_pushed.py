"""Replies that come as messages of their own to the instance that asked."""

import pytest

from hugflow.errors import FlowError, NotAuthorised
from hugflow.flows.messages import package
from hugflow.serving import delete_flow_instance, get_flow_instance, pushed, serve_flow
from hugflow.serving.bucket import read_instance
from hugflow.serving.records import RECENT
from hugflow.serving.served_flow import ServedFlow
from tests.serving.conftest import MakeUser
from tests.waiting import wait_until


def ask(flow: ServedFlow, **data: object) -> str:
    return str(flow.run(dict(data))["asked"])


@pytest.mark.parametrize("composite", ["Later", "LaterHere"])
def test_a_reply_comes_as_a_message_of_its_own_to_the_instance_that_asked(
    new_user: MakeUser, composite: str
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    serve_flow(cl, f"served_classes.{composite}", "later")
    flow = get_flow_instance(cl, "later")
    asked = [ask(flow, number=number) for number in range(2)]
    wait_until(lambda: len(flow.run({})["replies"]) == 2)
    replies = flow.run({})["replies"]
    assert [each["reply_to"] for each in replies] == asked
    assert [each["count"] for each in replies] == [1, 2]


def test_a_reply_of_another_users_flow_comes_too_and_so_does_its_error(new_user: MakeUser) -> None:
    owner, user = new_user(), new_user()
    serve_flow(owner, "served_classes.Count", "count", allow=None)
    serve_flow(user, "served_classes.Later", "later")
    there = {"subflows_config": {"count": {"user_id": owner.get_user_id()}}}
    flow = get_flow_instance(user, "later", config_overrides=there)
    ask(flow, number=1, fails=True)
    ask(flow, number=2)
    wait_until(lambda: len(flow.run({})["replies"]) == 2)
    failed, counted = flow.run({})["replies"]
    assert "it cannot be" in failed["error"]
    assert counted["count"] == 1


def test_a_reply_that_comes_again_after_many_others_counts_once(
    new_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    serve_flow(cl, "served_classes.Later", "later")
    flow = get_flow_instance(cl, "later")
    first, *others = [ask(flow, number=number) for number in range(RECENT + 2)]
    wait_until(lambda: len(flow.run({})["replies"]) == RECENT + 2)
    ticket = pushed.make_ticket(cl, flow.flow_id, cl.get_user_id(), first)
    store = cl.link.store
    with monkeypatch.context() as patched:
        # As after the two minutes for which the server knows the ids of messages.
        patched.setattr(
            cl.link, "store", lambda subject, data, _: store(subject, data, "forgotten")
        )
        cl.run(pushed.push_reply(cl, cl.get_user_id(), ticket, package({}, reply_to=first)))
    replies = flow.run({})["replies"]
    assert [each["reply_to"] for each in replies] == [first, *others]


def test_a_reply_that_was_not_asked_for_does_not_run_an_instance(new_user: MakeUser) -> None:
    owner, stranger = new_user(), new_user(works=False)
    serve_flow(owner, "served_classes.Later", "later")
    serve_flow(owner, "served_classes.Count", "count")
    flow = get_flow_instance(owner, "later")
    reply = package({"number": 1}, reply_to=flow.package_input_message({}).message_id)
    forged = pushed.make_ticket(stranger, flow.flow_id, stranger.get_user_id(), str(reply.reply_to))
    stranger.run(pushed.push_reply(stranger, owner.get_user_id(), forged, reply))
    assert flow.run({})["replies"] == []
    with pytest.raises(NotAuthorised):
        pushed.check_ticket(
            owner.get_user_id(), flow.flow_id, stranger.get_user_id(), str(reply.reply_to), forged
        )


def test_asking_a_subflow_that_is_gone_is_an_error_with_its_path(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    serve_flow(cl, "served_classes.Later", "later")
    flow = get_flow_instance(cl, "later")
    instance = cl.run(read_instance(cl.link, flow.flow_id))
    assert instance is not None
    delete_flow_instance(cl, instance.subflows["count"]["flow_id"])
    with pytest.raises(FlowError, match="Later: count: there is no instance"):
        ask(flow, number=1)


def test_asking_for_one_outside_of_a_composite_is_an_error(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    flow = get_flow_instance(cl, "count")
    with pytest.raises(FlowError, match="no composite"):
        flow.get_reply(flow.package_input_message({}))
