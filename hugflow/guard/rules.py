"""Which questions the web UI answers: values in, a refusal or none out.

Dagster's web server takes changes from any Host and Origin, by GET too: a page that somebody opens
in the same browser could start runs. So here

* the Host has to be one that we are known by: a name that a stranger points at 127.0.0.1 is not;
* the Origin, where the browser names one, has to be the same host; a page elsewhere is refused
  whatever it asks, and so is a browser that says `cross-site`;
* GraphQL is asked by POST or by websocket, so that no link and no picture can ask it;
* with a token, whoever does not have it gets the page that asks for it.
"""

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

COOKIE: Final = "hugflow_token"
LOGIN: Final = "/_hugflow/login"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FETCH: Final = ("sec-fetch-site", "sec-fetch-mode")
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class WebRequest:
    """What the rules look at. headers: by their lower-case names; of one that comes twice, all."""

    method: str
    path: str
    query: str
    headers: Mapping[str, tuple[str, ...]]
    is_websocket: bool = False

    def header(self, name: str) -> str | None:
        """The one value of a header; None where there is none, or more than one."""
        values = self.headers.get(name, ())
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a question is not answered. asks_token: the token may be given."""

    status: int
    what: str
    asks_token: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """hosts: `name:port` and `name` that we are known by. token: None asks nobody for one."""

    hosts: frozenset[str]
    token: str | None = None

    def judge(self, asked: WebRequest) -> Refusal | None:
        """Why a question is refused; None where it may pass."""
        host = (asked.header("host") or "").lower()
        if host not in self.hosts:
            return Refusal(421, f"the Host {host[:100]!r} is not one that this server is known by")
        if not self._is_own(asked, host):
            return Refusal(403, "a page of another origin asked; only this server's own may")
        if not asked.path.isprintable():
            # A route may end before a line does.
            return Refusal(400, "the path holds what no path does")
        if asked.path.lower().strip("/").startswith("graphql") and not asked.is_websocket:
            is_page = asked.method == "GET" and not asked.query
            if asked.method != "POST" and not is_page:
                return Refusal(405, "GraphQL is asked by POST")
        if self.token is not None and not self._has_token(asked):
            return Refusal(401, "this server asks for its token", asks_token=True)
        return None

    def is_token(self, text: str) -> bool:
        """Whether a text is the token; takes as long for every text."""
        return self.token is not None and hmac.compare_digest(text.encode(), self.token.encode())

    def _is_own(self, asked: WebRequest, host: str) -> bool:
        """Whether the question comes from a page of ours, from the address bar, or from a program."""
        if any(len(asked.headers.get(name, ())) > 1 for name in ("origin", *_FETCH)):
            return False
        origin = asked.header("origin")
        if origin is not None:
            return _host_of(origin) == host
        site = asked.header("sec-fetch-site")
        if site in (None, "same-origin", "none"):
            return True
        # A link on another page may lead here, as long as it only opens a page.
        return asked.header("sec-fetch-mode") == "navigate" and asked.method in READING

    def _has_token(self, asked: WebRequest) -> bool:
        bearer = (asked.header("authorization") or "").partition(" ")
        if bearer[0].lower() == "bearer" and self.is_token(bearer[2].strip()):
            return True
        cookies = (asked.header("cookie") or "").split(";")
        named = (cookie.strip().partition("=") for cookie in cookies)
        return any(name == COOKIE and self.is_token(value) for name, _, value in named)


def known_hosts(host: str, port: int, others: Collection[str] = ()) -> frozenset[str]:
    """The Hosts of a server that listens on `host`; others: names by which people reach it.

    Listening on loopback, or everywhere, it is known by the names of loopback.
    """
    shown = f"[{host}]" if ":" in host else host
    names = {shown.lower(), *(name.lower() for name in others)} - {"0.0.0.0", "[::]"}  # noqa: S104  # to be left out
    if host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::"):  # noqa: S104  # not listened on here
        names |= set(LOOPBACK)
    with_port = {name if _has_port(name) else f"{name}:{port}" for name in names}
    # A browser leaves the port of its scheme out; so does whoever stands before us.
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
