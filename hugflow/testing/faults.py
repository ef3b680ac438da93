"""What can go wrong between a stand-in and its client, as values.

    hub.inject(Reset(after_bytes=1000), when=Match(port="storage", path="*.parquet"), times=2)
    hub.inject(Status(503), Status(429, retry_after_s=1))        one after the other, then fine
    with hub.faults(Stall(30), when=Match(path="/api/*"), times=None):
        ...

A fault gets one request and its true answer. It gives the answer to send instead, or None if it has
nothing to strike: the body has no byte 1000, the storage has no branches. Several faults on one
answer are applied in the order of injection, so a stall before a 503 is two faults.

A fault that leaves nothing of the true answer (`Status`, `Page`, `Reset()`) strikes before the
requested effect: no comment is made. With `with_effect=True` it strikes after the effect: the
comment exists, but the client does not know. All other faults strike after the effect.
"""

import fnmatch
import gzip
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Protocol
from urllib.parse import unquote

from hugflow.late_dataclass import dataclass
from hugflow.testing.exchange import Ask, Disturbance, Extract, Port, Response
from hugflow.testing.repository import Kind
from hugflow.testing.wording import word_error

LOGIN_PAGE = b"<!doctype html><html><title>Log in</title><body>Please log in.</body></html>"
EXPIRED = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The requests that a fault may strike; None matches everything.

    path: a shell pattern, in which `*` matches slashes too; a pattern that begins with neither a
    slash nor a star may match from any part of the path. Paths end in the name
    of the file, on both ports:
    `/datasets/acme/x/resolve/main/data/a.parquet`, `/datasets/acme/x/<sha256>/data/a.parquet`.
    """

    port: Port | None = None
    method: str | None = None
    path: str = "*"
    has_range: bool | None = None

    def __call__(self, ask: Ask) -> bool:
        """Whether the request matches."""
        path = unquote(ask.path)
        return (
            self.port in {None, ask.port}
            and self.method in {None, ask.method}
            and self.has_range in {None, "range" in ask.headers}
            and any(fnmatch.fnmatchcase(path, p) for p in (self.path, f"*/{self.path}"))
        )


@dataclass(frozen=True, slots=True)
class Encounter:
    """One request and its true answer; uses: how often its address was requested before."""

    ask: Ask
    answer: Response
    uses: int = 0

    @property
    def has_body(self) -> bool:
        """Whether the answer has a body to strike."""
        return self.ask.method != "HEAD" and self.answer.size_bytes > 0

    def is_within(self, position: int) -> bool:
        """Whether the body has a byte of that number."""
        return self.has_body and 0 <= position < self.answer.size_bytes


class Fault(Protocol):
    """Anything that can change an answer."""

    def strike(self, met: Encounter) -> Response | None:
        """The answer to send instead; None sends the true one, and does not count as a strike."""


@dataclass(frozen=True, slots=True)
class Status:
    """An error, or any other status, instead of the answer.

    retry_after_s: the header `Retry-After`, in seconds or, with `as_date`, as a date.
    rate_limit_s: the Hub's headers `RateLimit` and `RateLimit-Policy`, with nothing left so long.
    error_code: the service's own word: the Hub's `RepoNotFound`, Slack's `channel_not_found` (which
        comes with 200), GitHub's whole message.
    headers: any others, in your own spelling.
    """

    code: int
    retry_after_s: int | None = None
    as_date: bool = False
    rate_limit_s: int | None = None
    error_code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def strike(self, met: Encounter) -> Response | None:
        """The error in the service's words; a status without a body gets no body."""
        headers = dict(self.headers)
        if self.retry_after_s is not None:
            moment = datetime.fromtimestamp(met.ask.received_at, UTC)
            moment += timedelta(seconds=self.retry_after_s)
            in_words = format_datetime(moment, usegmt=True)
            headers["Retry-After"] = in_words if self.as_date else str(self.retry_after_s)
        if self.rate_limit_s is not None:
            kind = "resolvers" if "/resolve/" in met.ask.path else "api"
            headers["RateLimit"] = f'"{kind}";r=0;t={self.rate_limit_s}'
            headers["RateLimit-Policy"] = f'"fixed window";"{kind}";q=500;w=300'
        answer = word_error(met.ask, self.code, code=self.error_code, headers=headers)
        body = b"" if self.code in {204, 304} else answer.body
        return replace(answer, body=body, disturbances=met.answer.disturbances, is_done=False)


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection breaks: before the answer, or after `after_bytes` of its body."""

    after_bytes: int | None = None

    def strike(self, met: Encounter) -> Response | None:
        """The true answer, as far as it gets."""
        answer = _disturb(met, Disturbance(self.after_bytes, then="reset"))
        return answer and replace(answer, is_done=self.after_bytes is not None)


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing comes for a while: before the answer, or after `after_bytes` of its body."""

    seconds: float
    after_bytes: int | None = None

    def strike(self, met: Encounter) -> Response | None:
        """The true answer, but late."""
        return _disturb(met, Disturbance(self.after_bytes, pause_s=self.seconds))


@dataclass(frozen=True, slots=True)
class Throttle:
    """The body comes at no more than so many bytes a second; with `times=None`, every body does."""

    bytes_per_s: float

    def strike(self, met: Encounter) -> Response | None:
        """The true answer, slowly."""
        if not met.has_body or self.bytes_per_s <= 0:
            return None
        return replace(met.answer, bytes_per_s=self.bytes_per_s)


