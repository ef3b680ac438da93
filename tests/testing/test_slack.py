"""slack_sdk takes the loopback Slack for the real one."""

import httpx2
import pytest
from slack_sdk import WebClient, WebhookClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

from hugflow.testing.faults import Fault, Match, Page, Reset, Stall, Status
from hugflow.testing.slack import LoopbackSlack

BOT = "xoxb-made-up"


@pytest.fixture
def slack(slack: LoopbackSlack) -> LoopbackSlack:
    """A Slack with nothing on it but a bot and two channels."""
    slack.add_bot(BOT, "hugflow")
    slack.add_channel("general")
    slack.add_channel("ml-datasets")
    return slack


def connect(slack: LoopbackSlack, token: str | None = BOT) -> WebClient:
    """The real client, which does not try again."""
    return WebClient(token, base_url=slack.api_url, timeout=5, retry_handlers=[])


@pytest.fixture
def client(slack: LoopbackSlack) -> WebClient:
    """The real client with the bot's token."""
    return connect(slack)


def word(refused: pytest.ExceptionInfo[SlackApiError]) -> str:
    """Slack's word for what is wrong."""
    assert refused.value.response["ok"] is False
    return str(refused.value.response["error"])


def test_a_token_says_whose_it_is(client: WebClient):
    who = client.auth_test()
    assert (who["user"], who["team"]) == ("hugflow", "Acme")


@pytest.mark.parametrize(("token", "expected"), [(None, "not_authed"), ("xoxb-x", "invalid_auth")])
def test_who_shows_no_token_or_a_wrong_one_is_told_so(
    slack: LoopbackSlack, token: str | None, expected: str
):
    client = connect(slack, token)
    with pytest.raises(SlackApiError) as refused:
        client.auth_test()
    assert word(refused) == expected
    with pytest.raises(SlackApiError) as refused:
        client.chat_postMessage(channel="#general", text="Hello")
    assert word(refused) == expected
    assert slack.messages("general") == ()


def test_a_token_that_was_taken_back_is_wrong(slack: LoopbackSlack, client: WebClient):
    slack.remove_bot(BOT)
    with pytest.raises(SlackApiError) as refused:
        client.auth_test()
    assert word(refused) == "invalid_auth"


@pytest.mark.parametrize("named", ["#ml-datasets", "ml-datasets", "C0000002"])
def test_a_message_is_posted_by_name_or_id_and_changed_by_id_alone(
    slack: LoopbackSlack, client: WebClient, named: str
):
    posted = client.chat_postMessage(channel=named, text="0 of 2")
    assert posted["channel"] == "C0000002"
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="1 of 2")
    [message] = slack.messages("ml-datasets")
    assert (message.ts, message.text, message.author) == (posted["ts"], "1 of 2", "hugflow")
    assert message.edited_ts is not None
    with pytest.raises(SlackApiError) as refused:
        client.chat_update(channel="#ml-datasets", ts=posted["ts"], text="2 of 2")
    assert word(refused) == "channel_not_found"
    assert slack.messages("general") == ()


def test_messages_have_names_of_their_own_and_keep_what_was_sent(
    slack: LoopbackSlack, client: WebClient
):
    blocks = [{"type": "divider"}]
    first = client.chat_postMessage(channel="general", text="a", blocks=blocks)
    second = client.chat_postMessage(channel="general", text="b", thread_ts=first["ts"])
    one, other = slack.messages("#general")
    assert one.ts != other.ts
    assert one.more == {"blocks": blocks}
    assert first["message"]["blocks"] == blocks
    assert (other.thread_ts, second["message"]["thread_ts"]) == (one.ts, one.ts)


@pytest.mark.parametrize(
    ("channel", "text", "expected"),
    [
        ("#nowhere", "Hello", "channel_not_found"),
        ("#secret", "Hello", "channel_not_found"),
        ("#others", "Hello", "not_in_channel"),
        ("#old", "Hello", "is_archived"),
        ("#general", "", "no_text"),
        ("#general", "x" * 40_001, "msg_too_long"),
    ],
)
def test_a_message_that_slack_does_not_take_says_why(
    slack: LoopbackSlack, client: WebClient, channel: str, text: str, expected: str
):
    slack.add_channel("secret", is_private=True, members=[])
    slack.add_channel("others", members=["other"])
    slack.add_channel("old", is_archived=True)
    with pytest.raises(SlackApiError) as refused:
        client.api_call("chat.postMessage", json={"channel": channel, "text": text})
    assert word(refused) == expected
    assert not any(held["messages"] for held in slack.describe().values())


def test_a_bot_with_the_right_writes_to_public_channels_that_it_is_not_in(slack: LoopbackSlack):
    slack.add_channel("others", members=[])
    slack.add_bot("xoxb-public", "herald", scopes=["chat:write", "chat:write.public"])
    connect(slack, "xoxb-public").chat_postMessage(channel="#others", text="Hello")
    assert [each.text for each in slack.messages("others")] == ["Hello"]


