"""GitHub, by PyGithub: one place that sends a call, in bounded time, and sorts the answers.

PyGithub's own retries and waits are switched off: the caller decides what waits.
"""

import itertools
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from github import Auth, Github
from github.Requester import Requester
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

import requests
from hugflow.clients.github_calls import PAGE_SIZE, Call, user_call, viewer_call
from hugflow.clients.github_replies import Reply, User, read_user, read_viewer
from hugflow.clients.retry_after import parse_retry_after_s
from hugflow.clients.services import UNSAID_LIMIT_S, ServiceRefused, ServiceUnavailable

log = logging.getLogger(__name__)

# The user of the GITHUB_TOKEN in GitHub's own workflows.
WORKFLOW = User("github-actions[bot]", is_bot=True)
# GitHub itself ends a call that takes longer than 10 s.
TIMEOUT_S = 15
FIRST_WAIT_S = 1.0

T = TypeVar("T")

_PASSING = (408, 500, 502, 503, 504)


class GitHub:
    """An open connection to GitHub's API with a token.

    patience_s: how long a read-only call may be retried; each wait is logged. A call that changes
        something is sent once.
    """

    def __init__(
        self,
        api_url: str,
        token: str | None,
        *,
        timeout_s: int = TIMEOUT_S,
        patience_s: float = 0.0,
    ) -> None:
        """Set up; nothing is sent yet."""
        self._client = Github(
            base_url=api_url,
            auth=Auth.Token(token) if token else None,
            timeout=timeout_s,
            user_agent="hugflow",
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        self._patience_s = patience_s
        self._user: User | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._client.close()

    def send(self, call: Call) -> Reply:
        """Send a call; the answer.

        Raises ServiceUnavailable if another try may help later, ServiceRefused if not.
        """
        ends_at = time.monotonic() + (self._patience_s if call.is_safe else 0.0)
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return judge(call, self._send(call), datetime.now(UTC))
            except ServiceUnavailable as error:
                pause_s = wait_s if error.wait_s is None else error.wait_s
                if time.monotonic() + pause_s > ends_at:
                    raise
                log.warning("%s (%s); trying again in %.0f s", error.what, error.why, pause_s)
                time.sleep(pause_s)
                wait_s *= 2

    def fetch_all(
        self, to_call: Callable[[int], Call], read: Callable[[Reply], list[T]]
    ) -> Iterator[T]:
        """All items of a paged list; to_call: the call for a page, from 1 on."""
        for page in itertools.count(1):
            found = read(self.send(to_call(page)))
            yield from found
            if len(found) < PAGE_SIZE:
                return

    def fetch_user(self) -> User:
        """The user of the token; fetched once.

        The token of a workflow, like that of every GitHub App, has no user at `/user`: there
        GraphQL names its owner. Without GraphQL the token counts as a workflow's.
        """
        if self._user is None:
            try:
                self._user = read_user(self.send(user_call()))
            except ServiceRefused as error:
                if error.status != 403:
                    raise
                self._user = self._fetch_viewer()
        return self._user

    def _fetch_viewer(self) -> User:
        try:
            return read_viewer(self.send(viewer_call()))
        except ServiceRefused as error:
            log.warning("GitHub does not say whose the token is (%s): a workflow's", error.why)
            return WORKFLOW

    def _send(self, call: Call) -> Reply:
        requester = self._client.requester
        url = requester.graphql_url if call.path == "graphql" else call.path
        try:
            status, headers, text = requester.requestJson(
                call.method, url, parameters=dict(call.parameters), input=call.body
            )
        except (requests.RequestException, HTTPError, OSError) as error:
            raise ServiceUnavailable(
                f"GitHub does not answer {call}",
                why=_describe(error),
                may_have_happened=not call.is_safe and not _is_unsent(error),
            ) from error
        except RuntimeError as error:
            # PyGithub raises this for a redirect to another host or protocol: the token is not sent there.
            raise _refuse(call, 301, "it leads to another address") from error
        return Reply(status, headers, _parse(call, text, status))


def judge(call: Call, reply: Reply, now: datetime) -> Reply:
    """The answer if it is a success; raises what it is otherwise."""
    status, message = reply.status, _message(reply.value)
    if status < 300:
        return reply
    wait_s = limit_s(reply, message, now)
    if wait_s is not None:
        # A rate limit is checked before the call has any effect.
        raise ServiceUnavailable(f"GitHub limits {call}", why=message, wait_s=wait_s)
    if status in _PASSING:
        raise ServiceUnavailable(
            f"GitHub does not answer {call}",
            why=f"it says {status} {message}",
            wait_s=parse_retry_after_s(reply.headers.get("retry-after", ""), now),
            may_have_happened=not call.is_safe,
        )
    raise _refuse(call, status, message)


def limit_s(reply: Reply, message: str, now: datetime) -> float | None:
    """How long GitHub asks for no more calls; None if it does not.

    https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    headers = reply.headers
    asked_s = parse_retry_after_s(headers.get("retry-after", ""), now)
    is_used_up = headers.get("x-ratelimit-remaining") == "0"
    is_limit = is_used_up or asked_s is not None or Requester.isRateLimitError(message)
    if reply.status != 429 and not (reply.status == 403 and is_limit):
        return None
    if asked_s is None and is_used_up:
        try:
            asked_s = float(headers["x-ratelimit-reset"]) - now.timestamp()
        except (KeyError, ValueError):
            asked_s = None
    return UNSAID_LIMIT_S if asked_s is None else max(asked_s, 1.0)


def _refuse(call: Call, status: int, message: str) -> ServiceRefused:
    mends = {
        301: "set GITHUB_API_URL and GITHUB_REPOSITORY to where it is now",
        307: "set GITHUB_REPOSITORY to the name it has now",
        308: "set GITHUB_REPOSITORY to the name it has now",
        401: "set GITHUB_TOKEN to a valid token, or run `gh auth login`",
        403: "give the token, or the workflow's `permissions:`, the right to do this",
        404: "check GITHUB_REPOSITORY, and that the token may see it",
    }
    return ServiceRefused(
        f"GitHub refuses {call}",
        why=f"it says {status} {message}",
        mend=mends.get(status, "GitHub's words say what is missing"),
        status=status,
        word=message,
    )


def _parse(call: Call, text: str, status: int) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        if status >= 300:
            return None
        raise ServiceUnavailable(
            f"GitHub does not answer {call}",
            why=f"a page came with {status}, as from a proxy",
            may_have_happened=not call.is_safe,
        ) from error


def _message(value: Any) -> str:
    """GitHub's message about an error, with its words about each field."""
    if not isinstance(value, Mapping):
        return ""
    errors = value.get("errors")
    more = [
        str(each.get("message") or each.get("code") or "")
        for each in (errors if isinstance(errors, list) else [])
        if isinstance(each, Mapping)
    ]
    return "; ".join(filter(None, [str(value.get("message") or ""), *more]))


def _is_unsent(error: BaseException) -> bool:
    """Whether no connection was made, so that nothing can have happened."""
    causes = [error, *error.args, *(getattr(each, "reason", None) for each in error.args)]
    kinds = (requests.ConnectTimeout, NewConnectionError, ConnectTimeoutError)
    return any(isinstance(cause, kinds) for cause in causes)


def _describe(error: BaseException) -> str:
    """The error without an address: urllib3 repeats whole addresses."""
    reason = next((each.reason for each in error.args if hasattr(each, "reason")), error)
    inner = reason.args[-1] if isinstance(reason, HTTPError) and reason.args else reason
    return f"{type(inner).__name__}" if isinstance(inner, BaseException) else type(reason).__name__
