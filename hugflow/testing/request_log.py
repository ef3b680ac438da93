"""The log of a stand-in: what was asked of it, by whom, and what became of it; never a token."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from hugflow.testing.exchange import Answer, Ask
from hugflow.testing.faults import Fault


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request that was answered. `path` and `query` stand as they were sent.

    `body_bytes` is the length of the answer's body; of a HEAD none of it was sent. `faults` names
    what struck the answer, such as `Reset`: then less of it may have got through. `user` is whose
    token was shown. `sent` is the request's body: as a value where that was JSON or a form, else as
    text, None where there was none. `received_at` is in seconds since 1970.

    Where the value of a token stood, in a path or a body, stands `<token of ana>`.
    """

    port: str
    method: str
    path: str
    query: str
    has_authorization: bool
    range: str | None
    user_agent: str
    status: int
    body_bytes: int
    faults: tuple[str, ...] = ()
    user: str | None = None
    sent: Any = None
    received_at: float = 0.0


def log_request(
    ask: Ask,
    answer: Answer,
    struck: Iterable[Fault] = (),
    *,
    user: str | None = None,
    secrets: Mapping[str, str] | None = None,
) -> LoggedRequest:
    """The line of the log that a question and its answer make.

    secrets: whose each value is that must not be shown.
    """
    secrets = secrets or {}
    return LoggedRequest(
        port=ask.port,
        method=ask.method,
        path=hide(ask.path, secrets),
        query=hide(ask.query, secrets),
        has_authorization="authorization" in ask.headers,
        range=ask.headers.get("range"),
        user_agent=hide(ask.headers.get("user-agent", ""), secrets),
        status=answer.status,
        body_bytes=answer.size_bytes,
        faults=tuple(type(fault).__name__ for fault in struck),
        user=user,
        sent=_read_sent(ask, secrets),
        received_at=ask.received_at,
    )


def hide(text: str, secrets: Mapping[str, str]) -> str:
    """The text without the secrets, longest first; whose each was stands in its place."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, f"<token of {secrets[secret]}>") if secret else text
    return text


def _read_sent(ask: Ask, secrets: Mapping[str, str]) -> Any:
    text = hide(ask.body.decode(errors="replace"), secrets)
    if not text:
        return None
    if "form-urlencoded" in ask.headers.get("content-type", ""):
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        return json.loads(text)
    except ValueError:
        return text
