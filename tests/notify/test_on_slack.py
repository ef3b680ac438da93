"""What stands on Slack after what happened: one message that is kept up, or an event each, once."""

import logging
from dataclasses import replace

import pytest

from hugflow.notify.telling import TellingPace
from hugflow.testing.faults import Fault, Match, Page, Reset, Status
from hugflow.testing.slack import LoopbackSlack
from tests.notify.conftest import BOT_TOKEN, CHANNEL, Teller, lines
from tests.notify.conversations import PULL, refused

POSTING = Match(path="*/chat.postMessage")
WEBHOOK = Match(method="POST", path="/services/*")


def texts(slack: LoopbackSlack) -> list[str]:
    return [message.text for message in slack.messages(CHANNEL)]


def heads(slack: LoopbackSlack) -> list[str]:
    """How each message begins, behind whom it is about."""
    return [text.split("\n")[0].partition(": ")[2] for text in texts(slack)]


def test_a_bot_keeps_one_message_up_to_date(slack: LoopbackSlack, bot: Teller):
    bot.open(*lines("a")).tell()
    for rows in (0, 1_000, 2_000):
        bot.see("downloading", "a", rows=rows)
        bot.tell()
    bot.see("completed", "a")
    assert bot.tell().again_at is None
    [message] = slack.messages(CHANNEL)
    assert "✅ completed" in message.text
    assert "in `/data/datasets/a`" in message.text
    assert message.edited_ts is not None
    assert bot.conversation.delivered_at is not None
    asked = len(slack.requests)
    bot.tell()
    assert len(slack.requests) == asked


def test_a_bot_tells_all_requests_of_a_pull_request_in_one_message(
    slack: LoopbackSlack, bot: Teller
):
    bot.pull = PULL
    bot.open(*lines("a", "b"), refused()).tell()
    [text] = texts(slack)
    assert "acme/requests#1" in text
    assert all(word in text for word in ("`a`", "`b`", "hf_id: is no name"))


def test_a_webhook_tells_start_progress_and_finish(slack: LoopbackSlack, webhook: Teller):
    webhook.open(*lines("a")).tell()
    assert texts(slack) == []
    for rows in (0, 1_000, 2_000):
        webhook.see("downloading", "a", rows=rows)
        webhook.tell()
        webhook.tell()
    webhook.see("completed", "a")
    webhook.tell()
    webhook.tell()
    assert heads(slack) == ["Starting download...", "downloading", "downloading", "completed"]
    assert "1,000 of 10,000 rows" in texts(slack)[1]
    assert "in `/data/datasets/a`" in texts(slack)[3]


def test_a_webhook_tells_a_failure_with_what_why_and_how_to_mend_it(
    slack: LoopbackSlack, webhook: Teller
):
    webhook.open(*lines("a")).see("failed", "a")
    webhook.tell()
    [text] = texts(slack)
    assert "`no room left`, why: `the disk is full`, fix: `free some space`" in text


def test_a_webhook_tells_of_each_request_by_itself(slack: LoopbackSlack, webhook: Teller):
    webhook.pull = PULL
    webhook.open(*lines("a", "b"), refused()).see("downloading", "a")
    webhook.tell()
    webhook.see("completed", "b")
    webhook.tell()
    assert heads(slack) == ["Starting download...", "failed", "completed"]
    assert ["`a`" in text for text in texts(slack)] == [True, False, False]


def test_what_a_webhook_missed_it_tells_the_latest_of(slack: LoopbackSlack, webhook: Teller):
    webhook.open(*lines("a")).see("downloading", "a")
    with slack.outage():
        assert webhook.tell().is_away
        for rows in range(1_000, 5_000, 1_000):
            webhook.see("downloading", "a", rows=rows)
            webhook.tell()
    webhook.tell(after_s=600)
    webhook.see("completed", "a")
    webhook.tell()
    assert heads(slack) == ["downloading", "completed"]
    assert "4,000 of" in texts(slack)[0]


@pytest.mark.parametrize("kind", ["bot", "webhook"])
@pytest.mark.parametrize("outage", [Reset(), Status(503), Page(502), Status(429, retry_after_s=5)])
def test_an_outage_of_any_kind_ends_with_the_last_state(
    slack: LoopbackSlack, request: pytest.FixtureRequest, outage: Fault, kind: str
):
    teller = request.getfixturevalue(kind).open(*lines("a"))
    slack.inject(outage, times=None)
    for state in ("downloading", "completed"):
        teller.see(state, "a")
        assert teller.tell().trouble is not None
    slack.clear_faults()
    assert teller.tell(after_s=600).trouble is None
    [text] = texts(slack)
    assert "✅ completed" in text


@pytest.mark.parametrize("with_effect", [True, False])
def test_an_event_whose_answer_was_lost_is_told_once_or_not_at_all(
    slack: LoopbackSlack, webhook: Teller, with_effect: bool, caplog: pytest.LogCaptureFixture
):
    webhook.open(*lines("a")).see("downloading", "a")
    slack.inject(Reset(), when=WEBHOOK, with_effect=with_effect)
    with caplog.at_level(logging.WARNING):
        webhook.tell()
    webhook.tell()
    assert len(texts(slack)) == with_effect
    assert "not said again" in caplog.text
    webhook.see("completed", "a")
    webhook.tell()
    assert heads(slack)[-1] == "completed"
    assert len(texts(slack)) == with_effect + 1