def test_what_was_not_granted_is_named(slack: LoopbackSlack):
    slack.add_bot("xoxb-mute", "mute", scopes=["channels:read"])
    with pytest.raises(SlackApiError) as refused:
        connect(slack, "xoxb-mute").chat_postMessage(channel="#general", text="Hello")
    assert word(refused) == "missing_scope"
    assert refused.value.response["needed"] == "chat:write"
    assert refused.value.response["provided"] == "channels:read"


def test_a_message_of_another_bot_or_none_is_not_changed(slack: LoopbackSlack, client: WebClient):
    slack.add_bot("xoxb-other", "other")
    theirs = connect(slack, "xoxb-other").chat_postMessage(channel="#general", text="theirs")
    for ts, expected in [(theirs["ts"], "cant_update_message"), ("1.000001", "message_not_found")]:
        with pytest.raises(SlackApiError) as refused:
            client.chat_update(channel=theirs["channel"], ts=ts, text="mine")
        assert word(refused) == expected
    assert [each.text for each in slack.messages("general")] == ["theirs"]


def test_channels_are_listed_page_by_page(slack: LoopbackSlack, client: WebClient):
    for number in range(5):
        slack.add_channel(f"channel-{number}")
    slack.clear_requests()
    pages = [
        [each["name"] for each in page["channels"]] for page in client.conversations_list(limit=3)
    ]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert pages[0] == ["general", "ml-datasets", "channel-0"]
    assert len(slack.requests) == 3


def test_a_bot_sees_private_channels_that_it_is_in(slack: LoopbackSlack, client: WebClient):
    slack.add_channel("ours", is_private=True, members=["hugflow"])
    slack.add_channel("theirs", is_private=True, members=[])
    slack.add_channel("open", members=[])
    slack.add_channel("old", is_archived=True)
    listed = client.conversations_list(
        types="public_channel,private_channel", exclude_archived=True
    )
    found = {each["name"]: each["is_member"] for each in listed["channels"]}
    assert found == {"general": True, "ml-datasets": True, "ours": True, "open": False}
    public = client.conversations_list()
    assert [each["name"] for each in public["channels"]][-2:] == ["open", "old"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"cursor": "bm9uc2Vuc2U="}, "invalid_cursor"),
        ({"limit": 1001}, "invalid_limit"),
        ({"types": "channel"}, "invalid_types"),
    ],
)
def test_a_listing_that_cannot_be_had_says_why(
    client: WebClient, arguments: dict[str, object], expected: str
):
    with pytest.raises(SlackApiError) as refused:
        client.conversations_list(**arguments)
    assert word(refused) == expected


def test_a_listing_wants_the_right_for_each_kind(slack: LoopbackSlack):
    slack.add_bot("xoxb-public", "herald", scopes=["channels:read"])
    client = connect(slack, "xoxb-public")
    assert client.conversations_list(types="public_channel")["ok"]
    with pytest.raises(SlackApiError) as refused:
        client.conversations_list(types="public_channel,private_channel")
    assert refused.value.response["needed"] == "groups:read"


