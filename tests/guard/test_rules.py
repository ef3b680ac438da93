"""Whom the web UI answers."""

import pytest

from hugflow.guard.rules import COOKIE, Rules, WebRequest, known_hosts

HOSTS = known_hosts("127.0.0.1", 3000)


def ask(
    method: str = "POST",
    path: str = "/graphql",
    query: str = "",
    *,
    host: str = "127.0.0.1:3000",
    is_websocket: bool = False,
    **headers: str,
) -> WebRequest:
    named = {name.replace("_", "-"): (value,) for name, value in headers.items()}
    return WebRequest(method, path, query, {"host": (host,), **named}, is_websocket)


def status(asked: WebRequest, rules: Rules | None = None) -> int:
    refusal = (rules or Rules(HOSTS)).judge(asked)
    return refusal.status if refusal is not None else 200


@pytest.mark.parametrize(
    "host", ["127.0.0.1:3000", "localhost:3000", "LOCALHOST:3000", "[::1]:3000"]
)
def test_it_is_known_by_the_names_of_loopback(host: str):
    assert status(ask(host=host)) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:3000", "127.0.0.1", "127.0.0.1:3001", "localhost.evil:3000", ""],
)
def test_a_strangers_name_for_this_host_is_refused(host: str):
    assert status(ask(host=host)) == 421


def test_two_hosts_are_none():
    asked = WebRequest("GET", "/", "", {"host": ("127.0.0.1:3000", "evil.example")})
    assert status(asked) == 421


@pytest.mark.parametrize("origin", ["http://127.0.0.1:3000", "https://127.0.0.1:3000"])
def test_a_page_of_our_own_may_ask(origin: str):
    assert status(ask(origin=origin)) == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:3001",
        "http://localhost:3000",
        "http://127.0.0.1:3000.evil.example",
        "http://127.0.0.1:3000/",
        "http://[",
        "null",
        "",
        "file://",
        "chrome-extension://127.0.0.1:3000",
    ],
)
def test_a_page_of_another_origin_may_not(origin: str):
    assert status(ask(origin=origin)) == 403
    assert status(ask("GET", "/", origin=origin)) == 403
    assert status(ask(is_websocket=True, origin=origin)) == 403


def test_two_origins_are_a_foreign_one():
    headers = {"host": ("127.0.0.1:3000",), "origin": ("http://127.0.0.1:3000", "http://evil")}
    assert status(WebRequest("POST", "/graphql", "", headers)) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "whatever"])
def test_a_browser_that_says_it_comes_from_elsewhere_is_believed(site: str):
    assert status(ask(sec_fetch_site=site)) == 403
    assert status(ask("GET", "/logo.png", sec_fetch_site=site, sec_fetch_mode="no-cors")) == 403


def test_a_link_on_another_page_may_lead_here():
    led = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert status(ask("GET", "/assets", **led)) == 200
    assert status(ask("POST", "/graphql", **led)) == 403
    assert status(ask("GET", "/graphql", "query=mutation{x}", **led)) == 405


def test_a_program_says_neither_origin_nor_site():
    assert status(ask()) == 200


@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_graphql_is_asked_by_post_and_by_websocket_only(path: str, method: str):
    assert status(ask(method, path, "query=mutation%7Bx%7D")) == 405
    assert status(ask(method, path, "query={version}")) == 405
    assert status(ask("GET", path, is_websocket=True)) == 200
    assert status(ask("POST", path)) == 200


def test_graphqls_own_page_can_be_opened():
    assert status(ask("GET", "/graphql")) == 200


def test_with_a_token_nobody_else_is_answered():
    rules = Rules(HOSTS, "secret-word")
    refusal = rules.judge(ask("GET", "/"))
    assert refusal is not None
    assert (refusal.status, refusal.asks_token) == (401, True)
    assert status(ask(authorization="Bearer secret-word"), rules) == 200
    assert status(ask(cookie=f"a=b; {COOKIE}=secret-word; c=d"), rules) == 200
    assert status(ask(authorization="Bearer secret-wor"), rules) == 401
    assert status(ask(authorization="Basic secret-word"), rules) == 401
    assert status(ask(cookie=f"{COOKIE}=secret-word-more"), rules) == 401
    assert status(ask(cookie=f"{COOKIE}="), rules) == 401


def test_a_token_opens_no_foreign_door():
    rules = Rules(HOSTS, "secret-word")
    assert status(ask(authorization="Bearer secret-word", host="evil.example"), rules) == 421
    assert status(ask(cookie=f"{COOKIE}=secret-word", origin="http://evil.example"), rules) == 403


def test_names_given_by_the_operator_count_with_and_without_the_port():
    names = ["hugflow.example.org", "other.example.org:8443"]
    hosts = known_hosts("0.0.0.0", 3000, names)  # noqa: S104  # nobody listens here
    assert {"hugflow.example.org", "hugflow.example.org:3000", "other.example.org:8443"} <= hosts
    assert "localhost:3000" in hosts
    assert "0.0.0.0:3000" not in hosts
    assert "localhost" not in hosts


def test_at_the_port_of_a_scheme_browsers_leave_it_out():
    assert "localhost" in known_hosts("127.0.0.1", 80)
    assert known_hosts("10.1.2.3", 3000) == {"10.1.2.3:3000"}


@pytest.mark.parametrize("path", ["/graphql\n", "/graphql\r", "/\x00", "/assets\n", "/a\u2028"])
def test_a_path_that_no_path_is_like_is_refused(path: str):
    assert status(ask("GET", path, "query=mutation{x}")) == 400


@pytest.mark.parametrize(
    "path", ["/graphql/", "//graphql", "/graphql//", "/GraphQL", "/graphql.json", "/graphql/x"]
)
def test_whatever_may_be_taken_for_graphql_is_no_link(path: str):
    assert status(ask("GET", path, "query=mutation{x}")) == 405


@pytest.mark.parametrize("name", ["sec-fetch-site", "sec-fetch-mode", "origin"])
def test_two_words_of_a_browser_are_none(name: str):
    headers = {"host": ("127.0.0.1:3000",), name: ("same-origin", "same-origin")}
    assert status(WebRequest("POST", "/graphql", "", headers)) == 403


def test_an_origin_has_no_fragment():
    assert status(ask(origin="http://127.0.0.1:3000#x")) == 403