def test_work_that_begins_anew_is_told_anew(slack: LoopbackSlack, webhook: Teller):
    for _ in range(2):
        webhook.open(*lines("a"))
        for state in ("downloading", "failed"):
            webhook.see(state, "a")
            webhook.tell()
        webhook.finish()
    assert heads(slack) == ["Starting download...", "failed"] * 2


def test_work_that_goes_on_after_a_kill_is_not_told_anew(slack: LoopbackSlack, webhook: Teller):
    for _ in range(3):
        webhook.open(*lines("a")).see("downloading", "a")
        webhook.tell()
        webhook.see("downloading", "a", rows=1_000)
        webhook.tell()
    assert heads(slack) == ["Starting download...", "downloading"]


@pytest.mark.parametrize("with_effect", [True, False])
def test_a_first_message_whose_answer_was_lost_is_not_given_twice(
    slack: LoopbackSlack, bot: Teller, with_effect: bool
):
    bot.open(*lines("a")).see("downloading", "a")
    slack.inject(Reset(), when=POSTING, with_effect=with_effect)
    bot.tell()
    bot.tell()
    assert len(texts(slack)) == with_effect
    # The next state is told all the same, and from then on it is one message again.
    for state in ("downloading", "failed", "completed"):
        bot.see(state, "a", rows=1_000)
        bot.tell()
    assert len(texts(slack)) == with_effect + 1
    assert "✅ completed" in texts(slack)[-1]


def test_an_event_that_was_refused_or_limited_is_told_later(slack: LoopbackSlack, webhook: Teller):
    webhook.open(*lines("a")).see("completed", "a")
    for fault in (Status(429, retry_after_s=7), Status(503), Status(404)):
        slack.inject(fault, when=WEBHOOK)
        assert webhook.tell(after_s=600).trouble is not None
    assert texts(slack) == []
    assert webhook.tell(after_s=1_800).trouble is None
    assert heads(slack) == ["completed"]


def test_an_update_whose_answer_was_lost_is_made_again(slack: LoopbackSlack, bot: Teller):
    bot.open(*lines("a")).tell()
    slack.inject(Reset(), when=Match(path="*/chat.update"), with_effect=True)
    bot.see("completed", "a")
    bot.tell()
    bot.tell()
    [text] = texts(slack)
    assert "✅ completed" in text


def test_a_limit_of_slack_is_kept(slack: LoopbackSlack, bot: Teller):
    bot.open(*lines("a"))
    slack.inject(Status(429, retry_after_s=90))
    told = bot.tell()
    assert told.again_at is not None
    assert (told.again_at - bot.watch()).total_seconds() == 90
    asked = len(slack.requests)
    bot.tell(after_s=80, is_hurried=True)
    assert len(slack.requests) == asked
    bot.tell(after_s=20)
    assert len(texts(slack)) == 1


def test_a_message_that_is_gone_is_made_again_once(slack: LoopbackSlack, bot: Teller):
    gone = Status(200, error_code="message_not_found")
    bot.open(*lines("a")).tell()
    slack.inject(gone, gone, when=Match(path="*/chat.update"))
    for rows in (1, 2, 3):
        bot.see("downloading", "a", rows=rows)
        bot.tell()
    assert len(texts(slack)) == 2
    assert bot.conversation.slack.is_unwanted


def test_a_bot_that_was_put_out_of_its_channel_is_told_how_to_mend_it(
    slack: LoopbackSlack, bot: Teller
):
    slack.add_channel(CHANNEL, members=[])
    told = bot.open(*lines("a")).tell()
    assert "not_in_channel" in (told.trouble or "")
    slack.add_channel(CHANNEL)
    bot.tell(after_s=600)
    assert len(texts(slack)) == 1


def test_progress_keeps_its_distance(slack: LoopbackSlack, bot: Teller):
    bot.pace = TellingPace(spacing_s=30)
    bot.open(*lines("a")).see("downloading", "a")
    bot.tell()
    bot.see("downloading", "a", rows=1_000)
    assert bot.tell(after_s=0).again_at is not None
    assert "1,000" not in texts(slack)[0]
    bot.tell(after_s=30)
    assert "1,000" in texts(slack)[0]


def test_no_secret_is_told(slack: LoopbackSlack, bot: Teller):
    bot.senders = replace(bot.senders, secrets=("tok<en>|x", BOT_TOKEN))
    failed = bot.open(*lines("a")).see("failed", "a")
    assert failed.failure is not None
    bot.see("failed", "a", failure=replace(failed.failure, what=f"tok<en>|x {BOT_TOKEN}"))
    bot.tell()
    said = repr(slack.messages(CHANNEL))
    assert "(hidden) (hidden)" in said
    assert "tok" not in said
