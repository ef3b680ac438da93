"""GitHub's two rate limits, as faults; Slack's is `Status(429, retry_after_s=30)`.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from dataclasses import replace

from hugflow.late_dataclass import dataclass
from hugflow.testing.exchange import Response
from hugflow.testing.faults import Encounter
from hugflow.testing.github_api.refusal import GitHubRefusal

ABOUT = "using-the-rest-api/rate-limits-for-the-rest-api"


@dataclass(frozen=True, slots=True)
class SecondaryLimit:
    """The secondary limit: 403, or 429, with `Retry-After`; without it if that is None."""

    retry_after_s: int | None = 60
    code: int = 403

    def strike(self, met: Encounter) -> Response | None:
        """The refusal; only GitHub has this limit."""
        if met.ask.port != "github":
            return None
        words = "You have exceeded a secondary rate limit. "
        words += "Please wait a few minutes before you try again."
        wait = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        return _refuse(met, GitHubRefusal(self.code, words, doc=ABOUT, headers=wait))


@dataclass(frozen=True, slots=True)
class PrimaryLimit:
    """The hour's requests are used up: 403, with the end of the limit in `X-RateLimit-Reset`."""

    reset_s: int = 60

    def strike(self, met: Encounter) -> Response | None:
        """The refusal; only GitHub has this limit."""
        if met.ask.port != "github":
            return None
        used = met.answer.headers.get("X-RateLimit-Limit", "5000")
        headers = {
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Used": used,
            "X-RateLimit-Reset": str(int(met.ask.received_at) + self.reset_s),
        }
        words = "API rate limit exceeded for user ID 1."
        return _refuse(met, GitHubRefusal(403, words, doc=ABOUT, headers=headers))


def _refuse(met: Encounter, refusal: GitHubRefusal) -> Response:
    answer = refusal.to_answer()
    true = {name: value for name, value in met.answer.headers.items() if name.startswith("X-")}
    headers = {**true, **answer.headers}
    kept = met.answer.disturbances
    return replace(answer, headers=headers, disturbances=kept, is_done=False)
