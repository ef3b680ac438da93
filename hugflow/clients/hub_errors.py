"""The Hub's refusals as errors that a person can mend."""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx2
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import parse_ratelimit_headers

from hugflow.errors import HubUnavailable, HugflowError, NotAuthorised, RequestInvalid

log = logging.getLogger(__name__)

T = TypeVar("T")

# Longer than this nobody wants to sleep without being told; the error names the time instead.
LONGEST_WAIT_S = 60.0
ATTEMPTS = 5


class WaitTooLong(Exception):
    """The Hub asks for a longer wait than anybody wants to sleep through.

    No OSError and no HTTP error, because the Hub's libraries would sleep on those, and hide them.
    """

    def __init__(self, wait_s: float) -> None:
        """Keep the seconds."""
        super().__init__(f"asked to wait {wait_s:.0f} s")
        self.wait_s = wait_s


# What the Hub's clients raise. `datasets` makes ConnectionError and LocalEntryNotFoundError of a
# server that does not answer; a proxy's own page, where JSON was asked for, is a JSONDecodeError.
HUB_ERRORS = (
    HfHubHTTPError,
    httpx2.HTTPError,
    OfflineModeIsEnabled,
    WaitTooLong,
    ConnectionError,
    LocalEntryNotFoundError,
    json.JSONDecodeError,
)


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Turn what the Hub's clients raise into our errors; `what` names the repository or file."""
    try:
        yield
    except HUB_ERRORS as error:
        raise to_hugflow_error(error, what) from error


def to_hugflow_error(error: Exception, what: str) -> HugflowError:
    """Give the error that says what the Hub's refusal means for the person who asked."""
    match error:
        case OfflineModeIsEnabled():
            return HubUnavailable(
                f"{what}: the Hub was not asked",
                why="HF_HUB_OFFLINE is set",
                mend="unset HF_HUB_OFFLINE and run the same command again",
            )
        case GatedRepoError():
            return NotAuthorised(
                f"{what}: access is gated",
                why="the owner lets in only people who accepted the conditions of the dataset",
                mend="open the dataset's page while logged in, accept its conditions, and set "
                "HF_TOKEN to a token of that account that may read gated repositories",
            )
        case RepositoryNotFoundError() if _status(error) == 401:
            return NotAuthorised(
                f"{what}: the Hub does not show it to us",
                why="it is private, or it does not exist; without a valid token the Hub "
                "answers both the same way",
                mend="check the name; if it is private, set HF_TOKEN to a token that may read it",
            )
        case RepositoryNotFoundError():
            return RequestInvalid(
                f"{what}: no such dataset",
                why="the Hub knows no dataset of that name that this token may read; it was "
                "renamed, withdrawn, or is private",
                mend="check hf_id on the Hub; if it is private, ask its owner for access",
            )
        case DisabledRepoError():
            return RequestInvalid(
                f"{what}: the dataset is disabled",
                why="the Hub has switched off access to it",
                mend="choose another dataset, or ask the Hub why",
            )
        case RevisionNotFoundError():
            return RequestInvalid(
                f"{what}: no such revision",
                why="the repository has no branch, tag or commit of that name",
                mend="check revision; leave it out for the branch main",
            )
        case RemoteEntryNotFoundError():
            return RequestInvalid(
                f"{what}: no such file",
                why="the repository does not hold it at this commit",
                mend="tell the dataset's owner, or request another revision",
            )
        case HfHubHTTPError() if _is_expired_link(error):
            return HubUnavailable(
                f"{what}: the Hub's storage refuses the link that the Hub gave",
                why="such links expire; a new one is asked for on every attempt",
                mend="run the same command again later: it goes on where it stopped",
            )
        case HfHubHTTPError() if _status(error) in (401, 403):
            return NotAuthorised(
                f"{what}: the Hub refuses our token",
                why=f"it answered {_status(error)}",
                mend="set HF_TOKEN to a valid token with read access "
                "(https://huggingface.co/settings/tokens)",
            )
        case HfHubHTTPError() if _status(error) in (400, 404, 410, 422):
            return RequestInvalid(
                f"{what}: the Hub refuses to answer",
                why=f"it answered {_status(error)}",
                mend="check hf_id, revision and HF_ENDPOINT",
            )
        case WaitTooLong():
            return HubUnavailable(
                f"{what}: the Hub cannot answer now",
                why=f"it asks to wait {error.wait_s:.0f} s",
                mend="run the same command again then: it goes on where it stopped",
            )
        case HfHubHTTPError():
            return HubUnavailable(
                f"{what}: the Hub cannot answer now",
                why=f"it answered {_status(error)}",
                mend="run the same command again later: it goes on where it stopped",
            )
        case _:
            return HubUnavailable(
                f"{what}: the Hub cannot be reached",
                why=f"{type(error).__name__}: {_one_line(error)}",
                mend="check the network and HF_ENDPOINT, then run the same command again: "
                "it goes on where it stopped",
            )


def retry(call: Callable[[], T], what: str) -> T:
    """Call until it succeeds, a few times, where trying again may help.

    A wait that the server asks for is honoured up to LONGEST_WAIT_S; a longer one ends the
    attempts at once, so that the error can name it.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with hub_errors(what):
                return call()
        except HubUnavailable as error:
            wait_s = wait_before_retry_s(error.__cause__, attempt)
            if attempt == ATTEMPTS or wait_s is None:
                raise
            log.warning("%s (%s); trying again in %.1f s", error.what, error.why, wait_s)
            time.sleep(wait_s)
    raise AssertionError("unreachable: the last attempt returns or raises")


def wait_before_retry_s(cause: BaseException | None, attempt: int) -> float | None:
    """How long to wait before the next attempt; None when trying again soon cannot help."""
    if isinstance(cause, OfflineModeIsEnabled | WaitTooLong):
        return None
    asked_s = _retry_after_s(cause.response) if isinstance(cause, HfHubHTTPError) else None
    return 0.25 * float(2**attempt) if asked_s is None else max(asked_s, 0.1)


def refuse_long_wait(response: httpx2.Response) -> None:
    """Raise WaitTooLong where an answer asks for a wait beyond LONGEST_WAIT_S.

    A hook of the HTTP client, so it holds within the Hub's libraries too: left to themselves they
    sleep through an hour, five times over.
    """
    if response.status_code in (429, 503):
        wait_s = _retry_after_s(response)
        if wait_s is not None and wait_s > LONGEST_WAIT_S:
            raise WaitTooLong(wait_s)


def _retry_after_s(response: httpx2.Response) -> float | None:
    """Seconds of a Retry-After header, else until the Hub's rate limit ends; None for neither.

    https://huggingface.co/docs/hub/rate-limits: the Hub itself tells it by `RateLimit` alone.
    """
    value = response.headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    limit = parse_ratelimit_headers(response.headers) if response.status_code == 429 else None
    return float(limit.reset_in_seconds) if limit is not None else None


def _is_expired_link(error: HfHubHTTPError) -> bool:
    """A 403 that the Hub itself did not sign comes from storage: the link was too old."""
    return (
        _status(error) == 403
        and "X-Error-Code" not in error.response.headers
        and bool(error.response.history)
    )


def _status(error: HfHubHTTPError) -> int:
    return error.response.status_code


def _one_line(error: Exception) -> str:
    # A library may quote the header it could not send.
    text = re.sub(r"(?i)bearer\s+[^\s'\"]+", "Bearer (not shown)", " ".join(str(error).split()))
    return text[:200] or "no reason given"
