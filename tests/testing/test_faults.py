"""Every fault is, on the wire, what it says it is; and it strikes as often as it was told to."""

import gzip
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2
import pytest
from huggingface_hub.utils import parse_ratelimit_headers

from hugflow.errors import UsageWrong
from hugflow.testing.faults import (
    BranchMoves,
    Fault,
    Flip,
    Gzip,
    IgnoreRange,
    LinkExpires,
    Match,
    Page,
    Reset,
    Shorten,
    Stall,
    Status,
    Truncate,
    WrongRange,
)
from hugflow.testing.hub import LoopbackHub

LARGE = bytes(range(256)) * 4_000
SMALL = b"# hello\n"
PATH = "/datasets/acme/x/resolve/main/data/a.parquet"
STORAGE = Match(port="storage")


@pytest.fixture(scope="module")
def one_hub() -> Iterator[LoopbackHub]:
    """A Hub for all the tests of this module."""
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def hub(one_hub: LoopbackHub) -> LoopbackHub:
    """The Hub, emptied: opening and closing it takes longer than most of these tests."""
    one_hub.clear()
    return one_hub


@pytest.fixture
def client(hub: LoopbackHub) -> Iterator[httpx2.Client]:
    """A plain client of a Hub that holds one large and one small file."""
    hub.publish("acme/x", {"data/a.parquet": LARGE, "README.md": SMALL})
    with httpx2.Client(base_url=hub.endpoint, follow_redirects=True, timeout=10) as client:
        yield client


def receive(client: httpx2.Client, path: str = PATH, **headers: str) -> tuple[bytes, str | None]:
    """What arrives of a body, and what broke it off."""
    body = b""
    try:
        with client.stream("GET", path, headers=headers) as response:
            for piece in response.iter_raw():
                body += piece
    except httpx2.TransportError as error:
        return body, type(error).__name__
    return body, None


def test_errors_come_one_after_the_other_and_then_it_is_well(
    hub: LoopbackHub, client: httpx2.Client
):
    faults = hub.inject(Status(503), Status(500), Status(429), when=Match(port="api"))
    codes = [client.get("/api/datasets/acme/x").status_code for _ in range(5)]
    assert codes == [503, 500, 429, 200, 200]
    assert (faults.seen, faults.struck, faults.is_over) == (3, 3, True)


@pytest.mark.parametrize("code", [401, 403, 404, 408, 416, 418, 429, 500, 502, 503, 504, 599])
def test_any_status_can_be_had(hub: LoopbackHub, client: httpx2.Client, code: int):
    hub.inject(Status(code))
    assert client.get("/api/datasets/acme/x").status_code == code
    assert client.get("/api/datasets/acme/x").status_code == 200


@pytest.mark.parametrize("code", [204, 304])
def test_a_status_without_a_body_has_none(hub: LoopbackHub, client: httpx2.Client, code: int):
    hub.inject(Status(code))
    answer = client.get("/api/datasets/acme/x")
    assert (answer.status_code, answer.content) == (code, b"")


def test_a_wait_is_told_in_seconds_as_a_date_and_as_the_hub_tells_it(
    hub: LoopbackHub, client: httpx2.Client
):
    hub.inject(
        Status(503, retry_after_s=7),
        Status(503, retry_after_s=7, as_date=True),
        Status(429, rate_limit_s=33),
        Status(429, headers={"Retry-After": "soon"}),
    )
    seconds, date, limit, odd = (client.get("/api/datasets/acme/x").headers for _ in range(4))
    assert seconds["Retry-After"] == "7"
    assert date["Retry-After"].endswith(" GMT")
    wait_s = (parsedate_to_datetime(date["Retry-After"]) - datetime.now(UTC)).total_seconds()
    assert 4 < wait_s <= 7
    told = parse_ratelimit_headers(limit)
    assert told is not None
    assert (told.resource_type, told.remaining, told.reset_in_seconds) == ("api", 0, 33)
    assert odd["Retry-After"] == "soon"


def test_an_error_may_carry_the_hubs_own_word_for_it(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Status(404, error_code="EntryNotFound"))
    assert client.get(PATH).headers["X-Error-Code"] == "EntryNotFound"


def test_a_connection_breaks_before_the_answer(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Reset(), when=STORAGE)
    assert receive(client) == (b"", "ReadError")
    assert receive(client) == (LARGE, None)


