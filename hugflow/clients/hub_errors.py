"""The Hub's refusals, as errors that a person can fix."""

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
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hugflow.clients.repository import RepoId, RepoKind
from hugflow.clients.session import (
    ATTEMPTS,
    LONGEST_WAIT_S,
    GivenUp,
    asked_wait_s,
    is_refused_link,
    one_retry,
    wait_before_retry_s,
)
from hugflow.errors import (
    FileMissing,
    HubUnavailable,
    HubUnreachable,
    HugflowError,
    NotAuthorised,
    RequestInvalid,
)
from hugflow.redact import in_a_line

log = logging.getLogger(__name__)

T = TypeVar("T")

# The errors of the Hub's clients. For a server that does not answer, `datasets` raises
# ConnectionError and LocalEntryNotFoundError; a proxy's page instead of JSON is a JSONDecodeError.
HUB_ERRORS = (
    HfHubHTTPError,
    httpx2.HTTPError,
    OfflineModeIsEnabled,
    GivenUp,
    ConnectionError,
    LocalEntryNotFoundError,
    json.JSONDecodeError,
)

TOKENS_PAGE = "https://huggingface.co/settings/tokens"
# Of the API, and of a file.
_ADDRESS = re.compile(
    r"(?P<endpoint>.+?)/(?:api/(?P<kind>datasets|models)/(?P<asked>[^/]+/[^/?]+)"
    r"|(?P<dataset>datasets/)?(?P<held>[^/]+/[^/]+)/resolve/)"
)
_GATED_PERMISSION = "Read access to contents of all public gated repos you can access"


class RevisionMissing(RequestInvalid):
    """The repository has no branch, tag or commit of this name."""


class RepositoryMissing(RequestInvalid):
    """The Hub has no such repository, or has closed it."""


class RepositoryHidden(NotAuthorised):
    """The Hub does not show the repository without a token: it is private or does not exist."""


# For a repository that could be read before: it was deleted, closed, or made private.
DATASET_GONE = (RepositoryMissing, RepositoryHidden)


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Turn errors of the Hub's clients into ours; `what` names the repository or file."""
    try:
        yield
    except HUB_ERRORS as error:
        raise to_hugflow_error(error, what) from error


def retry(call: Callable[[], T], what: str) -> T:
    """Call a function a few times, until it succeeds, if another try may help.

    Single requests are retried where they are sent. This covers later errors, such as an answer
    that breaks off. Every wait is logged.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with one_retry(), hub_errors(what):
                return call()
        except HubUnavailable as error:
            wait_s = wait_before_retry_s(error.__cause__, attempt)
            if attempt == ATTEMPTS or wait_s is None:
                raise
            log.warning("%s (%s); trying again in %.1f s", error.what, error.why, wait_s)
            time.sleep(wait_s)
    raise AssertionError("unreachable: the last attempt returns or raises")


def ask(call: Callable[[], T], what: str) -> T:
    """`retry` for a call of the Hub's API: an invalid answer counts as a missing one."""

    def understood() -> T:
        try:
            return call()
        except (*HUB_ERRORS, HFValidationError):
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise httpx2.DecodingError(f"the answer makes no sense: {error}") from error

    return retry(understood, what)


def to_hugflow_error(error: Exception, what: str) -> HugflowError:
    """The error that explains the Hub's refusal to the user."""
    match error:
        case GivenUp():
            return to_hugflow_error(error.cause, what)
        case OfflineModeIsEnabled():
            return offline(what)
        case LocalEntryNotFoundError(__cause__=HfHubHTTPError() as answer):
            # The library tried its cache because the Hub refused, and reports that the Hub is unreachable.
            return to_hugflow_error(answer, what)
        case GatedRepoError():
            return gated(error, what)
        case RepositoryNotFoundError():
            return _not_found(error, what)
        case DisabledRepoError():
            return RepositoryMissing(
                f"{what}: the {_kind(error.response)} is disabled",
                why="the Hub has switched off access to it",
                mend=f"choose another {_kind(error.response)}, or ask the Hub why",
            )
        case RevisionNotFoundError():
            return RevisionMissing(
                f"{what}: no such revision",
                why="the repository has no branch, tag or commit of that name",
                mend="check revision; leave it out for the branch main",
            )
        case RemoteEntryNotFoundError():
            return FileMissing(
                f"{what}: no such file",
                why="the repository does not hold it at this commit",
                mend=f"report it to the {_kind(error.response)}'s owner, or request another revision",
            )
        case HfHubHTTPError():
            return _refused(error, what)
        case _:
            return HubUnreachable(
                f"{what}: the Hub cannot be reached",
                why=f"{type(error).__name__}: {one_line(str(error))}",
                mend="check the network and HF_ENDPOINT, then run the same command again: "
                "it continues where it stopped",
            )


def offline(what: str) -> HubUnreachable:
    """The Hub was not called, because a setting forbids it."""
    return HubUnreachable(
        f"{what}: the Hub was not asked",
        why="HF_HUB_OFFLINE is set (or HF_DATASETS_OFFLINE, for `datasets`)",
        mend="unset HF_HUB_OFFLINE and run the same command again",
    )


