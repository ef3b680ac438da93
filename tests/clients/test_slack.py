"""The one who speaks with Slack, as a bot or by a webhook: once, and it knows what has happened."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from hugflow.clients.services import ServiceRefused, ServiceUnavailable
from hugflow.clients.slack import GONE_WORDS, Posted, SlackBot, SlackWebhook
from hugflow.testing.exchange import Response
from hugflow.testing.faults import Encounter, Fault, Page, Reset, Stall, Status
from hugflow.testing.slack import LoopbackSlack

TOKEN = "xoxb-made-up"
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "a"}}]
Say = Callable[[str], object]


@pytest.fixture
def slack(slack: LoopbackSlack) -> LoopbackSlack:
    """A Slack with a bot and a channel."""
    slack.add_bot(TOKEN, "hugflow")
    slack.add_channel("ml-datasets")
    return slack


@pytest.fixture
def bot(slack: LoopbackSlack) -> SlackBot:
    """The bot."""
    return SlackBot(slack.api_url, TOKEN, "#ml-datasets", timeout_s=1)


@pytest.fixture(params=["bot", "webhook"])
def say(request: pytest.FixtureRequest, slack: LoopbackSlack, bot: SlackBot) -> Say:
    """Say something, in either way."""
    if request.param == "bot":
        return lambda text: bot.post(text, BLOCKS)
    webhook = SlackWebhook(slack.add_webhook("ml-datasets"), timeout_s=1)
    return lambda text: webhook.post(text, BLOCKS)


def test_what_is_said_stands_in_the_channel_and_nothing_unfolds(slack: LoopbackSlack, say: Say):
    say("Hello")
    [message] = slack.messages("ml-datasets")
    assert (message.text, message.more) == ("Hello", {"blocks": BLOCKS})
    assert slack.requests[-1].sent["unfurl_links"] is False
    assert slack.requests[-1].sent["unfurl_media"] is False


def test_a_bot_changes_its_message_by_the_channels_id(slack: LoopbackSlack, bot: SlackBot):
    posted = bot.post("one", BLOCKS)
    bot.update(posted, "two", [])
    [message] = slack.messages("ml-datasets")
    assert (message.ts, message.channel) == (posted.ts, posted.channel)
    assert (message.text, message.more) == ("two", {})
    assert posted.channel != "#ml-datasets"


def test_a_message_that_is_gone_is_known_for_gone(slack: LoopbackSlack, bot: SlackBot):
    posted = bot.post("one", BLOCKS)
    with pytest.raises(ServiceRefused) as error:
        bot.update(Posted(posted.channel, "1.000001"), "two", BLOCKS)
    assert error.value.word == "message_not_found"
    assert error.value.word in GONE_WORDS


@pytest.mark.parametrize(
    ("fault", "with_effect", "may_have_happened"),
    [
        (Reset(), False, True),
        (Reset(), True, True),
        (Status(500), False, False),
        (Status(503), False, False),
        (Page(200), True, True),
        (Page(502), False, False),
        (Stall(3), True, True),
        (Status(429, retry_after_s=7), False, False),
    ],
)
def test_what_may_have_happened_is_known_for_it(
    slack: LoopbackSlack, say: Say, fault: Fault, with_effect: bool, may_have_happened: bool
):
    slack.inject(fault, with_effect=with_effect)
    with pytest.raises(ServiceUnavailable) as error:
        say("Hello")
    assert error.value.may_have_happened is may_have_happened
    assert len(slack.messages("ml-datasets")) == with_effect
    assert len(slack.requests) == 1


def test_a_fault_that_slack_owns_up_to_may_have_happened(slack: LoopbackSlack, bot: SlackBot):
    slack.inject(Status(200, error_code="fatal_error"), with_effect=True)
    with pytest.raises(ServiceUnavailable) as error:
        bot.post("Hello", BLOCKS)
    assert error.value.may_have_happened
    assert len(slack.messages("ml-datasets")) == 1


@pytest.mark.parametrize("fault", [Reset(), Status(503), Page(502), Stall(3)])
def test_a_probe_says_nothing_and_finds_out_whether_slack_is_there(
    slack: LoopbackSlack, bot: SlackBot, fault: Fault
):
    for speaker in (bot, SlackWebhook(slack.add_webhook("ml-datasets"), timeout_s=1)):
        speaker.probe()
        slack.inject(fault)
        with pytest.raises(ServiceUnavailable) as error:
            speaker.probe()
        assert not error.value.may_have_happened
        with slack.outage(), pytest.raises(ServiceUnavailable):
            speaker.probe()
    assert slack.messages("ml-datasets") == ()


def test_a_probe_finds_out_that_the_token_is_no_good(slack: LoopbackSlack, bot: SlackBot):
    slack.remove_bot(TOKEN)
    with pytest.raises(ServiceRefused, match=r"auth\.test"):
        bot.probe()


def test_where_nobody_listens_nothing_has_happened(slack: LoopbackSlack, say: Say):
    with slack.outage(), pytest.raises(ServiceUnavailable) as error:
        say("Hello")
    assert not error.value.may_have_happened
    say("Hello")
    assert len(slack.messages("ml-datasets")) == 1


@pytest.mark.parametrize(
    ("fault", "wait_s"),
    [
        (Status(429, retry_after_s=7), 7),
        (Status(429, retry_after_s=30, as_date=True), 30),
        (Status(429), 60),
    ],
)
def test_how_long_to_wait_is_what_slack_says(
    slack: LoopbackSlack, say: Say, fault: Fault, wait_s: float
):
    slack.inject(fault)
    with pytest.raises(ServiceUnavailable) as error:
        say("Hello")
    assert error.value.wait_s == pytest.approx(wait_s, abs=2)


@pytest.mark.parametrize("word", ["fatal_error", "internal_error", "service_unavailable"])
def test_a_fault_of_slacks_own_may_pass(slack: LoopbackSlack, bot: SlackBot, word: str):
    slack.inject(Status(200, error_code=word))
    with pytest.raises(ServiceUnavailable, match="postMessage"):
        bot.post("Hello", BLOCKS)


@pytest.mark.parametrize(
    ("spoil", "word", "exit_code", "mend"),
    [
        (lambda slack: slack.remove_bot(TOKEN), "invalid_auth", 5, "docs.slack.dev"),
        (
            lambda slack: slack.add_bot(TOKEN, "hugflow", scopes=["channels:read"]),
            "missing_scope",
            5,
            "chat:write",
        ),
        (
            lambda slack: slack.add_channel("ml-datasets", is_archived=True),
            "is_archived",
            1,
            "SLACK_CHANNEL",
        ),
        (
            lambda slack: slack.add_channel("ml-datasets", members=["other"]),
            "not_in_channel",
            1,
            "invite",
        ),
    ],
)
def test_what_slack_refuses_says_why_and_how_to_mend_it(
    slack: LoopbackSlack,
    bot: SlackBot,
    spoil: Callable[[LoopbackSlack], object],
    word: str,
    exit_code: int,
    mend: str,
):
    spoil(slack)
    with pytest.raises(ServiceRefused) as error:
        bot.post("Hello", BLOCKS)
    assert (error.value.word, error.value.exit_code) == (word, exit_code)
    assert mend in error.value.mend


def test_a_webhook_that_is_gone_says_so(slack: LoopbackSlack):
    address = slack.add_webhook("ml-datasets")
    slack.remove_webhook(address)
    with pytest.raises(ServiceRefused) as error:
        SlackWebhook(address, timeout_s=1).post("Hello", BLOCKS)
    assert error.value.word == "no_service"
    assert "SLACK_WEBHOOK_URL" in error.value.mend


class Placeless:
    """An answer that is fine, and does not say where the message stands."""

    def strike(self, met: Encounter) -> Response:
        return replace(met.answer, body=b'{"ok": true}')


def test_an_answer_without_a_place_is_no_answer(slack: LoopbackSlack, bot: SlackBot):
    slack.inject(Placeless())
    with pytest.raises(ServiceUnavailable) as error:
        bot.post("Hello", BLOCKS)
    assert error.value.may_have_happened


def test_no_error_and_no_log_shows_token_or_address(
    slack: LoopbackSlack, bot: SlackBot, caplog: pytest.LogCaptureFixture
):
    address = slack.add_webhook("ml-datasets")
    webhook = SlackWebhook(address, timeout_s=1)
    secret = address.rpartition("/")[2]
    with caplog.at_level(logging.DEBUG):
        for speaker in (bot, webhook):
            for fault in (Reset(), Status(429), Status(503), Page(200)):
                slack.inject(fault)
                with pytest.raises((ServiceUnavailable, ServiceRefused)) as error:
                    speaker.post("Hello", BLOCKS)
                shown = str(error.value)
                assert TOKEN not in shown
                assert secret not in shown
            speaker.post("Hello", BLOCKS)
    assert TOKEN not in caplog.text
    assert secret not in caplog.text


def test_no_proxy_stands_between_where_there_is_to_be_none(
    slack: LoopbackSlack, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    SlackBot(slack.api_url, TOKEN, "#ml-datasets", timeout_s=1).post("Hello", BLOCKS)
    SlackWebhook(slack.add_webhook("ml-datasets"), timeout_s=1).post("Hello", BLOCKS)
    assert len(slack.messages("ml-datasets")) == 2
