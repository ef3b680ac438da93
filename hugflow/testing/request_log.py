"""The log of a stand-in: requests, their users and their answers; never a token."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from hugflow.late_dataclass import dataclass
from hugflow.testing.exchange import Ask, Response
from hugflow.testing.faults import Fault


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request that was answered.

    path, query: as sent.
    body_bytes: the length of the answer's body; for a HEAD none of it was sent.
    faults: names of the faults that struck the answer, such as `Reset`; part of it may be lost.
    user: the owner of the token.
    sent: the request's body: as a value for JSON or a form, else as text; None if there was none.
    received_at: in seconds since 1970.

    Tokens in a path or a body are replaced by `<token of ana>`.
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
    answer: Response,
    struck: Iterable[Fault] = (),
    *,
    user: str | None = None,
    secrets: Mapping[str, str] | None = None,
) -> LoggedRequest:
    """The log's entry for a request and its answer.

    secrets: the owner of each value that must not be shown.
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
    """The text with each secret replaced by its owner's name, the longest first."""
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
