"""The HTTP client under the Hub's libraries: bounded waits, and one place that retries.

`huggingface_hub` and `datasets` retry some calls at several levels, so it takes minutes to notice
that the Hub is down; other calls they never retry. Within `one_retry()` each request is retried
here, where it is sent. If it keeps failing, the caller gets GivenUp, which no library retries.
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

from hugflow.clients.late_certificates import late_certificates
from hugflow.clients.pace import Pace
from hugflow.clients.retry_after import parse_retry_after_s

log = logging.getLogger(__name__)

# The Hub's client waits for ever by default; a stalled connection must end and be retried.
TIMEOUT = httpx2.Timeout(30.0, connect=15.0)
ATTEMPTS = 5
# If attempts take long to fail, fewer are made.
PATIENCE_S = 20.0
# A longer wait is not slept through in silence: the error names the time instead.
LONGEST_WAIT_S = 60.0

# Sending these twice changes nothing on the server.
_SAFE_METHODS = ("GET", "HEAD")
_PASSING = (408, 429, 500, 502, 503, 504)
# Errors of the request itself, not of the connection.
_NEVER_PASSING = httpx2.LocalProtocolError | httpx2.UnsupportedProtocol

_NO_FAULTS = (
    "Repo card metadata block was not found",
    "No files have been modified since last commit",
)

_PACE = Pace()
_is_one_retry: ContextVar[bool] = ContextVar("is_one_retry", default=False)


class GivenUp(Exception):
    """A request failed in all its attempts; `cause` is the last error.

    It is neither an OSError nor an HTTP error, because the Hub's libraries would retry or hide
    those.
    """

    def __init__(self, cause: Exception) -> None:
        """Keep the last error."""
        super().__init__(str(cause))
        self.cause = cause


@contextmanager
def one_retry() -> Iterator[None]:
    """Retry requests where they are sent, within this block and thread."""
    token = _is_one_retry.set(True)
    try:
        yield
    finally:
        _is_one_retry.reset(token)


@cache
def use_our_client() -> None:
    """Make the Hub's library send by our client; once, because it closes the open connections."""
    set_client_factory(_our_client)
    speak_through_our_log("huggingface_hub")


def speak_through_our_log(library: str) -> None:
    """Remove the handler by which a library writes to stderr itself, besides our log.

    Call it after the import of the library, which adds the handler.
    """
    logger = logging.getLogger(library)
    logger.handlers.clear()
    logger.propagate = True
    for name in ("huggingface_hub.repocard", "huggingface_hub.hf_api"):
        logging.getLogger(name).addFilter(_is_worth_a_word)


def _is_worth_a_word(record: logging.LogRecord) -> bool:
    """Whether to log a record: a card without a header and a push without a change are no faults."""
    return not str(record.msg).startswith(_NO_FAULTS)


def wait_before_retry_s(cause: BaseException | None, attempt: int) -> float | None:
    """How long to wait before the next attempt; None if a retry cannot help soon."""
    if isinstance(cause, GivenUp | OfflineModeIsEnabled | _NEVER_PASSING):
        return None
    asked_s = asked_wait_s(cause.response) if isinstance(cause, HfHubHTTPError) else None
    if asked_s is None:
        return 0.25 * float(2**attempt)
    return max(asked_s, 0.1) if asked_s <= LONGEST_WAIT_S else None


def asked_wait_s(response: httpx2.Response) -> float | None:
    """Seconds of a Retry-After header, else until the rate limit's window ends; None if unknown.

    https://huggingface.co/docs/hub/rate-limits: the Hub itself sends only `RateLimit`.
    """
    wait_s = parse_retry_after_s(response.headers.get("Retry-After", ""), datetime.now(UTC))
    if wait_s is not None:
        return wait_s
    limit = parse_ratelimit_headers(response.headers) if response.status_code == 429 else None
    return float(limit.reset_in_seconds) if limit is not None and not limit.remaining else None


def is_refused_link(response: httpx2.Response) -> bool:
    """Whether the storage that the Hub redirected us to refuses the link, or does not know it.

    The link was too old, or the storage is behind: the Hub has just said that the file exists.
    """
    asked = response.history[0].url if response.history else response.url
    return (
        response.status_code in (403, 404)
        and "X-Error-Code" not in response.headers
        and (response.url.host, response.url.port) != (asked.host, asked.port)
    )


class _Client(httpx2.Client):
    """The Hub's own client, with our timeouts; it retries within `one_retry()`."""

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request, with retries for errors that may pass.

        Redirects are followed within an attempt, so each attempt begins at the Hub's own address.
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
    # Like the library's own factory, except for the class, the timeouts and late certificates.
    hooks = {"request": [hf_request_event_hook]}
    return _Client(
        event_hooks=hooks, follow_redirects=True, timeout=TIMEOUT, verify=late_certificates()
    )


def _bound(request: httpx2.Request) -> None:
    """Set our timeouts if the caller set none; the Hub's libraries set none."""
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
    """Whether patience has run out; never while the server itself names a wait."""
    is_asked = isinstance(fault, HfHubHTTPError) and asked_wait_s(fault.response) is not None
    return not is_asked and time.monotonic() - began > PATIENCE_S


def _describe(request: httpx2.Request, fault: Exception) -> str:
    """The failed request in one line, without the query: a storage link has its signature there."""
    address = f"{request.url.scheme}://{request.url.netloc.decode()}{request.url.path}"
    reason = (
        f"it answered {fault.response.status_code}"
        if isinstance(fault, HfHubHTTPError)
        else type(fault).__name__
    )
    return f"{request.method} {address} failed ({reason})"