@pytest.mark.parametrize("after_bytes", [0, 1, 1_000, len(LARGE) - 1])
def test_a_connection_breaks_after_just_so_many_bytes(
    hub: LoopbackHub, client: httpx2.Client, after_bytes: int
):
    hub.inject(Reset(after_bytes), when=STORAGE)
    assert receive(client) == (LARGE[:after_bytes], "ReadError")


def test_a_reset_is_one_and_no_proper_end(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Reset(after_bytes=100), Truncate(after_bytes=100), when=Match(path="*/README.md"))
    hub.publish("acme/x", {"README.md": b"x" * 1_000})
    address = urlsplit(hub.endpoint)
    ends = []
    for _ in range(2):
        with socket.create_connection((address.hostname, address.port), timeout=5) as line:
            line.sendall(b"GET /datasets/acme/x/resolve/main/README.md HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                while line.recv(4096):
                    pass
                ends.append("closed")
            except ConnectionResetError:
                ends.append("reset")
    assert ends == ["reset", "closed"]


@pytest.mark.parametrize("after_bytes", [0, 1_000])
def test_a_body_ends_before_its_promised_length(
    hub: LoopbackHub, client: httpx2.Client, after_bytes: int
):
    hub.inject(Truncate(after_bytes), when=STORAGE)
    assert receive(client) == (LARGE[:after_bytes], "RemoteProtocolError")


def test_a_body_is_short_and_its_length_agrees(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Shorten(1_000), when=STORAGE)
    answer = client.get(PATH)
    assert answer.content == LARGE[:1_000]
    assert answer.headers["Content-Length"] == "1000"


@pytest.mark.parametrize("at", [0, 5, -1])
def test_one_bit_is_another(hub: LoopbackHub, client: httpx2.Client, at: int):
    hub.inject(Flip(at), when=STORAGE)
    body = client.get(PATH).content
    assert len(body) == len(LARGE)
    assert [i for i in range(len(body)) if body[i] != LARGE[i]] == [at % len(LARGE)]


@pytest.mark.parametrize("after_bytes", [None, 0, 1_000])
def test_a_stall_comes_before_the_answer_or_within_it(
    hub: LoopbackHub, client: httpx2.Client, after_bytes: int | None
):
    hub.inject(Stall(0.3, after_bytes), when=STORAGE)
    started = time.monotonic()
    with client.stream("GET", PATH) as response:
        waited_for_head_s = time.monotonic() - started
        body = b"".join(response.iter_raw())
    assert body == LARGE
    assert time.monotonic() - started >= 0.3
    assert (waited_for_head_s >= 0.3) is (after_bytes is None)


def test_a_client_that_gives_up_on_a_stall_goes_on_with_the_next_request(
    hub: LoopbackHub, client: httpx2.Client
):
    hub.inject(Stall(3600), when=STORAGE)
    with pytest.raises(httpx2.ReadTimeout):
        client.get(PATH, timeout=0.2)
    assert client.get(PATH).content == LARGE


def test_a_stall_does_not_keep_others_waiting_nor_the_hub_open():
    before = set(threading.enumerate())
    with LoopbackHub() as hub:
        hub.publish("acme/x", {"README.md": SMALL})
        hub.inject(Stall(3600), when=Match(path="*/README.md"))
        address = urlsplit(hub.endpoint)
        stalled = socket.create_connection((address.hostname, address.port))
        stalled.sendall(b"GET /datasets/acme/x/resolve/main/README.md HTTP/1.1\r\nHost: x\r\n\r\n")
        while not hub.requests:
            time.sleep(0.01)
        other = http.client.HTTPConnection(str(address.hostname), address.port, timeout=5)
        other.request("GET", "/api/datasets/acme/x")
        assert other.getresponse().status == 200
        other.close()
        leaving = time.monotonic()
    stalled.close()
    assert time.monotonic() - leaving < 5
    assert set(threading.enumerate()) <= before


def test_a_link_can_be_refused_at_once(hub: LoopbackHub, client: httpx2.Client):
    expired = hub.inject(LinkExpires())
    answers = [client.get(PATH) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [403, 200]
    assert "X-Error-Code" not in answers[0].headers
    assert b"expired" in answers[0].content
    assert expired.struck == 1


def test_a_link_can_be_used_up(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(LinkExpires(after_uses=2), times=None)
    for _ in range(2):
        link = client.get(PATH, follow_redirects=False).headers["Location"]
        assert [client.get(link).status_code for _ in range(4)] == [200, 200, 403, 403]


def test_a_link_can_be_too_old(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(LinkExpires(after_s=0.4), times=None)
    link = client.get(PATH, follow_redirects=False).headers["Location"]
    assert client.get(link).status_code == 200
    time.sleep(0.5)
    assert client.get(link).status_code == 403
    assert client.get(PATH).status_code == 200, "a new link is young"


def test_a_range_is_ignored(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(IgnoreRange(), when=STORAGE)
    answer = client.get(PATH, headers={"Range": "bytes=100-199"})
    assert (answer.status_code, answer.content) == (200, LARGE)
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize("shift", [7, -7, 10_000_000])
def test_another_range_comes_than_was_asked_for(
    hub: LoopbackHub, client: httpx2.Client, shift: int
):
    hub.inject(WrongRange(shift), when=STORAGE)
    answer = client.get(PATH, headers={"Range": "bytes=100-199"})
    start = min(100 + shift, len(LARGE) - 1)
    expected = LARGE[start : start + 100]
    assert (answer.status_code, answer.content) == (206, expected)
    last = start + len(expected) - 1
    assert answer.headers["Content-Range"] == f"bytes {start}-{last}/{len(LARGE)}"


@pytest.mark.parametrize("code", [200, 502])
def test_a_page_comes_where_json_was_meant(hub: LoopbackHub, client: httpx2.Client, code: int):
    hub.inject(Page(code))
    answer = client.get("/api/datasets/acme/x")
    assert answer.status_code == code
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "<html" in answer.text


def test_a_body_comes_compressed(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Gzip(), when=STORAGE, times=2)
    raw, _ = receive(client, **{"Accept-Encoding": "identity"})
    assert gzip.decompress(raw) == LARGE
    assert client.get(PATH).content == LARGE


def test_a_branch_moves_between_two_calls(hub: LoopbackHub, client: httpx2.Client):
    old = client.get("/api/datasets/acme/x").json()["sha"]
    new = hub.publish("acme/x", {"README.md": b"new"}, branch="next")
    hub.inject(BranchMoves("acme/x", "next"), when=Match(path="/api/datasets/*"))
    assert client.get("/api/datasets/acme/x").json()["sha"] == old
    assert client.get("/api/datasets/acme/x").json()["sha"] == new


@pytest.mark.parametrize("revision", ["nowhere", "f" * 40])
def test_a_branch_cannot_move_to_what_is_not_there(
    hub: LoopbackHub, client: httpx2.Client, revision: str
):
    with pytest.raises(KeyError, match=revision):
        hub.inject(BranchMoves("acme/x", revision))
    assert hub.injections == ()


@pytest.mark.parametrize(
    ("fault", "headers"),
    [
        (Reset(after_bytes=len(LARGE)), {}),
        (Truncate(len(LARGE)), {}),
        (Shorten(len(LARGE)), {}),
        (Flip(len(LARGE)), {}),
        (Flip(-len(LARGE) - 1), {}),
        (IgnoreRange(), {}),
        (WrongRange(), {}),
        (WrongRange(-5), {"Range": "bytes=0-9"}),
        (Reset(after_bytes=10), {"Range": "bytes=0-9"}),
    ],
    ids=repr,
)
def test_a_fault_that_finds_nothing_to_strike_lets_the_answer_pass_and_waits(
    hub: LoopbackHub, client: httpx2.Client, fault: Fault, headers: dict[str, str]
):
    injection = hub.inject(fault, when=STORAGE)
    expected = LARGE[:10] if headers else LARGE
    assert client.get(PATH, headers=headers).content == expected
    assert (injection.seen, injection.struck) == (0, 0)


def test_a_body_is_not_struck_where_none_is_sent(hub: LoopbackHub, client: httpx2.Client):
    injection = hub.inject(Reset(after_bytes=0), when=STORAGE)
    assert client.head(PATH).status_code == 200
    assert injection.struck == 0


def test_some_answers_pass_first(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Status(503), when=Match(port="api"), after=2, times=2)
    codes = [client.get("/api/datasets/acme/x").status_code for _ in range(5)]
    assert codes == [200, 200, 503, 503, 200]


def test_a_row_of_faults_comes_round_again(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Status(500), Status(503), when=Match(port="api"), times=None)
    codes = [client.get("/api/datasets/acme/x").status_code for _ in range(5)]
    assert codes == [500, 503, 500, 503, 500]


def test_faults_meet_on_one_answer(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(IgnoreRange(), when=STORAGE)
    hub.inject(Stall(0.2), when=STORAGE)
    hub.inject(Truncate(50), when=STORAGE)
    started = time.monotonic()
    assert receive(client, Range="bytes=100-199") == (LARGE[:50], "RemoteProtocolError")
    assert time.monotonic() - started >= 0.2
    assert hub.requests[-1].faults == ("IgnoreRange", "Stall", "Truncate")


def test_a_slow_error_is_a_stall_before_it(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Stall(0.2))
    hub.inject(Status(503))
    started = time.monotonic()
    assert client.get("/api/datasets/acme/x").status_code == 503
    assert time.monotonic() - started >= 0.2


def test_the_log_says_what_was_struck(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Status(503), when=Match(port="api"))
    hub.clear_requests()
    for _ in range(2):
        client.get("/api/datasets/acme/x")
    assert [(r.status, r.faults) for r in hub.requests] == [(503, ("Status",)), (200, ())]


@pytest.mark.parametrize(
    ("when", "struck"),
    [
        (Match(), ["head", "get", "storage", "info"]),
        (Match(port="api"), ["head", "get", "info"]),
        (Match(port="storage"), ["storage"]),
        (Match(method="GET"), ["get", "storage", "info"]),
        (Match(path="*.parquet"), ["head", "get", "storage"]),
        (Match(path="data/a.parquet"), ["head", "get", "storage"]),
        (Match(path="a.parquet", method="GET"), ["get", "storage"]),
        (Match(path="parquet"), []),
        (Match(path="/api/*"), ["info"]),
        (Match(has_range=True), ["storage"]),
        (Match(has_range=False, path="/datasets/*"), ["head", "get"]),
    ],
    ids=repr,
)
def test_questions_are_chosen_by_port_method_path_and_range(
    hub: LoopbackHub, client: httpx2.Client, when: Match, struck: list[str]
):
    link = client.get(PATH, follow_redirects=False).headers["Location"]
    hub.inject(Status(418), when=when, times=None)
    statuses = {
        "head": client.head(PATH, follow_redirects=False),
        "get": client.get(PATH, follow_redirects=False),
        "storage": client.get(link, headers={"Range": "bytes=0-9"}),
        "info": client.get("/api/datasets/acme/x"),
    }
    assert [name for name, answer in statuses.items() if answer.status_code == 418] == struck


def test_questions_are_chosen_by_a_function_of_your_own(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Status(418), when=lambda ask: "blobs" in ask.query)
    assert client.get("/api/datasets/acme/x").status_code == 200
    assert client.get("/api/datasets/acme/x?blobs=true").status_code == 418


def test_faults_end_with_their_block_and_leave_others_alone(
    hub: LoopbackHub, client: httpx2.Client
):
    lasting = hub.inject(Status(500), when=STORAGE, times=None)
    with hub.faults(Status(503), when=Match(port="api"), times=None) as passing:
        assert client.get("/api/datasets/acme/x").status_code == 503
    assert client.get("/api/datasets/acme/x").status_code == 200
    assert client.get(PATH).status_code == 500
    assert (passing.struck, lasting.struck) == (1, 1)
    hub.clear_faults()
    assert client.get(PATH).status_code == 200


def test_a_hub_can_be_emptied(hub: LoopbackHub, client: httpx2.Client):
    hub.add_token("hf_test_reader", "ana")
    hub.inject(Status(500), times=None)
    hub.clear()
    assert hub.requests == hub.injections == ()
    assert client.get("/api/datasets/acme/x").headers["X-Error-Code"] == "RepoNotFound"
    headers = {"Authorization": "Bearer hf_test_reader"}
    assert client.get("/api/whoami-v2", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("faults", "times", "after"), [((), 1, 0), ((Reset(),), 0, 0), ((Reset(),), 1, -1)]
)
def test_faults_that_could_never_strike_are_refused(
    hub: LoopbackHub, faults: tuple[Fault, ...], times: int, after: int
):
    with pytest.raises(UsageWrong, match="never strike"):
        hub.inject(*faults, times=times, after=after)
