"""Files of a source from the network: bounded, and each token only to its own host."""

import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from hugflow.errors import HubUnavailable, HugflowError, NotAuthorised
from hugflow.hierarchy.errors import MissingFileError

ATTEMPTS: Final = 3
TIMEOUT_S: Final = 30.0
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


class SourceUnavailable(HubUnavailable):
    """The server of a source's file cannot be reached or does not answer now."""


def is_url(reference: str) -> bool:
    """Whether a reference is an http or https address."""
    return reference.startswith(("http://", "https://"))


def download(
    url: str,
    most_bytes: int,
    *,
    headers: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
) -> bytes:
    """The body of an answer; redirects are followed, headers only to the first host.

    data: sent as a form, by POST.
    Raises MissingFileError, NotAuthorised, or SourceUnavailable after ATTEMPTS attempts.
    """
    import httpx2

    shown, why = shown_address(url), ""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _download_once(url, most_bytes, headers or {}, data)
        except httpx2.HTTPStatusError as error:
            status = error.response.status_code
            if status not in _PASSING:
                raise _refused(shown, status) from error
            why = f"it answered {status}"
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            why = f"{type(error).__name__}: {error}"
            if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
                break
        if attempt < ATTEMPTS:
            time.sleep(0.2 * attempt)
    raise SourceUnavailable(
        f"{shown} cannot be fetched", why=why, mend="check the address and the network; try again"
    )


def shown_address(url: str) -> str:
    """An address without user, password and query, for messages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _download_once(
    url: str, most_bytes: int, headers: Mapping[str, str], data: Mapping[str, str] | None
) -> bytes:
    import httpx2

    # httpx leaves an Authorization header out of a redirect to another host.
    with (
        httpx2.Client(timeout=TIMEOUT_S, follow_redirects=True, max_redirects=5) as client,
        client.stream(
            "POST" if data is not None else "GET", url, headers=dict(headers), data=data
        ) as response,
    ):
        response.raise_for_status()
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > most_bytes:
                raise HugflowError(
                    f"{shown_address(url)} is too large",
                    why=f"it has more than {most_bytes:,} bytes",
                    mend="split the file",
                )
        return bytes(body)


def _refused(shown: str, status: int) -> HugflowError:
    if status in (401, 403):
        return NotAuthorised(
            f"{shown} may not be read",
            why=f"its server answered {status}",
            mend="share it, or set CREDENTIALS to a service account that it is shared with",
        )
    return MissingFileError(
        f"{shown} cannot be fetched",
        why=f"its server answered {status}",
        mend="check the address or the id",
    )