def gated(
    error: HfHubHTTPError, what: str, gate: str = "auto", account: str | None = None
) -> NotAuthorised:
    """The error for a gated repository, and who can grant access.

    gate: `manual` if the owner grants access by hand.
    account: the account of the token, if known.
    """
    page = _page(error.response)
    says = one_line(error.server_message) if error.server_message else ""
    asked = "accept its conditions"
    if gate == "manual":
        asked += ", wait until the owner has approved the account"
    permission = f'a fine-grained token needs "{_GATED_PERMISSION}" besides'
    if not _shows_token(error.response):
        why = (
            "HF_TOKEN is not set, and the owner lets in only accounts that accepted the conditions"
        )
        mend = (
            f"open {page} while logged in, {asked}, then set HF_TOKEN to a token of that account; "
            f"{permission}"
        )
    else:
        whose = f"the account {account!r} of the token" if account else "the account of the token"
        why = f"the Hub does not let in {whose}" + (f"; it says: {says}" if says else "")
        mend = f"open {page} as {whose}, {asked}; {permission}"
    if "awaiting" in says:
        mend = f"wait until the owner approves the account; {page} shows when"
    elif "fine-grained" in says:
        mend = f'give the token "{_GATED_PERMISSION}" on {TOKENS_PAGE}'
    return NotAuthorised(f"{what}: access is gated", why=why, mend=mend)


def one_line(text: str) -> str:
    """Foreign text as one short line, without tokens."""
    # A library may quote a header that it could not send.
    text = re.sub(r"(?i)bearer\s+[^\s'\"]+", "Bearer (not shown)", " ".join(text.split()))
    text = re.sub(r"\bhf_[A-Za-z0-9]{8,}", "(a token, not shown)", text)
    return in_a_line(text) or "no reason given"


def _not_found(error: RepositoryNotFoundError, what: str) -> HugflowError:
    kind = _kind(error.response)
    if _status(error) != 401:
        return RepositoryMissing(
            f"{what}: no such {kind}",
            why=f"the Hub knows no {kind} of that name that this token may read; it was "
            "renamed, withdrawn, or is private to another account",
            mend="check hf_id on the Hub; if it is private, ask its owner for access, or set "
            "HF_TOKEN to a token of an account that may read it",
        )
    return RepositoryHidden(
        f"{what}: the Hub does not show it to us",
        why=f"HF_TOKEN is not set; the {kind} is private, or it does not exist: without a token "
        "the Hub answers both the same way"
        if not _shows_token(error.response)
        else "it is private, or it does not exist; without a valid token the Hub answers both "
        "the same way",
        mend="check the name; if it is private, set HF_TOKEN to a token that may read it",
    )


def _refused(error: HfHubHTTPError, what: str) -> HugflowError:
    """The error for a refusal without a name of its own, by its status."""
    status = _status(error)
    if is_refused_link(error.response):
        return HubUnavailable(
            f"{what}: the Hub's storage refuses the link that the Hub gave",
            why=f"it answered {status} to each of them; such links expire, and a new one is asked for "
            "on every attempt",
            mend="run the same command again later: it continues where it stopped",
        )
    if status in (401, 403):
        return _token_refused(error, what)
    if status == 429:
        return _too_many_requests(error, what)
    # A refused range is an error of the server: it is within the size that the Hub itself names.
    if status < 500 and status not in (408, 416):
        return RequestInvalid(
            f"{what}: the Hub refuses to answer",
            why=f"it answered {status}",
            mend="check hf_id, revision and HF_ENDPOINT",
        )
    return HubUnavailable(
        f"{what}: the Hub cannot answer now",
        why=f"it answered {status}{_asked_wait_words(error)}",
        mend="run the same command again later: it continues where it stopped",
    )


def _token_refused(error: HfHubHTTPError, what: str) -> NotAuthorised:
    status = _status(error)
    if not _shows_token(error.response):
        return NotAuthorised(
            f"{what}: the Hub asks who we are",
            why=f"HF_TOKEN is not set, and it answered {status}",
            mend=f"set HF_TOKEN to a token with read access ({TOKENS_PAGE})",
        )
    return NotAuthorised(
        f"{what}: the Hub refuses our token",
        why="it does not know the token of HF_TOKEN (or of `hf auth login`): it is mistyped, "
        "expired or revoked"
        if status == 401
        else f"the token lacks a permission; the Hub says: {one_line(error.server_message or '')}",
        mend=f"set HF_TOKEN to a valid token with read access ({TOKENS_PAGE})",
    )


def _too_many_requests(error: HfHubHTTPError, what: str) -> HubUnavailable:
    more = "" if _shows_token(error.response) else "; with HF_TOKEN set, the Hub allows more"
    return HubUnavailable(
        f"{what}: the Hub's rate limit is reached",
        why=f"it answered 429{_asked_wait_words(error)}",
        mend=f"run the same command again then: it continues where it stopped{more}",
    )


def _asked_wait_words(error: HfHubHTTPError) -> str:
    wait_s = asked_wait_s(error.response)
    if wait_s is None:
        return ""
    longest = f", and nothing longer than {LONGEST_WAIT_S:.0f} s is waited for"
    return f"; it asks to wait {wait_s:.0f} s" + (longest if wait_s > LONGEST_WAIT_S else "")


def _shows_token(response: httpx2.Response) -> bool:
    """Whether we sent the Hub a token; a storage that it redirects to gets none."""
    return "authorization" in _first_request(response).headers


def _page(response: httpx2.Response) -> str:
    """The repository's page, from the address of the request."""
    found = _ADDRESS.match(str(_first_request(response).url))
    if found is None:
        return "the dataset's page"
    return RepoId(_kind(response), found["asked"] or found["held"]).page(found["endpoint"])


def _kind(response: httpx2.Response) -> RepoKind:
    """The kind of the repository, from the address of the request."""
    found = _ADDRESS.match(str(_first_request(response).url))
    if found is None or found["dataset"] or found["kind"] == "datasets":
        return "dataset"
    return "model"


def _first_request(response: httpx2.Response) -> httpx2.Request:
    """The request before any redirect."""
    return (response.history[0] if response.history else response).request


def _status(error: HfHubHTTPError) -> int:
    return error.response.status_code
