"""A request to a stand-in and its answer, as values without a socket."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Literal
from urllib.parse import parse_qs, unquote

from hugflow.late_dataclass import dataclass
from hugflow.testing.repository import HubFile

# The Hub has two ports; the others have one each.
Port = Literal["api", "storage", "github", "slack"]


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client sent.

    `path` and `query` are as sent, with their percent signs: a `%2F` inside a revision is not a
    slash between two parts. Header names are lower case. `received_at` is in seconds since 1970.
    """

    port: Port
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    received_at: float = 0.0

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path, each of them decoded."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))

    @property
    def token(self) -> str | None:
        """The token the client showed, if it showed any; PyGithub says `token` for `Bearer`."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() in {"bearer", "token"} else None

    def values(self, name: str) -> list[str]:
        """Every value of a field of the query or, in a POST, of the url-encoded form."""
        text = self.body.decode() if self.method == "POST" else self.query
        return parse_qs(text, keep_blank_values=True).get(name, [])

    def is_set(self, name: str) -> bool:
        """Whether a field exists and is not false."""
        return any(value.lower() not in {"", "0", "false"} for value in self.values(name))


@dataclass(frozen=True, slots=True)
class Extract:
    """The bytes of a file from `start` to `stop`, exclusive."""

    file: HubFile
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A disturbance of an answer: a pause, and then it continues or the connection ends.

    It comes `after_bytes` of the body, or before the first header if that is None. A `closed`
    connection ends as if nothing were missing; a `reset` one breaks.
    """

    after_bytes: int | None
    pause_s: float = 0.0
    then: Literal["on", "closed", "reset"] = "on"


@dataclass(frozen=True, slots=True)
class Response:
    """The answer for the client; a HEAD gets all of it except the body.

    is_done: whether the requested effect happens; False if a fault strikes before it.
    bytes_per_s: how fast the body is sent; None as fast as the connection takes it.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Extract = b""
    disturbances: tuple[Disturbance, ...] = ()
    is_done: bool = True
    bytes_per_s: float | None = None

    @property
    def size_bytes(self) -> int:
        """The length of the body."""
        if isinstance(self.body, Extract):
            return self.body.stop - self.body.start
        return len(self.body)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Pieces of the body from byte `start` to byte `stop`, exclusive."""
        if isinstance(self.body, bytes):
            yield self.body[start:stop]
        else:
            yield from self.body.file.read(self.body.start + start, self.body.start + stop)


class Refusal(Exception):
    """The request is answered with an error, in the words and headers of the Hub.

    code: becomes `X-Error-Code`, from which clients choose their exception.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the parts; `message` must fit into a header."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers or {}

    def to_answer(self) -> Response:
        """The refusal as the client gets it."""
        code = {} if self.code is None else {"X-Error-Code": self.code}
        headers = {"X-Error-Message": self.message, **code, **self.headers}
        return answer_json({"error": self.message}, status=self.status, headers=headers)


def answer_json(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A value as JSON; values that JSON lacks, such as a card's date, as text."""
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Response(status, {**kind, **(headers or {})}, json.dumps(value, default=str).encode())


def answer_file(file: HubFile, ask: Ask, headers: Mapping[str, str]) -> Response:
    """A file's content, or the part of it that was asked for.

    A request for several ranges gets the whole file, which servers are allowed to do.
    """
    start, stop = 0, file.size_bytes
    headers = {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": f'"{file.etag}"',
        **headers,
    }
    wanted = parse_range(ask.headers.get("range", ""), file.size_bytes)
    if wanted is None:
        return Response(200, headers, Extract(file, start, stop))
    start, stop = wanted
    if start >= stop:
        headers["Content-Range"] = f"bytes */{file.size_bytes}"
        raise Refusal(416, "The requested range is not satisfiable", headers=headers)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size_bytes}"
    return Response(206, headers, Extract(file, start, stop))


def parse_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """The start and the exclusive stop of a `Range` header; None means the whole file.

    A range that cannot be satisfied gives an empty one.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        return max(0, size_bytes - int(last)), size_bytes
    stop = min(int(last) + 1, size_bytes) if last else size_bytes
    return int(first), stop
