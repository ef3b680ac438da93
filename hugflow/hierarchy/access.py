"""What reading parents may use: the cache, the addresses of GitHub and the Hub, and tokens."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from hugflow.late_dataclass import dataclass

GITHUB = "https://github.com"
HUB = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class Access:
    """How parents are reached.

    cache: where snapshots and mirrors are kept. github_server: the address of GitHub's
    repositories. parent_hosts: `host:port` of loopback or private hosts that the root allows.
    """

    cache: Path
    github_server: str = GITHUB
    github_token: str | None = None
    hub: str = HUB
    hub_token: str | None = None
    parent_hosts: frozenset[str] = frozenset()

    def token_for(self, url: str) -> str | None:
        """The token that may go to a URL's host: GitHub's, and only to GitHub."""
        asked, server = urlsplit(url), urlsplit(self.github_server)
        is_github = (asked.scheme, asked.hostname, asked.port) == (
            server.scheme,
            server.hostname,
            server.port,
        )
        is_private = asked.scheme == "https" or asked.hostname in ("127.0.0.1", "localhost")
        return self.github_token if is_github and is_private else None

    def allows_host(self, host: str, port: int) -> bool:
        """Whether the root allows a host although its address is loopback or private."""
        return f"{host}:{port}" in self.parent_hosts


def read_access(
    environ: Mapping[str, str] | None = None,
    *,
    parent_hosts: frozenset[str] = frozenset(),
    github_token: str | None = None,
    hub_token: str | None = None,
) -> Access:
    """What the environment says; the tokens are those of the settings, if given.

    The addresses of GitHub and the Hub are the user's own choice, so their hosts are allowed.
    """
    environ = os.environ if environ is None else environ
    server = find_github_server(environ)
    hub = (environ.get("HF_ENDPOINT") or HUB).rstrip("/")
    return Access(
        cache=find_cache(environ),
        github_server=server,
        github_token=github_token or environ.get("GITHUB_TOKEN") or None,
        hub=hub,
        hub_token=hub_token or environ.get("HF_TOKEN") or None,
        parent_hosts=parent_hosts | {_host_port(server), _host_port(hub)},
    )


def find_github_server(environ: Mapping[str, str]) -> str:
    """GITHUB_SERVER_URL, else the server of GITHUB_API_URL, else github.com."""
    server = environ.get("GITHUB_SERVER_URL")
    if server:
        return server.rstrip("/")
    api = urlsplit(environ.get("GITHUB_API_URL") or "")
    if not api.netloc or api.hostname == "api.github.com":
        return GITHUB
    # GitHub Enterprise: https://HOST/api/v3
    return f"{api.scheme}://{api.netloc}{api.path.rstrip('/').removesuffix('/api/v3')}"


def find_cache(environ: Mapping[str, str]) -> Path:
    """HUGFLOW_CACHE_DIR, else `hugflow` in the user's cache folder."""
    named = environ.get("HUGFLOW_CACHE_DIR")
    if named:
        return Path(named).expanduser().absolute()
    base = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "hugflow"


def _host_port(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (80 if parts.scheme == 'http' else 443)}"
