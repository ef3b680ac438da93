"""The user of a token, and the requests it has left this hour."""

import re
from dataclasses import replace

from hugflow.testing.exchange import Response, answer_json
from hugflow.testing.github_api.call import Call
from hugflow.testing.github_api.holdings import Holder, Usage, put
from hugflow.testing.github_api.refusal import GitHubRefusal
from hugflow.testing.github_api.render import render_user

HOUR_S = 3600
# Requests per hour without a token.
ANONYMOUS_LIMIT = 60


def answer_user(call: Call) -> Response:
    """The user behind the token; a workflow's token has none."""
    holder = call.demand_token()
    if holder.is_integration:
        raise GitHubRefusal(403, "Resource not accessible by integration")
    return answer_json(render_user(call.api_url, holder.login))


def answer_graphql(call: Call) -> Response:
    """The viewer: the one GraphQL query that a workflow's token needs.

    https://docs.github.com/graphql/reference/queries#viewer
    """
    holder = call.demand_token()
    query = str(call.read("query")["query"])
    if re.sub(r"\s|^\s*query", "", query) != "{viewer{login}}":
        error = {"type": "NOT_SERVED", "message": "the stand-in knows `viewer { login }` alone"}
        return answer_json({"data": None, "errors": [error]})
    return answer_json({"data": {"viewer": {"login": holder.login}}})


def answer_limit(call: Call) -> Response:
    """The requests left; this request is not counted."""
    login = call.holder.login if call.holder else ""
    usage = call.held.usage.get(login, Usage(0, int(call.ask.received_at) + HOUR_S))
    limit = ANONYMOUS_LIMIT if call.holder is None else 5000
    core = {
        "limit": limit,
        "used": usage.used,
        "remaining": max(0, limit - usage.used),
        "reset": usage.resets_at,
    }
    return answer_json({"resources": {"core": core}, "rate": core})


def answer_permission(call: Call) -> Response:
    """What somebody may do in the repository."""
    call.demand_token()
    (login,) = call.words
    permission = call.repo.permissions.get(login, "admin" if login == call.repo.owner else "read")
    user = render_user(call.api_url, login)
    return answer_json({"permission": permission, "role_name": permission, "user": user})


def count_request(call: Call, limit: int) -> dict[str, str]:
    """Count the request, and give the headers with the rest.

    Raises GitHubRefusal when nothing was left.
    """
    login = call.holder.login if call.holder else ""
    limit = limit if call.holder else min(limit, ANONYMOUS_LIMIT)
    now = int(call.ask.received_at)
    usage = call.held.usage.get(login)
    if usage is None or usage.resets_at <= now:
        usage = Usage(0, now + HOUR_S)
    is_spent = usage.used >= limit
    usage = usage if is_spent else replace(usage, used=usage.used + 1)
    call.held = replace(call.held, usage=put(call.held.usage, login, usage))
    headers = {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(limit - usage.used),
        "X-RateLimit-Used": str(usage.used),
        "X-RateLimit-Reset": str(usage.resets_at),
        "X-RateLimit-Resource": "core",
    }
    if is_spent:
        message = f"API rate limit exceeded for {_name(call.holder)}."
        doc = "using-the-rest-api/rate-limits-for-the-rest-api"
        raise GitHubRefusal(403, message, doc=doc, headers=headers)
    return headers


def _name(holder: Holder | None) -> str:
    if holder is None:
        return "127.0.0.1"
    return "installation" if holder.is_integration else f"user {holder.login}"
