"""How GitHub and Slack fail, sorted by what can be done."""

from hugflow.errors import HugflowError
from hugflow.redact import in_a_line

# The wait that GitHub asks for if a limit does not say how long:
# https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
UNSAID_LIMIT_S = 60.0


class ServiceUnavailable(HugflowError):
    """A service cannot be reached or does not answer now; a later try may succeed.

    wait_s: how long the service asks for no more calls; None if it does not say.
    may_have_happened: the call may have had its effect, and only the answer was lost.
    """

    exit_code = 7

    def __init__(
        self,
        what: str,
        *,
        why: str,
        wait_s: float | None = None,
        may_have_happened: bool = False,
    ) -> None:
        """Keep the facts for the next attempt."""
        wait = "try again later" if wait_s is None else f"try again in {wait_s:.0f} s"
        super().__init__(what, why=in_a_line(why), mend=wait)
        self.wait_s = wait_s
        self.may_have_happened = may_have_happened


class ServiceRefused(HugflowError):
    """A service understood the call and refuses it; another try does not help.

    status: the HTTP status.
    word: the service's own word for it, such as `channel_not_found`.
    """

    def __init__(self, what: str, *, why: str, mend: str, status: int, word: str = "") -> None:
        """Keep the facts for the caller's decision."""
        super().__init__(what, why=in_a_line(why), mend=mend)
        self.status = status
        self.word = word
        if status in (401, 403):
            self.exit_code = 5
