"""How far a call is, and that who made a description or a message."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from hugflow.errors import FlowError, NotAuthorised
from hugflow.serving import get_flow_instance, run_dispatch_worker_thread, serve_flow
from hugflow.serving.colink import CoLink
from hugflow.serving.descriptions import check_description, show_description, sign_description
from hugflow.serving.keys import new_seed, shared_key_of, user_id_of
from hugflow.serving.replies import call_state
from hugflow.serving.seals import SHORT_BYTES, seal, unseal
from tests.serving.conftest import MakeUser
from tests.waiting import wait_until

DESCRIPTION = {"name": "asr", "version": "1", "input": {"audio": "bytes"}}


def test_a_call_is_queued_then_running_then_done_and_says_so_after_a_disconnect(
    new_user: MakeUser,
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count", dispatch_point="gpu")
    flow = get_flow_instance(cl, "count")
    sent = flow.get_reply_future(flow.package_input_message({"seconds": 1}))
    with CoLink(cl.url, cl._seed) as other:
        wait_until(lambda: call_state(other, sent.message_id) == "queued")
        run_dispatch_worker_thread(cl, "gpu")
        wait_until(lambda: call_state(other, sent.message_id) == "running")
        sent.get_data(timeout=10)
        assert call_state(other, sent.message_id) == "done"


def test_a_call_that_raised_is_failed_and_one_that_nobody_sent_is_unknown(
    new_user: MakeUser,
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    flow = get_flow_instance(cl, "count")
    message = flow.package_input_message({"fails": True})
    assert call_state(cl, message.message_id) == "unknown"
    with pytest.raises(FlowError):
        flow.get_reply_future(message).get_data(timeout=5)
    assert call_state(cl, message.message_id) == "failed"


@pytest.mark.parametrize(
    "change",
    [
        lambda described, signature: ({**described, "version": "2"}, signature),
        lambda described, signature: (described, "no base64"),
        lambda described, signature: (described, ""),
        lambda described, signature: ({**described, "name": "other"}, signature),
    ],
    ids=["changed", "nonsense", "none", "of another endpoint"],
)
def test_a_description_that_its_owner_did_not_sign_is_refused(
    new_user: MakeUser, change: Callable[[dict[str, Any], str], tuple[dict[str, Any], str]]
) -> None:
    cl = new_user(works=False)
    owner = cl.get_user_id()
    described = {**DESCRIPTION, "owner": owner}
    signature = sign_description(cl, described)
    assert check_description(owner, "asr", described, signature) == described
    with pytest.raises(FlowError, match="not signed by user"):
        check_description(owner, "asr", *change(described, signature))


def test_a_description_is_shown_in_a_line() -> None:
    whole = {"input": {"n": "int", "m": "str"}, "output": {"o": "int"}, "module": "a/B"}
    assert (
        show_description({**whole, "commit": "5f0c1d2e"})
        == "n: int, m: str -> o: int, a/B at 5f0c1d2"
    )
    assert show_description({"input": {}, "output": {}, "module": None}) == ""


def test_a_description_that_somebody_else_signed_is_refused(new_user: MakeUser) -> None:
    owner, other = new_user(works=False), new_user(works=False)
    described = {**DESCRIPTION, "owner": owner.get_user_id()}
    with pytest.raises(FlowError, match="not signed by user"):
        check_description(owner.get_user_id(), "asr", described, sign_description(other, described))


@pytest.mark.parametrize("length", [0, 4, SHORT_BYTES, SHORT_BYTES + 1, SHORT_BYTES + 33, 1 << 20])
def test_a_message_counts_only_with_its_senders_seal_and_at_its_own_subject(
    length: int,
) -> None:
    owner, user, thief = (keyed_user() for _ in range(3))
    body = bytes(length)
    sealed = seal(user, owner.get_user_id(), "flow.a", body)
    assert unseal(owner, user.get_user_id(), "flow.a", sealed) == body
    first = bytes([sealed[0] ^ 1])
    for subject, data in [
        ("flow.b", sealed),
        ("flow.a", sealed + b"z"),
        ("flow.a", sealed[:-1] + b"z"),
        ("flow.a", first + sealed[1:]),
        ("flow.a", sealed[:-1]),
        ("flow.a", sealed[:31]),
        ("flow.a", b""),
        ("flow.a", seal(thief, owner.get_user_id(), "flow.a", body)),
        ("flow.a", seal(user, thief.get_user_id(), "flow.a", body)),
        ("flow.a", seal(thief, user.get_user_id(), "flow.a", body)),
    ]:
        with pytest.raises(NotAuthorised, match="is not sealed by user"):
            unseal(owner, user.get_user_id(), subject, data)


def keyed_user() -> Any:
    """A user of no server."""
    seed = new_seed()
    user_id = user_id_of(seed)
    return SimpleNamespace(
        get_user_id=lambda: user_id, shared_key=lambda other: shared_key_of(seed, other)
    )


@pytest.mark.parametrize("user_id", ["U" + "A" * 55, "UABC", "no key", ""])
def test_nothing_is_sealed_for_an_id_that_is_no_key(user_id: str) -> None:
    with pytest.raises(NotAuthorised, match="is not there"):
        shared_key_of(new_seed(), user_id)
