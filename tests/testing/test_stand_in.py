"""What every stand-in can: outages, faults with and without effect, a log without secrets."""

import http.client
import socket
import time
from urllib.parse import urlsplit

import httpx2
import pytest
from huggingface_hub import HfApi

from hugflow.testing.exchange import Ask, Response, answer_json
from hugflow.testing.faults import Fault, Flip, Gzip, Page, Reset, Stall, Status, Truncate
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.injections import compose_injection, strike_all
from hugflow.testing.limits import PrimaryLimit, SecondaryLimit
from hugflow.testing.request_log import hide, log_request

WHO = "/api/whoami-v2"


def test_during_an_outage_connections_are_refused_and_then_the_same_address_answers(
    hub: LoopbackHub,
):
    hub.add_token("hf_made_up", "ana")
    api = HfApi(endpoint=hub.endpoint, token="hf_made_up")
    address = urlsplit(hub.endpoint)
    for _ in range(2):
        assert api.whoami()["name"] == "ana"
        with hub.outage():
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address.hostname, address.port))
            with pytest.raises(httpx2.ConnectError):
                api.whoami()
    assert api.whoami()["name"] == "ana"


def test_an_outage_breaks_the_connections_that_stand(hub: LoopbackHub):
    address = urlsplit(hub.endpoint)
    line = http.client.HTTPConnection(str(address.hostname), address.port, timeout=5)
    line.request("GET", WHO)
    line.getresponse().read()
    assert line.sock is not None, "it would be kept"
    hub.refuse()
    assert line.sock.recv(1) == b""
    line.close()


def test_an_outage_is_begun_and_ended_twice_as_once(hub: LoopbackHub):
    hub.accept()
    hub.refuse()
    hub.refuse()
    hub.accept()
    hub.accept()
    assert httpx2.get(hub.endpoint + WHO).status_code == 401


def test_a_stand_in_that_is_closed_during_an_outage_gives_its_ports_back():
    with LoopbackHub() as hub:
        hub.refuse()
        port = urlsplit(hub.endpoint).port
    assert port is not None
    socket.create_server(("127.0.0.1", port)).close()


def test_an_outage_is_begun_and_ended_from_another_process(hub: LoopbackHub):
    outage = f"{hub.control_url}/_hugflow/outage"
    assert httpx2.post(outage).json() == {"outage": True}
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(hub.endpoint + WHO)
    assert httpx2.get(f"{hub.control_url}/_hugflow/requests").json() == []
    assert httpx2.delete(outage).json() == {"outage": False}
    assert httpx2.get(hub.endpoint + WHO).status_code == 401


def test_the_control_address_answers_nothing_else(hub: LoopbackHub):
    assert httpx2.get(hub.control_url + WHO).status_code == 404
    assert hub.requests == ()


def test_clearing_ends_an_outage(hub: LoopbackHub):
    hub.refuse()
    hub.clear()
    assert httpx2.get(hub.endpoint + WHO).status_code == 401


def is_done(*faults: Fault, with_effect: bool = False) -> bool:
    """Whether what a POST asks GitHub for happens when these meet on its answer."""
    ask = Ask("github", "POST", "/repos/acme/x/issues/1/comments")
    injections = [
        compose_injection([fault], when=lambda ask: True, times=1, after=0, with_effect=with_effect)
        for fault in faults
    ]
    answer, struck = strike_all(injections, ask, answer_json({"id": 1}))
    assert struck == list(faults)
    return answer.is_done


@pytest.mark.parametrize(
    "fault", [Status(503), Status(200), Reset(), Page(), SecondaryLimit(), PrimaryLimit()]
)
def test_what_is_refused_or_never_answered_does_not_happen_unless_told_so(fault: Fault):
    assert not is_done(fault)
    assert is_done(fault, with_effect=True)


@pytest.mark.parametrize("fault", [Stall(1), Reset(after_bytes=3), Truncate(3), Flip(), Gzip()])
def test_what_is_answered_late_or_badly_has_happened(fault: Fault):
    assert is_done(fault)


def test_what_one_of_several_faults_prevents_does_not_happen():
    assert not is_done(Stall(1), Reset())
    assert not is_done(Status(503), Stall(1))
    assert not is_done(Reset(), Gzip())


def test_the_log_knows_who_asked_when_and_with_what(hub: LoopbackHub):
    hub.add_token("hf_made_up", "ana")
    before = time.time()
    paths = {"paths": ["a"]}
    for token in ("hf_made_up", "hf_unknown"):
        head = {"Authorization": f"Bearer {token}"}
        httpx2.post(f"{hub.endpoint}/api/datasets/a/b/paths-info/main", data=paths, headers=head)
    httpx2.get(hub.endpoint + WHO)
    one, other, none = hub.requests
    assert before <= one.received_at <= time.time()
    assert (one.user, one.sent, one.has_authorization) == ("ana", {"paths": "a"}, True)
    assert (other.user, other.has_authorization) == (None, True)
    assert (none.user, none.sent, none.has_authorization) == (None, None, False)


@pytest.mark.parametrize(
    ("body", "kind", "sent"),
    [
        (b"", "", None),
        (b'{"text": "hf_made_up"}', "application/json", {"text": "<token of ana>"}),
        (
            b"a=1&b=hf_made_up",
            "application/x-www-form-urlencoded",
            {"a": "1", "b": "<token of ana>"},
        ),
        (b"hf_made_up \xff", "text/plain", "<token of ana> \ufffd"),
        (b"[1, 2]", "", [1, 2]),
    ],
)
def test_a_token_that_stands_in_a_body_is_shown_by_whose_it_is(
    body: bytes, kind: str, sent: object
):
    ask = Ask("github", "POST", "/x", headers={"content-type": kind}, body=body)
    line = log_request(ask, Response(200), secrets={"hf_made_up": "ana"})
    assert line.sent == sent


def test_a_token_that_stands_in_an_address_is_shown_by_whose_it_is():
    ask = Ask(
        "slack", "POST", "/services/T1/B1/xyz", query="token=hf_1", headers={"user-agent": "xyz"}
    )
    line = log_request(ask, Response(200), secrets={"xyz": "webhook", "hf_1": "ana"})
    assert line.path == "/services/T1/B1/<token of webhook>"
    assert line.query == "token=<token of ana>"
    assert line.user_agent == "<token of webhook>"


def test_a_secret_that_is_part_of_another_does_not_uncover_it():
    assert hide("abcd ab", {"ab": "x", "abcd": "y", "": "z"}) == "<token of y> <token of x>"