@dataclass(frozen=True, slots=True)
class Truncate:
    """Fewer bytes come than `Content-Length` promises, and the connection is closed properly."""

    after_bytes: int

    def strike(self, met: Encounter) -> Response | None:
        """The true answer, as far as it gets."""
        return _disturb(met, Disturbance(self.after_bytes, then="closed"))


@dataclass(frozen=True, slots=True)
class Shorten:
    """Only some bytes of the body come, and `Content-Length` agrees."""

    to_bytes: int

    def strike(self, met: Encounter) -> Response | None:
        """The beginning of the body, as if it were the whole."""
        if not met.is_within(self.to_bytes):
            return None
        body = met.answer.body
        if isinstance(body, Extract):
            return replace(met.answer, body=replace(body, stop=body.start + self.to_bytes))
        return replace(met.answer, body=body[: self.to_bytes])


@dataclass(frozen=True, slots=True)
class Flip:
    """One bit of the body is flipped: the lowest of byte `at`; a negative `at` counts from the end.

    It holds the whole body in memory.
    """

    at: int = 0

    def strike(self, met: Encounter) -> Response | None:
        """The body with another byte."""
        position = self.at if self.at >= 0 else met.answer.size_bytes + self.at
        if not met.is_within(position):
            return None
        data = bytearray(_read(met.answer))
        data[position] ^= 1
        return replace(met.answer, body=bytes(data))


@dataclass(frozen=True, slots=True)
class LinkExpires:
    """A link to the storage is refused with 403: at once, or when it is too old or was used enough.

    after_s: seconds since the Hub gave the link.
    after_uses: how often it may be used.
    With either, and `times=None`, every link behaves so until the fault is cleared.
    """

    after_s: float | None = None
    after_uses: int | None = None

    def strike(self, met: Encounter) -> Response | None:
        """The storage's own error page for an expired link."""
        if met.ask.port != "storage":
            return None
        age_s = met.ask.received_at - float("".join(met.ask.values("issued")) or "0")
        is_old = self.after_s is not None and age_s >= self.after_s
        is_used = self.after_uses is not None and met.uses >= self.after_uses
        if not is_old and not is_used and self != LinkExpires():
            return None
        headers = {"Content-Type": "application/xml"}
        return Response(403, headers, EXPIRED, met.answer.disturbances)


@dataclass(frozen=True, slots=True)
class IgnoreRange:
    """The whole file comes with 200, although a part was requested."""

    def strike(self, met: Encounter) -> Response | None:
        """The whole file."""
        body = met.answer.body
        if not isinstance(body, Extract) or met.answer.status != HTTPStatus.PARTIAL_CONTENT:
            return None
        headers = {n: v for n, v in met.answer.headers.items() if n != "Content-Range"}
        whole = Extract(body.file, 0, body.file.size_bytes)
        return replace(met.answer, status=200, headers=headers, body=whole)


@dataclass(frozen=True, slots=True)
class WrongRange:
    """Another part of the file comes, `shift` bytes away, and its headers say so."""

    shift: int = 1

    def strike(self, met: Encounter) -> Response | None:
        """A part of the same length, as far as the file has it."""
        body = met.answer.body
        if not isinstance(body, Extract) or met.answer.status != HTTPStatus.PARTIAL_CONTENT:
            return None
        size_bytes = body.file.size_bytes
        start = min(max(body.start + self.shift, 0), size_bytes - 1)
        if start == body.start:
            return None
        stop = min(start + met.answer.size_bytes, size_bytes)
        words = {"Content-Range": f"bytes {start}-{stop - 1}/{size_bytes}"}
        headers = {**met.answer.headers, **words}
        return replace(met.answer, headers=headers, body=Extract(body.file, start, stop))


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML page, such as a proxy's login page."""

    code: int = 200

    def strike(self, met: Encounter) -> Response | None:
        """The page."""
        headers = {"Content-Type": "text/html; charset=utf-8"}
        return Response(self.code, headers, LOGIN_PAGE, met.answer.disturbances, is_done=False)


@dataclass(frozen=True, slots=True)
class Gzip:
    """The body comes compressed, even if not requested, and the headers say so."""

    def strike(self, met: Encounter) -> Response | None:
        """The same body in fewer bytes, or in more."""
        if not met.has_body:
            return None
        headers = {**met.answer.headers, "Content-Encoding": "gzip"}
        body = gzip.compress(_read(met.answer), mtime=0)
        return replace(met.answer, headers=headers, body=body)


@dataclass(frozen=True, slots=True)
class BranchMoves:
    """The answer is true, and right after it a branch moves to another revision."""

    repo_id: str
    revision: str
    branch: str = "main"
    kind: Kind = "datasets"

    def strike(self, met: Encounter) -> Response | None:
        """The true answer; the Hub that was struck moves the branch."""
        return met.answer


def _disturb(met: Encounter, disturbance: Disturbance) -> Response | None:
    """The answer with one more disturbance, if it gets that far."""
    if disturbance.after_bytes is not None and not met.is_within(disturbance.after_bytes):
        return None
    return replace(met.answer, disturbances=(*met.answer.disturbances, disturbance))


def _read(answer: Response) -> bytes:
    return b"".join(answer.read(0, answer.size_bytes))
