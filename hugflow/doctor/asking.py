"""One call to a web service, with bounded time and memory.

Redirects are not followed, so the token never goes to another host.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from hugflow.late_dataclass import dataclass

LONGEST_ANSWER_S = 8.0
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024


class NoAnswer(Exception):
    """The service did not answer; `reason` may be shown."""

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ServiceReply:
    """A status and its body; `body` is {} unless the answer is a JSON object."""

    status: int
    body: dict[str, Any]


def ask(
    url: str,
    *,
    token: str | None = None,
    method: str = "GET",
    parameters: dict[str, str] | None = None,
) -> ServiceReply:
    """Call once; raises NoAnswer."""
    # The import takes a moment, and `--offline` does not need it.
    import httpx2

    headers = {"User-Agent": "hugflow-doctor", "Accept": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    body = bytearray()
    try:
        with (
            httpx2.Client(timeout=LONGEST_ANSWER_S) as client,
            client.stream(method, url, headers=headers, params=parameters) as response,
        ):
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER_BYTES:
                    break
            return ServiceReply(response.status_code, _read_object(bytes(body)))
    except httpx2.TimeoutException:
        raise NoAnswer(f"it does not answer within {LONGEST_ANSWER_S:.0f} s") from None
    except httpx2.ConnectError as error:
        raise NoAnswer(" ".join(str(error).split())[:120] or "no connection") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise NoAnswer(f"{type(error).__name__}") from None


def shown_host(url: str) -> str:
    """Host and port of an address, without user name and password."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2]


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
