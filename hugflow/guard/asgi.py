"""The rules as a layer around any ASGI application: https://asgi.readthedocs.io/en/latest/specs."""

import html
from collections import defaultdict
from typing import Final
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from hugflow.guard.rules import COOKIE, LOGIN, Refusal, Rules, WebRequest

LARGEST_FORM_BYTES: Final = 4096
_PAGE: Final = """<!doctype html>
<meta charset="utf-8"><title>Hugflow</title>
<style>body {{ font: 16px sans-serif; margin: 4rem auto; max-width: 32rem }}
input {{ font: inherit; width: 100%; padding: .4rem; margin: .6rem 0 }}</style>
<h1>Hugflow</h1><p>{what}</p>{form}
"""
_FORM: Final = (
    f'<form method="post" action="{LOGIN}"><label>Token, from the file ui_token in STATE_DIR'
    '<input type="password" name="token" autofocus autocomplete="current-password"></label>'
    "<button>Open</button></form>"
)
# Other sites may not embed our pages, and do not learn the address of the page we came from.
_HEADERS: Final = [
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
]


class Guard:
    """Passes on what the rules allow, and answers everything else itself."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request or one websocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        asked = _read(scope)
        refusal = self._rules.judge(asked)
        if refusal is not None and refusal.asks_token and _is_login(asked):
            await self._log_in(receive, send)
        elif refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif asked.is_websocket:
            # A websocket that is closed before it is accepted is answered with 403.
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _answer(send, refusal)

    async def _log_in(self, receive: Receive, send: Send) -> None:
        """Check the token of the form, and store it in a cookie that scripts cannot read."""
        body = b""
        is_more = True
        while is_more and len(body) <= LARGEST_FORM_BYTES:
            message = await receive()
            body += message.get("body", b"")
            is_more = bool(message.get("more_body"))
        token = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
        if not self._rules.is_token(token):
            await _answer(send, Refusal(401, "that is not the token", asks_token=True))
            return
        cookie = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict".encode("ascii")
        headers = [(b"location", b"/"), (b"set-cookie", cookie), *_HEADERS]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _is_login(asked: WebRequest) -> bool:
    return asked.method == "POST" and asked.path == LOGIN


def _read(scope: Scope) -> WebRequest:
    headers: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in scope["headers"]:
        headers[name.decode("latin-1").lower()].append(value.decode("latin-1"))
    return WebRequest(
        method=scope.get("method", "GET"),
        path=scope["path"],
        query=scope.get("query_string", b"").decode("latin-1"),
        headers={name: tuple(values) for name, values in headers.items()},
        is_websocket=scope["type"] == "websocket",
    )


def _with_headers(send: Send) -> Send:
    async def send_more(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            found = message.get("headers")
            known = list(found) if isinstance(found, list | tuple) else []
            message = {**message, "headers": [*known, *_HEADERS]}
        await send(message)

    return send_more  # type: ignore[return-value]  # a message is a mutable mapping of any kind


async def _answer(send: Send, refusal: Refusal) -> None:
    form = _FORM if refusal.asks_token else ""
    body = _PAGE.format(what=html.escape(refusal.what), form=form).encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), *_HEADERS]
    headers.append((b"content-length", str(len(body)).encode()))
    if refusal.status == 405:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
