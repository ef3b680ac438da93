"""Endpoints and instances: who gets which, with which configuration, and what is deleted."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hugflow.errors import FlowConfigInvalid, HugflowError
from hugflow.serving import (
    FlowInstanceError,
    delete_flow_endpoint,
    delete_flow_instance,
    get_flow_instance,
    print_flow_instances,
    print_served_flows,
    recursive_serve_flow,
    serve_flow,
    unserve_flow,
)
from tests.serving.conftest import MakeUser


def test_what_is_served_already_is_not_served_again(new_user: MakeUser) -> None:
    cl = new_user()
    assert serve_flow(cl, "served_classes.Count", "count")
    assert not serve_flow(cl, "served_classes.Upper", "count")
    assert "count" in get_flow_instance(cl, "count").run({})


@pytest.mark.parametrize("name", ["", "a.b", "a b", "ä", "x" * 65, "a*", "a>"])
def test_a_name_that_can_be_no_endpoint_is_a_value_error(new_user: MakeUser, name: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        serve_flow(new_user(works=False), "served_classes.Count", name)


def test_a_class_that_cannot_be_loaded_is_not_served(new_user: MakeUser) -> None:
    cl = new_user()
    with pytest.raises(FlowConfigInvalid, match=r"served_classes\.Missing"):
        serve_flow(cl, "served_classes.Missing", "missing")
    with pytest.raises(HugflowError):
        serve_flow(cl, "flow_modules.stranger.Module.Flow", "missing")
    with pytest.raises(FlowInstanceError):
        get_flow_instance(cl, "missing")


def test_what_is_unserved_gives_no_new_instances_and_the_old_ones_answer(
    new_user: MakeUser,
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    flow = get_flow_instance(cl, "count")
    unserve_flow(cl, "count")
    with pytest.raises(FlowInstanceError, match="does not serve flows:count"):
        get_flow_instance(cl, "count")
    assert flow.run({})["count"] == 1
    assert not serve_flow(cl, "served_classes.Upper", "count")
    assert serve_flow(cl, "served_classes.Count", "count")
    assert get_flow_instance(cl, "count").run({})["count"] == 1


def test_each_instance_has_its_own_configuration_and_state(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    overrides = {"greeting": "good day", "nested": {"a": 5}}
    one = get_flow_instance(cl, "count", config_overrides=overrides)
    other = get_flow_instance(cl, "count", cl.get_user_id())
    assert overrides == {"greeting": "good day", "nested": {"a": 5}}
    assert [one.run({})["count"] for _ in range(2)] == [1, 2]
    assert one.run({})["greeting"] == "good day"
    assert other.run({}) == {"count": 1, "greeting": "hello", "seen": [None]}


def test_a_singleton_is_one_for_all_callers_of_a_race(new_user: MakeUser) -> None:
    owner, others = new_user(), [new_user(works=False) for _ in range(4)]
    serve_flow(owner, "served_classes.Count", "count", singleton=True)
    start = threading.Barrier(16)

    def get(number: int) -> str:
        start.wait()
        return get_flow_instance(others[number % 4], "count", owner.get_user_id()).flow_id

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(get, range(16)))) == 1


def test_a_singleton_keeps_the_configuration_of_its_first_caller(
    new_user: MakeUser, caplog: pytest.LogCaptureFixture
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count", singleton=True)
    get_flow_instance(cl, "count", config_overrides={"greeting": "first"})
    later = get_flow_instance(cl, "count", config_overrides={"greeting": "later"})
    assert later.run({})["greeting"] == "first"
    assert "the configuration of its first caller stays" in caplog.text


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"_target_": "os.system"}, "_target_ cannot be set"),
        ({"any": {"_target_": "os.system"}}, "any._target_ cannot be set"),
        ({"flow_class_name": "os.path"}, "flow_class_name cannot be set"),
        ({"any": [{"flow_class_name": "os.path"}]}, "any.0.flow_class_name cannot be set"),
        ({"greting": "x"}, "nothing called 'greting' to set"),
    ],
)
def test_an_override_that_names_a_class_or_nothing_is_refused(
    new_user: MakeUser, overrides: dict[str, object], said: str
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    with pytest.raises(FlowInstanceError) as caught:
        get_flow_instance(cl, "count", config_overrides=overrides)
    assert said in caught.value.what


def test_another_user_moves_no_subflow_unless_the_endpoint_allows_it(new_user: MakeUser) -> None:
    owner, thief = new_user(), new_user()
    for endpoint, is_allowed in (("twice", False), ("free", True)):
        serve_flow(owner, "served_classes.Twice", endpoint, allow_subflow_overrides=is_allowed)
    serve_flow(owner, "served_classes.Count", "count")
    serve_flow(thief, "served_classes.Count", "count")
    overrides = {"subflows_config": {"first": {"user_id": thief.get_user_id()}}}
    with pytest.raises(FlowInstanceError, match=r"first\.user_id cannot be set by another user"):
        get_flow_instance(thief, "twice", owner.get_user_id(), overrides)
    flow = get_flow_instance(thief, "free", owner.get_user_id(), overrides)
    assert flow.run({}) == {"first": 1, "second": 1}


def test_only_users_on_the_allow_list_get_an_instance(new_user: MakeUser) -> None:
    owner, friend, stranger = new_user(), new_user(works=False), new_user(works=False)
    serve_flow(owner, "served_classes.Count", "count", allow=[friend.get_user_id()])
    get_flow_instance(owner, "count")
    get_flow_instance(friend, "count", owner.get_user_id())
    with pytest.raises(FlowInstanceError, match="not on the allow list"):
        get_flow_instance(stranger, "count", owner.get_user_id())


def test_what_is_unreachable_is_named_with_its_path_at_once(new_user: MakeUser) -> None:
    owner, user = new_user(), new_user()
    nobody = new_user(works=False).get_user_id()
    serve_flow(owner, "served_classes.Twice", "twice")
    serve_flow(user, "served_classes.Twice", "outer")
    serve_flow(user, "served_classes.Circle", "circle")
    placed = {"user_id": owner.get_user_id(), "flow_endpoint": "twice"}
    deep = {"subflows_config": {"first": placed, "second": placed}}
    began = time.monotonic()
    with pytest.raises(FlowInstanceError, match=f"user {nobody} is not there") as caught:
        get_flow_instance(user, "count", nobody)
    assert "flows:count" in caught.value.what
    with pytest.raises(FlowInstanceError, match=f"user {'U' * 56} is not there"):
        get_flow_instance(user, "count", "U" * 56)
    with pytest.raises(FlowInstanceError, match="does not serve flows:cuont"):
        get_flow_instance(user, "cuont", owner.get_user_id())
    with pytest.raises(
        FlowInstanceError, match=r"first: first: user U\w+ does not serve flows:count"
    ):
        get_flow_instance(user, "outer", "local", deep)
    with pytest.raises(FlowInstanceError) as caught:
        get_flow_instance(user, "circle")
    me = user.get_user_id()
    assert f"circle@{me} -> circle@{me}" in caught.value.what
    assert time.monotonic() - began < 5


def test_a_failure_releases_what_was_made_for_the_call(
    new_user: MakeUser, capsys: pytest.CaptureFixture[str]
) -> None:
    owner, user = new_user(), new_user()
    serve_flow(owner, "served_classes.Count", "count")
    serve_flow(user, "served_classes.Twice", "twice")
    overrides = {
        "subflows_config": {
            "first": {"user_id": owner.get_user_id()},
            "second": {"user_id": owner.get_user_id(), "flow_endpoint": "missing"},
        }
    }
    with pytest.raises(FlowInstanceError, match=r"second: .*flows:missing"):
        get_flow_instance(user, "twice", "local", overrides)
    ends_at = time.monotonic() + 5
    while True:
        print_flow_instances(owner)
        if not capsys.readouterr().out or time.monotonic() > ends_at:
            break
    print_flow_instances(owner)
    print_flow_instances(user)
    assert capsys.readouterr().out == ""


def test_what_is_deleted_leaves_no_ghosts(
    new_user: MakeUser, capsys: pytest.CaptureFixture[str]
) -> None:
    cl = new_user()
    assert recursive_serve_flow(cl, "served_classes.Twice", "twice")
    assert recursive_serve_flow(cl, "served_classes.Twice", "twice")
    flow = get_flow_instance(cl, "twice")
    assert flow.run({}) == {"first": 1, "second": 1}
    delete_flow_instance(cl, flow.flow_id)
    delete_flow_instance(cl, flow.flow_id)
    print_flow_instances(cl)
    assert capsys.readouterr().out == ""
    began = time.monotonic()
    with pytest.raises(FlowInstanceError, match="there is no instance"):
        flow.run({})
    assert time.monotonic() - began < 2
    for endpoint in ("twice", "count"):
        delete_flow_endpoint(cl, endpoint)
        delete_flow_endpoint(cl, endpoint)
    print_served_flows(cl)
    assert capsys.readouterr().out == ""
    assert serve_flow(cl, "served_classes.Upper", "count", singleton=True)


def test_an_endpoint_with_another_class_is_not_taken_for_a_subflow(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Upper", "count")
    with pytest.raises(FlowInstanceError) as caught:
        recursive_serve_flow(cl, "served_classes.Twice", "twice")
    assert caught.value.what == (
        "twice -> count: flows:count is served_classes.Upper, not served_classes.Count"
    )
    assert "unserve count --delete" in caught.value.mend
    delete_flow_endpoint(cl, "count")
    assert recursive_serve_flow(cl, "served_classes.Twice", "twice")


def test_a_subflow_without_an_endpoint_is_not_served_recursively(
    new_user: MakeUser, caplog: pytest.LogCaptureFixture
) -> None:
    assert not recursive_serve_flow(new_user(), "served_classes.Unplaced", "unplaced")
    assert "the subflow nowhere of served_classes.Unplaced has no flow_endpoint" in caplog.text


def test_a_flow_that_is_its_own_subflow_is_not_served_recursively(
    new_user: MakeUser, caplog: pytest.LogCaptureFixture
) -> None:
    assert not recursive_serve_flow(new_user(works=False), "served_classes.Circle", "circle")
    assert "flows:circle is a subflow of itself: circle -> circle" in caplog.text
