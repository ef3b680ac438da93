"""Which requests the web UI answers: values in, a refusal or None out.

Dagster's web server accepts changes from any Host and Origin, even by GET. Any page in the same
browser could therefore start runs. So these rules hold:

* The Host must be one of our own names. A stranger's name that points at 127.0.0.1 is refused.
* The Origin, if the browser sends one, must be the same host. A page of another site is always
    refused, and so is a browser that says `cross-site`.
* GraphQL is answered by POST or websocket only, so a link or a picture cannot call it.
* If a token is set, a request without it gets the page that asks for it.
"""

import hmac
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from hugflow.late_dataclass import dataclass

COOKIE: Final = "hugflow_token"
LOGIN: Final = "/_hugflow/login"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FETCH: Final = ("sec-fetch-site", "sec-fetch-mode")
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class WebRequest:
    """What the rules look at. headers: all values, by header name in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, tuple[str, ...]]
    is_websocket: bool = False

    def header(self, name: str) -> str | None:
        """The one value of a header; None if there is none, or more than one."""
        values = self.headers.get(name, ())
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered. asks_token: the user may enter the token."""

    status: int
    what: str
    asks_token: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """hosts: our names, as `name:port` and `name`. token: None if no token is needed."""

    hosts: frozenset[str]
    token: str | None = None

    def judge(self, asked: WebRequest) -> Refusal | None:
        """Why a request is refused; None if it is allowed."""
        host = (asked.header("host") or "").lower()
        if host not in self.hosts:
            return Refusal(421, f"the Host {host[:100]!r} is not a name of this server")
        if not self._is_own(asked, host):
            return Refusal(403, "the request comes from a page of another origin")
        if not asked.path.isprintable():
            # A route may end before a line does.
            return Refusal(400, "the path has a character that no path may have")
        if asked.path.lower().strip("/").startswith("graphql") and not asked.is_websocket:
            is_page = asked.method == "GET" and not asked.query
            if asked.method != "POST" and not is_page:
                return Refusal(405, "GraphQL is answered by POST only")
        if self.token is not None and not self._has_token(asked):
            return Refusal(401, "this server asks for its token", asks_token=True)
        return None

    def is_token(self, text: str) -> bool:
        """Whether a text is the token; takes equally long for every text."""
        return self.token is not None and hmac.compare_digest(text.encode(), self.token.encode())

    def _is_own(self, asked: WebRequest, host: str) -> bool:
        """Whether the request comes from our own page, from the address bar, or from a program."""
        if any(len(asked.headers.get(name, ())) > 1 for name in ("origin", *_FETCH)):
            return False
        origin = asked.header("origin")
        if origin is not None:
            return _host_of(origin) == host
        site = asked.header("sec-fetch-site")
        if site in (None, "same-origin", "none"):
            return True
        # A link on another site may lead here if it only opens a page.
        return asked.header("sec-fetch-mode") == "navigate" and asked.method in READING

    def _has_token(self, asked: WebRequest) -> bool:
        bearer = (asked.header("authorization") or "").partition(" ")
        if bearer[0].lower() == "bearer" and self.is_token(bearer[2].strip()):
            return True
        cookies = (asked.header("cookie") or "").split(";")
        named = (cookie.strip().partition("=") for cookie in cookies)
        return any(name == COOKIE and self.is_token(value) for name, _, value in named)


def known_hosts(host: str, port: int, others: Collection[str] = ()) -> frozenset[str]:
    """The Host names of a server that listens on `host`; others: more names that people use for it.

    A server that listens on loopback or on every address also has the names of loopback.
    """
    shown = f"[{host}]" if ":" in host else host
    names = {shown.lower(), *(name.lower() for name in others)} - {"0.0.0.0", "[::]"}  # noqa: S104  # to be left out
    if host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::"):  # noqa: S104  # not listened on here
        names |= set(LOOPBACK)
    with_port = {name if _has_port(name) else f"{name}:{port}" for name in names}
    # A browser leaves out the default port of its scheme; so does a reverse proxy.
    without = {name for name in names if not _has_port(name)} if port in (80, 443) else set()
    return frozenset(with_port | without | {name.lower() for name in others})


def _has_port(name: str) -> bool:
    return name.rpartition(":")[2].isdigit() and not name.endswith("]")


def _host_of(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    is_origin = (
        parts.scheme in ("http", "https")
        and not parts.path
        and not parts.query
        and not parts.fragment
    )
    return parts.netloc.lower() if is_origin else None
