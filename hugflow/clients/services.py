"""How GitHub and Slack fail, sorted by what can be done about it."""

from hugflow.errors import HugflowError
from hugflow.redact import in_a_line

# What GitHub asks for where it limits and does not say how long:
# https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
UNSAID_LIMIT_S = 60.0


class ServiceUnavailable(HugflowError):
    """A service cannot be reached or will not answer now; later it may.

    wait_s: how long it asks to be left alone; None where it says nothing. may_have_happened: what
    was asked for may have been done all the same, and only the answer is lost.
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
        """Keep what the next attempt needs to know."""
        wait = "try again later" if wait_s is None else f"try again in {wait_s:.0f} s"
        super().__init__(what, why=in_a_line(why), mend=wait)
        self.wait_s = wait_s
        self.may_have_happened = may_have_happened


class ServiceRefused(HugflowError):
    """A service understood what was asked for and does not do it; asking again does not help.

    status: of HTTP. word: the service's own for it, such as `channel_not_found`.
    """

    def __init__(self, what: str, *, why: str, mend: str, status: int, word: str = "") -> None:
        """Keep what decides what to do instead."""
        super().__init__(what, why=in_a_line(why), mend=mend)
        self.status = status
        self.word = word
        if status in (401, 403):
            self.exit_code = 5