@pytest.mark.parametrize(
    ("content", "expected"), [("{", "invalid_json"), ("[]", "json_not_object")]
)
def test_arguments_that_cannot_be_read_are_refused(
    slack: LoopbackSlack, content: str, expected: str
):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {BOT}"}
    answer = httpx2.post(f"{slack.api_url}/chat.postMessage", content=content, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": expected})
    assert slack.requests[-1].user == "hugflow"


def test_an_address_that_slack_does_not_have_is_not_found(slack: LoopbackSlack):
    assert httpx2.get(slack.api_url.removesuffix("api")).status_code == 404


def test_a_method_that_the_stand_in_does_not_know_is_named(client: WebClient):
    with pytest.raises(SlackApiError) as refused:
        client.reactions_add(channel="C1", timestamp="1", name="x")
    assert word(refused) == "unknown_method"
    assert refused.value.response["req_method"] == "reactions.add"


def test_a_webhook_posts_to_its_channel(slack: LoopbackSlack):
    address = slack.add_webhook("#ml-datasets")
    said = WebhookClient(address).send(text="Hello")
    assert (said.status_code, said.body) == (200, "ok")
    [message] = slack.messages("ml-datasets")
    assert (message.text, message.author) == ("Hello", "incoming-webhook")
    form = httpx2.post(address, data={"payload": '{"text": "in a form"}'})
    assert form.text == "ok"
    assert slack.messages("ml-datasets")[1].text == "in a form"


def test_a_webhook_that_cannot_post_says_why_in_plain_text(slack: LoopbackSlack):
    address = slack.add_webhook("ml-datasets")

    def send(content: str) -> tuple[int, str]:
        answer = httpx2.post(address, content=content)
        return answer.status_code, answer.text

    assert send("Hello") == (400, "invalid_payload")
    assert send("[]") == (400, "invalid_payload")
    assert send("{}") == (400, "no_text")
    assert httpx2.get(address).status_code == 405
    slack.add_channel("ml-datasets", is_archived=True)
    assert send('{"text": "Hello"}') == (410, "channel_is_archived")
    slack.remove_webhook(address)
    assert send('{"text": "Hello"}') == (404, "no_service")
    assert slack.messages("ml-datasets") == ()


@pytest.mark.parametrize("fault", [Reset(), Status(503), Page(502), Status(429, retry_after_s=1)])
def test_what_fails_before_it_takes_effect_leaves_no_message(
    slack: LoopbackSlack, client: WebClient, fault: Fault
):
    posting = Match(path="*/chat.postMessage")
    slack.inject(fault, when=posting)
    with pytest.raises((SlackApiError, OSError)):
        client.chat_postMessage(channel="#general", text="Hello")
    assert slack.messages("general") == ()
    slack.inject(fault, when=posting, with_effect=True)
    with pytest.raises((SlackApiError, OSError)):
        client.chat_postMessage(channel="#general", text="Hello")
    assert len(slack.messages("general")) == 1


def test_a_webhooks_answer_can_be_lost(slack: LoopbackSlack):
    webhook = WebhookClient(slack.add_webhook("general"), retry_handlers=[])
    slack.inject(Reset(), with_effect=True)
    with pytest.raises(OSError, match="reset"):
        webhook.send(text="Hello")
    assert [each.text for each in slack.messages("general")] == ["Hello"]


def test_an_answer_that_is_too_late_leaves_its_message(slack: LoopbackSlack):
    slack.inject(Stall(3))
    client = WebClient(BOT, base_url=slack.api_url, timeout=1, retry_handlers=[])
    with pytest.raises(TimeoutError):
        client.chat_postMessage(channel="#general", text="Hello")
    assert len(slack.messages("general")) == 1


def test_a_limit_says_how_long_to_wait_and_the_client_waits(slack: LoopbackSlack):
    limit = slack.inject(Status(429, retry_after_s=1))
    with pytest.raises(SlackApiError) as refused:
        connect(slack).auth_test()
    assert word(refused) == "ratelimited"
    assert refused.value.response.headers["Retry-After"] == "1"
    waiting = WebClient(
        BOT, base_url=slack.api_url, retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=1)]
    )
    limit = slack.inject(Status(429, retry_after_s=0))
    assert waiting.auth_test()["ok"]
    assert limit.struck == 1
    webhook = WebhookClient(slack.add_webhook("general"), retry_handlers=[])
    slack.inject(Status(429, retry_after_s=1))
    said = webhook.send(text="Hello")
    assert (said.status_code, said.body) == (429, "rate_limited")


@pytest.mark.parametrize(
    ("fault", "status", "expected"),
    [
        (Status(200, error_code="account_inactive"), 200, "account_inactive"),
        (Status(200), 200, "internal_error"),
        (Status(503), 503, "fatal_error"),
    ],
)
def test_an_error_is_worded_as_slack_words_it(
    slack: LoopbackSlack, client: WebClient, fault: Status, status: int, expected: str
):
    slack.inject(fault)
    with pytest.raises(SlackApiError) as refused:
        client.auth_test()
    assert (refused.value.response.status_code, word(refused)) == (status, expected)


def test_an_outage_ends_where_it_began(slack: LoopbackSlack, client: WebClient):
    with slack.outage(), pytest.raises(OSError, match="refused"):
        client.auth_test()
    assert client.auth_test()["ok"]


def test_the_log_tells_who_said_what_and_shows_no_secret(slack: LoopbackSlack, client: WebClient):
    address = slack.add_webhook("general")
    client.chat_postMessage(channel="#general", text=f"my token is {BOT}")
    for token in (BOT, "xoxb-wrong"):
        httpx2.post(f"{slack.api_url}/auth.test", data={"token": token})
    WebhookClient(address).send(text="Hello")
    httpx2.post(f"{address}0", json={"text": "Hello"})
    said, asked, refused, hooked, missed = slack.requests
    assert (said.user, said.path) == ("hugflow", "/api/chat.postMessage")
    assert said.sent == {"channel": "#general", "text": "my token is <token of hugflow>"}
    assert (asked.user, asked.sent) == ("hugflow", {"token": "<token of hugflow>"})
    assert (refused.user, refused.sent) == (None, {"token": "<token of somebody>"})
    assert (hooked.user, hooked.sent) == ("incoming-webhook", {"text": "Hello"})
    assert (missed.user, missed.status) == (None, 404)
    for secret in (BOT, "xoxb-wrong", address.rpartition("/")[2]):
        assert secret not in str(slack.requests)


def test_a_cleared_slack_knows_nothing_and_nobody(slack: LoopbackSlack, client: WebClient):
    slack.clear()
    with pytest.raises(SlackApiError) as refused:
        client.auth_test()
    assert word(refused) == "invalid_auth"
    with pytest.raises(KeyError):
        slack.messages("general")
