"""The identity of a bot, and the channels that it sees.

https://docs.slack.dev/reference/methods/auth.test and conversations.list
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from hugflow.testing.exchange import Response, answer_json
from hugflow.testing.slack_api.call import Call
from hugflow.testing.slack_api.holdings import TEAM, TEAM_ID, Bot, Channel
from hugflow.testing.slack_api.refusal import SlackRefusal

PAGE_SIZE = 100
LARGEST_PAGE = 1000
# The scope that shows the channels of each kind.
SCOPE_BY_KIND = {"public_channel": "channels:read", "private_channel": "groups:read"}


def answer_auth_test(call: Call) -> Response:
    """The token's owner."""
    bot = call.demand_bot()
    return answer_json(
        {
            "ok": True,
            "url": "https://acme.slack.com/",
            "team": TEAM,
            "user": bot.name,
            "team_id": TEAM_ID,
            "user_id": bot.user_id,
            "bot_id": bot.bot_id,
            "is_enterprise_install": False,
        }
    )


def list_channels(call: Call) -> Response:
    """A page of the channels that the bot sees, and a cursor for the next page."""
    bot = call.demand_bot()
    kinds = str(call.values.get("types") or "public_channel").split(",")
    for kind in kinds:
        if kind not in SCOPE_BY_KIND:
            raise SlackRefusal("invalid_types")
        call.demand_bot(SCOPE_BY_KIND[kind])
    leaves_out_archived = str(call.values.get("exclude_archived", "")).lower() in {"true", "1"}
    found = [
        channel
        for channel in call.held.channels.values()
        if _kind(channel) in kinds
        and not (channel.is_private and not channel.has(bot))
        and not (channel.is_archived and leaves_out_archived)
    ]
    first, size = _read_cursor(call, [channel.id for channel in found]), _read_limit(call)
    page, rest = found[first : first + size], found[first + size :]
    cursor = urlsafe_b64encode(f"team:{rest[0].id}".encode()).decode() if rest else ""
    return answer_json(
        {
            "ok": True,
            "channels": [_render(channel, bot) for channel in page],
            "response_metadata": {"next_cursor": cursor},
        }
    )


def _render(channel: Channel, bot: Bot) -> dict[str, str | bool]:
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_member": channel.has(bot),
    }


def _kind(channel: Channel) -> str:
    return "private_channel" if channel.is_private else "public_channel"


def _read_limit(call: Call) -> int:
    text = str(call.values.get("limit") or PAGE_SIZE)
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_PAGE:
        raise SlackRefusal("invalid_limit")
    return int(text)


def _read_cursor(call: Call, ids: list[str]) -> int:
    """The start of the page."""
    cursor = str(call.values.get("cursor") or "")
    if not cursor:
        return 0
    try:
        return ids.index(urlsafe_b64decode(cursor).decode().removeprefix("team:"))
    except ValueError as error:
        raise SlackRefusal("invalid_cursor") from error
