"""A slower pace before the Hub's rate limit is reached: the rest is spread over its window.

Every answer of the Hub says in the header `RateLimit` how many requests are left in the window of
five minutes. A dataset of thousands of files needs more requests than one window has.
https://huggingface.co/docs/hub/rate-limits
"""

import logging
import threading
import time
from collections.abc import Callable

import httpx2
from huggingface_hub.utils import parse_ratelimit_headers

log = logging.getLogger(__name__)

# While more than this share of a window's requests is left, there is no spacing.
_ENOUGH = 0.25
_USUAL_LIMIT = 500
LONGEST_SPACING_S = 10.0


class Pace:
    """Spaces the requests of all threads, if the last answers demand it.

    The Hub counts API calls and file requests separately, and so does this class.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without any spacing."""
        self._clock = clock
        self._lock = threading.Lock()
        self._spacing_s: dict[bool, float] = {}
        self._free_at: dict[bool, float] = {}

    def take_turn_s(self, request: httpx2.Request) -> float:
        """Seconds to wait before this request is sent; reserves its turn."""
        kind, now = _is_of_file(request), self._clock()
        with self._lock:
            spacing_s = self._spacing_s.get(kind, 0.0)
            turn = max(now, self._free_at.get(kind, now)) if spacing_s else now
            self._free_at[kind] = turn + spacing_s
        return turn - now

    def learn(self, response: httpx2.Response) -> None:
        """Adjust the spacing to an answer; the change to a slower pace is logged."""
        # Only the Hub's own answer counts, not the storage's. A 429 has its own wait.
        first = response.history[0] if response.history else response
        limit = parse_ratelimit_headers(first.headers) if first.status_code != 429 else None
        kind, spacing_s = _is_of_file(first.request), 0.0
        if limit is not None:
            spacing_s = to_spacing_s(limit.remaining, limit.reset_in_seconds, limit.limit)
        with self._lock:
            before, self._spacing_s[kind] = self._spacing_s.get(kind, 0.0), spacing_s
        if limit is not None and spacing_s and not before:
            log.warning(
                "the Hub allows %d more requests within %d s: going slower, one in %.1f s",
                limit.remaining,
                limit.reset_in_seconds,
                spacing_s,
            )


def to_spacing_s(remaining: int, reset_in_s: int, limit: int | None) -> float:
    """Seconds between two requests, so that the remaining ones last until the window ends."""
    if remaining > _ENOUGH * (limit or _USUAL_LIMIT):
        return 0.0
    return min(reset_in_s / (remaining + 1), LONGEST_SPACING_S)


def _is_of_file(request: httpx2.Request) -> bool:
    return "/resolve/" in request.url.path
