"""An error in the words of whichever service was asked."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from hugflow.testing.exchange import Ask, Refusal, Response
from hugflow.testing.github_api.refusal import GitHubRefusal
from hugflow.testing.slack_api.refusal import SlackRefusal, WebhookRefusal

# Where a status says less than the service does.
GITHUB_WORDS = {
    401: "Bad credentials",
    429: "You have exceeded a secondary rate limit. "
    "Please wait a few minutes before you try again.",
    500: "Server Error",
    502: "Server Error",
}
SLACK_WORDS = {200: "internal_error", 401: "invalid_auth", 429: "ratelimited"}
WEBHOOK_WORDS = {403: "action_prohibited", 404: "no_service", 429: "rate_limited"}


def word_error(
    ask: Ask, status: int, *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer by which the service that was asked refuses with this status.

    code: the service's own word for it, where the usual one is not meant.
    """
    phrase = _phrase(status)
    refusal: Refusal
    match ask.port:
        case "github":
            refusal = GitHubRefusal(status, code or GITHUB_WORDS.get(status, phrase))
        case "slack" if ask.segments[0] == "services":
            refusal = WebhookRefusal(status, code or WEBHOOK_WORDS.get(status, "rollup_error"))
        case "slack":
            refusal = SlackRefusal(code or SLACK_WORDS.get(status, "fatal_error"), status=status)
        case _:
            refusal = Refusal(status, phrase, code=code)
    answer = refusal.to_answer()
    return replace(answer, headers={**answer.headers, **(headers or {})})


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
