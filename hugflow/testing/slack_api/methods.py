"""The routes: the Web API below /api/, webhooks below /services/.

https://docs.slack.dev/reference/methods
"""

from collections.abc import Callable, Mapping

from hugflow.testing.exchange import Ask, Refusal, Response
from hugflow.testing.slack_api import messages, team, webhooks
from hugflow.testing.slack_api.call import Call, read_values
from hugflow.testing.slack_api.holdings import Holdings
from hugflow.testing.slack_api.refusal import PLAIN, SlackRefusal

METHODS: Mapping[str, Callable[[Call], Response]] = {
    "auth.test": team.answer_auth_test,
    "conversations.list": team.list_channels,
    "chat.postMessage": messages.post_message,
    "chat.update": messages.update_message,
}


def answer_slack(held: Holdings, ask: Ask) -> tuple[Response, Holdings]:
    """The answer to a call, and the content after its effect."""
    call = Call(held, ask)
    try:
        match ask.segments:
            case ("api", name):
                call.values = read_values(ask)
                if name not in METHODS:
                    raise SlackRefusal("unknown_method", more={"req_method": name})
                answer = METHODS[name](call)
            case ("services", *_):
                answer = webhooks.post_webhook(call)
            case _:
                answer = Response(404, PLAIN, b"Not Found")
    except Refusal as refusal:
        return refusal.to_answer(), held
    return answer, call.held
