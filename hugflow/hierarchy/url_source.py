"""An archive over HTTP: bounded in size and redirects, each hop checked, tokens to their host."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin, urlsplit

import httpx2

from hugflow.errors import NotAuthorised
from hugflow.hierarchy.access import Access
from hugflow.hierarchy.contents import MOST_BYTES, unsafe
from hugflow.hierarchy.errors import ConfigError, ParentUnavailable, UnsafeLocationError
from hugflow.hierarchy.hosts import check_host, refuse_address, uses_proxy
from hugflow.redact import redact
from hugflow.store.atomic import disk_errors, make_folder

TIMEOUT = httpx2.Timeout(30.0, connect=15.0)
MOST_REDIRECTS = 5
MOST_SECONDS = 600.0
ATTEMPTS = 3
_PASSING = (408, 429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)


@contextmanager
def fetched_archive(url: str, access: Access) -> Iterator[Path]:
    """The archive at a URL as a file, deleted afterwards.

    Raises UnsafeLocationError for a host that may not be asked, also after a redirect.
    """
    make_folder(access.cache)
    with TemporaryDirectory(prefix=".fetch-", dir=access.cache) as folder:
        target = Path(folder) / "archive"
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _fetch(url, target, access)
                break
            except (ParentUnavailable, httpx2.TransportError) as error:
                if attempt == ATTEMPTS:
                    raise _unavailable(url, error) from error
                time.sleep(0.3 * attempt)
        yield target


def _fetch(url: str, target: Path, access: Access) -> None:
    first = url
    deadline = time.monotonic() + MOST_SECONDS
    with httpx2.Client(timeout=TIMEOUT, follow_redirects=False) as client:
        for _ in range(MOST_REDIRECTS + 1):
            check_host(url, access)
            token = access.token_for(url)
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            headers |= {"User-Agent": "hugflow", "Accept-Encoding": "identity"}
            with client.stream("GET", url, headers=headers) as response:
                _check_peer(url, response, access)
                if response.status_code in _REDIRECTS:
                    url = _next(url, response)
                    continue
                _refuse_status(first, response)
                _receive(response, target, deadline)
                return
    raise UnsafeLocationError(
        f"{redact(first)} redirects more than {MOST_REDIRECTS} times",
        why="it never comes to an archive",
        mend="name the address of the archive itself",
    )


def _next(url: str, response: httpx2.Response) -> str:
    target = response.headers.get("Location", "")
    try:
        following = urljoin(url, target)
        before, after = urlsplit(url), urlsplit(following)
    except ValueError:
        raise UnsafeLocationError(
            f"{redact(url)} redirects to {redact(target)[:100]!r}",
            why="that is no address",
            mend="name the address of the archive itself",
        ) from None
    if after.scheme not in ("http", "https") or (before.scheme == "https" != after.scheme):
        raise UnsafeLocationError(
            f"{redact(url)} redirects to {after.scheme or 'nothing'}",
            why="an archive is fetched over https, and a redirect may not leave it",
            mend="name the address of the archive itself",
        )
    return following


def _check_peer(url: str, response: httpx2.Response, access: Access) -> None:
    """Look at the address that answered: a name may mean another one than a moment ago."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    stream = response.extensions.get("network_stream")
    if stream is None or access.allows_host(parts.hostname or "", port) or uses_proxy(url):
        return
    peer = stream.get_extra_info("server_addr")
    if peer:
        refuse_address(str(peer[0]), f"{parts.hostname}:{port}")


def _refuse_status(url: str, response: httpx2.Response) -> None:
    status = response.status_code
    if status == 200:
        return
    if status in (401, 403):
        raise NotAuthorised(
            f"{redact(url)}: we are not let in",
            why=f"the server answered {status}",
            mend="set GITHUB_TOKEN to a token that may read it, or check the location",
        )
    if status in _PASSING:
        raise ParentUnavailable(
            f"{redact(url)} cannot be fetched", why=f"it answered {status}", mend="try again later"
        )
    raise ConfigError(
        f"{redact(url)} is no archive that can be fetched",
        why=f"the server answered {status}",
        mend="check the location, and that the branch, tag or commit exists",
    )


def _receive(response: httpx2.Response, target: Path, deadline: float) -> None:
    size = 0
    with disk_errors(target), target.open("wb") as file:
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > MOST_BYTES:
                raise unsafe("the archive is too large", f"at most {MOST_BYTES:,} bytes are read")
            if time.monotonic() > deadline:
                raise ParentUnavailable(
                    "the archive comes too slowly",
                    why=f"after {MOST_SECONDS:.0f} s it was not there",
                    mend="try again later",
                )
            file.write(chunk)
    promised = response.headers.get("Content-Length", "")
    if promised.isdigit() and int(promised) != size:
        raise ParentUnavailable(
            "the connection ended before the archive did",
            why=f"{size:,} of {int(promised):,} bytes came",
            mend="try again",
        )


def _unavailable(url: str, error: Exception) -> ConfigError:
    if isinstance(error, ConfigError):
        return error
    return ParentUnavailable(
        f"{redact(url)} cannot be fetched",
        why=f"{type(error).__name__}: {redact(str(error))}"[:200],
        mend="check the network and the location; with a lock and a filled cache none is needed",
    )
