"""The guard around an application, asked over HTTP."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from hugflow.guard.asgi import Guard
from hugflow.guard.rules import LOGIN, Rules

HOST = "127.0.0.1:3000"
TOKEN = "a-made-up-token"


async def say(request: Request) -> PlainTextResponse:
    return PlainTextResponse("inside")


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("inside")
    await websocket.close()


INSIDE = Starlette(
    routes=[
        Route("/", say),
        Route("/graphql", say, methods=["GET", "POST"]),
        WebSocketRoute("/graphql", talk),
    ]
)


def client(token: str | None = None) -> TestClient:
    app = Guard(INSIDE, Rules(frozenset({HOST}), token))
    return TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)


def test_what_is_allowed_is_answered_by_the_application():
    answer = client().get("/")
    assert (answer.status_code, answer.text) == (200, "inside")
    assert answer.headers["x-frame-options"] == "DENY"


def test_what_is_refused_never_reaches_it_and_says_why():
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        answer = client().post("/graphql", headers=headers)
        assert answer.status_code in (403, 421)
        assert "inside" not in answer.text
    answer = client().get("/graphql?query=mutation{x}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_refusal_repeats_no_stranger_s_words_as_they_are():
    answer = client().get("/", headers={"Host": "<script>alert(1)</script>"})
    assert "<script>" not in answer.text


def test_a_websocket_of_another_origin_is_closed():
    with client().websocket_connect("/graphql", headers={"Host": HOST}) as websocket:
        assert websocket.receive_text() == "inside"
    foreign = {"Host": HOST, "Origin": "http://evil.example"}
    with (
        pytest.raises(WebSocketDisconnect),
        client().websocket_connect("/graphql", headers=foreign) as websocket,
    ):
        websocket.receive_text()


def test_whoever_gives_the_token_is_let_in_from_then_on():
    browser = client(TOKEN)
    asked = browser.get("/")
    assert asked.status_code == 401
    assert f'action="{LOGIN}"' in asked.text
    given = browser.post(LOGIN, data={"token": TOKEN})
    assert (given.status_code, given.headers["location"]) == (303, "/")
    cookie = given.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert browser.get("/").text == "inside"


def test_a_wrong_token_lets_nobody_in():
    browser = client(TOKEN)
    for body in ({"token": "wrong"}, {"token": ""}, {}, {"token": "x" * 100_000}):
        answer = browser.post(LOGIN, data=body)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    assert browser.get("/").status_code == 401


def test_a_page_elsewhere_cannot_log_a_browser_in():
    answer = client(TOKEN).post(LOGIN, data={"token": TOKEN}, headers={"Origin": "http://evil"})
    assert answer.status_code == 403
