"""The HTTP client under the Hub's libraries: bounded waits, and one place that tries again.

`huggingface_hub` and `datasets` try again at several depths, one within the other, so that a Hub
that is down is noticed after minutes; other calls they never try again. Within `one_retry()` each
request is tried again here, where it is sent, and whoever asked is told by GivenUp, which none of
them takes for a reason to start again.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx2
from huggingface_hub import set_client_factory
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import hf_raise_for_status, parse_ratelimit_headers
from huggingface_hub.utils._http import hf_request_event_hook

from hugflow.clients.pace import Pace
from hugflow.clients.retry_after import parse_retry_after_s

log = logging.getLogger(__name__)

# The Hub's client waits for ever by default; a stalled connection must end and be tried again.
TIMEOUT = httpx2.Timeout(30.0, connect=15.0)
ATTEMPTS = 5
# With attempts that each take long to fail, fewer are made.
PATIENCE_S = 20.0
# Longer than this nobody wants to sleep without being told; the error names the time instead.
LONGEST_WAIT_S = 60.0

# Asking again alters nothing on the other side.
_SAFE_METHODS = ("GET", "HEAD")
_PASSING = (408, 429, 500, 502, 503, 504)
# Of what is to be sent, not of the way it takes.
_NEVER_PASSING = httpx2.LocalProtocolError | httpx2.UnsupportedProtocol

_PACE = Pace()
_is_one_retry: ContextVar[bool] = ContextVar("is_one_retry", default=False)


class GivenUp(Exception):
    """A request failed as often as it is tried; `cause` is what the last attempt raised.

    No OSError and no HTTP error, because the Hub's libraries would start again on those, or hide
    them.
    """

    def __init__(self, cause: Exception) -> None:
        """Keep what the last attempt raised."""
        super().__init__(str(cause))
        self.cause = cause


@contextmanager
def one_retry() -> Iterator[None]:
    """Within this block and thread, requests are tried again where they are sent."""
    token = _is_one_retry.set(True)
    try:
        yield
    finally:
        _is_one_retry.reset(token)


@cache
def use_our_client() -> None:
    """Let the Hub's library send by our client; once, because it closes the connections in use."""
    set_client_factory(_our_client)
    speak_through_our_log("huggingface_hub")


def speak_through_our_log(library: str) -> None:
    """Take away the handler by which a library writes to stderr itself, beside our log.

    To be called when it is imported: that is when it adds the handler.
    """
    logger = logging.getLogger(library)
    logger.handlers.clear()
    logger.propagate = True
    logging.getLogger("huggingface_hub.repocard").addFilter(_is_worth_a_word)


def _is_worth_a_word(record: logging.LogRecord) -> bool:
    """A card without a header is no fault, and the message does not even name the dataset."""
    return not str(record.msg).startswith("Repo card metadata block was not found")


def wait_before_retry_s(cause: BaseException | None, attempt: int) -> float | None:
    """How long to wait before the next attempt; None when trying again soon cannot help."""
    if isinstance(cause, GivenUp | OfflineModeIsEnabled | _NEVER_PASSING):
        return None
    asked_s = asked_wait_s(cause.response) if isinstance(cause, HfHubHTTPError) else None
    if asked_s is None:
        return 0.25 * float(2**attempt)
    return max(asked_s, 0.1) if asked_s <= LONGEST_WAIT_S else None


def asked_wait_s(response: httpx2.Response) -> float | None:
    """Seconds of a Retry-After header, else until the Hub's rate limit ends; None for neither.

    https://huggingface.co/docs/hub/rate-limits: the Hub itself tells it by `RateLimit` alone.
    """
    wait_s = parse_retry_after_s(response.headers.get("Retry-After", ""), datetime.now(UTC))
    if wait_s is not None:
        return wait_s
    limit = parse_ratelimit_headers(response.headers) if response.status_code == 429 else None
    return float(limit.reset_in_seconds) if limit is not None and not limit.remaining else None


def is_refused_link(response: httpx2.Response) -> bool:
    """Whether the storage, to which the Hub sent us, refuses the link, or knows nothing of it.

    It was too old, or the storage is behind: the Hub itself has just said that there is the file.
    """
    asked = response.history[0].url if response.history else response.url
    return (
        response.status_code in (403, 404)
        and "X-Error-Code" not in response.headers
        and (response.url.host, response.url.port) != (asked.host, asked.port)
    )


class _Client(httpx2.Client):
    """The Hub's own client, with our timeouts, which tries again within `one_retry()`."""

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request, and again where it failed for a reason that may pass.

        Redirects are followed within an attempt, so that each begins at the Hub's own address.
        """
        _bound(request)
        if not _is_one_retry.get() or request.method not in _SAFE_METHODS:
            return super().send(request, **options)
        if turn_s := _PACE.take_turn_s(request):
            time.sleep(turn_s)
        began = time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = super().send(request, **options)
                _PACE.learn(response)
                passing = _passing_fault(response)
                if passing is None:
                    return response
                fault: Exception = passing
            except httpx2.TransportError as error:
                fault = error
            wait_s = wait_before_retry_s(fault, attempt)
            is_last = attempt == ATTEMPTS or (attempt > 1 and _is_too_late(fault, began))
            if wait_s is None or is_last:
                raise GivenUp(fault) from fault
            log.warning("%s; trying again in %.1f s", _describe(request, fault), wait_s)
            time.sleep(wait_s)
        raise AssertionError("unreachable: the last attempt returns or raises")


def _our_client() -> httpx2.Client:
    # As the library's own factory makes it, but for the class and the timeouts.
    hooks = {"request": [hf_request_event_hook]}
    return _Client(event_hooks=hooks, follow_redirects=True, timeout=TIMEOUT)


def _bound(request: httpx2.Request) -> None:
    """Put our timeouts where the caller's are none: the Hub's libraries pass None, for ever."""
    asked = request.extensions.get("timeout") or {}
    bounded = {**TIMEOUT.as_dict(), **{k: v for k, v in asked.items() if v is not None}}
    request.extensions = {**request.extensions, "timeout": bounded}


def _passing_fault(response: httpx2.Response) -> HfHubHTTPError | None:
    """The error of an answer that may be another one next time; None for all other answers."""
    if response.status_code not in _PASSING and not is_refused_link(response):
        return None
    try:
        hf_raise_for_status(response)
    except HfHubHTTPError as error:
        response.close()
        return error
    return None


def _is_too_late(fault: Exception, began: float) -> bool:
    """Whether patience has run out; it never does while the server itself tells how long to wait."""
    is_asked = isinstance(fault, HfHubHTTPError) and asked_wait_s(fault.response) is not None
    return not is_asked and time.monotonic() - began > PATIENCE_S


def _describe(request: httpx2.Request, fault: Exception) -> str:
    """What failed, in one line, without the query: a link to the storage is signed in it."""
    address = f"{request.url.scheme}://{request.url.netloc.decode()}{request.url.path}"
    reason = (
        f"it answered {fault.response.status_code}"
        if isinstance(fault, HfHubHTTPError)
        else type(fault).__name__
    )
    return f"{request.method} {address} failed ({reason})"
