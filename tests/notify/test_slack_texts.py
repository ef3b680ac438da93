"""What Slack shows of requests, whatever strangers write into them."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings

from hugflow.notify.conversation import Conversation, dataset_key
from hugflow.notify.notices import Failure
from hugflow.notify.slack_texts import (
    LONGEST_SECTION,
    LONGEST_TEXT,
    SlackText,
    find_event,
    render_event,
    render_message,
)
from tests.notify.conversations import NOON, PULL, conversation, line, notice, refused
from tests.notify.strangers import words
from tests.notify.test_texts import rewritten, written_by


def all_texts(message: SlackText) -> list[str]:
    return [message.text, *(block["text"]["text"] for block in message.blocks)]


def layout(message: SlackText) -> list[str]:
    """What is seen outside of code, where alone something could be a link or a mention."""
    return [re.sub("`[^`\n]*`", "`code`", text) for text in all_texts(message)]


@given(told=written_by(words))
@settings(max_examples=50)
def test_whatever_strangers_write_the_layout_is_ours(told: Conversation):
    told = replace(told, lines=told.lines[:2])
    pairs = [(render_message(told), render_message(rewritten(told)))]
    pairs += [
        (render_event(told, one), render_event(rewritten(told), other))
        for one, other in zip(told.lines, rewritten(told).lines, strict=True)
    ]
    for shown, expected in pairs:
        assert layout(shown) == layout(expected)
        assert not any(set(text) & set("<>") for text in all_texts(shown))
        assert all("&" not in re.sub("&(amp|lt|gt);", "", text) for text in all_texts(shown))


def test_slack_is_told_to_make_nothing_out_of_words():
    [block] = render_message(conversation(line())).blocks
    assert block["text"]["type"] == "mrkdwn"
    assert block["text"]["verbatim"] is True


@pytest.mark.parametrize("count", [1, 10, 100, 500])
def test_a_message_is_no_longer_than_slack_takes_and_says_what_is_left_out(count: int):
    wide = notice("failed", failure=Failure("<" * 400, "&" * 400, "w" * 400))
    told = conversation(*(line("failed", f"{n}" + "x" * 190, notice=wide) for n in range(count)))
    message = render_message(told)
    assert len(message.blocks) <= 50
    assert all(len(block["text"]["text"]) <= LONGEST_SECTION for block in message.blocks)
    assert len(message.text) <= LONGEST_TEXT
    shown = sum(block["text"]["text"].count("•") for block in message.blocks)
    last = message.blocks[-1]["text"]["text"]
    assert last.endswith(f"and {count - shown:,} more") == (shown < count)


def test_the_pull_request_is_linked_where_its_page_is_known():
    url = "https://github.com/acme/requests/pull/1?a=1&b=2"
    told = replace(conversation(line()), pull=replace(PULL, url=url))
    assert f"<{url.replace('&', '&amp;')}|acme/requests#1>" in all_texts(render_message(told))[1]
    told = replace(told, pull=replace(PULL, url="https://x|y>"))
    assert "<" not in all_texts(render_message(told))[1]


def test_a_dataset_by_itself_is_named():
    key = dataset_key("slack", "acme__speech")
    told = Conversation(key, "slack", None, (line("completed"),), NOON, NOON)
    message = render_message(told)
    assert "*Hugflow* `acme__speech`: 1 request, completed" in all_texts(message)[1]
    assert "in `/data/datasets/acme__speech`" in message.text


def test_a_message_says_what_a_line_of_the_comment_says():
    told = notice("downloading", rows=1_500, rows_per_second=20.0)
    text = render_message(conversation(line("downloading", notice=told))).text
    assert "`acme__speech` ⏳ downloading, 15 %, 1,500 of 10,000 rows, 7 min left" in text
    text = render_message(conversation(line("failed"), refused())).text
    assert "`no room left`, why: `the disk is full`, fix: `free some space`" in text
    assert "`requests/add/bad.yaml:3: hf_id: is no name`, fix: `write owner/name`" in text


def test_an_event_says_what_has_just_become_of_one_request():
    told = conversation(line("downloading"), line("completed", "other"))
    text = render_event(told, told.lines[0]).text
    assert text.startswith("Hugflow acme/requests#1: Starting download...")
    assert "other" not in text
    assert "completed" in render_event(told, told.lines[1]).text


def test_start_progress_finish_and_failure_are_events_and_each_is_one():
    lines = [
        line("downloading"),
        line("downloading", notice=notice("downloading", rows=1_000)),
        line("downloading", notice=notice("downloading", rows=2_000)),
        line("completed"),
        line("failed"),
        line("failed", notice=notice("failed", failure=Failure("another", "", ""))),
        line("interrupted"),
        line("removed"),
        refused(),
        refused(count=2),
    ]
    events = [find_event(each) for each in lines]
    assert None not in events
    assert len(set(events)) == len(lines)


@pytest.mark.parametrize("state", [None, "pending", "planned"])
def test_what_is_only_asked_for_is_no_event(state: str | None):
    assert find_event(line(state)) is None


@pytest.mark.parametrize(
    ("rows", "failed", "says"), [(1, 0, "1 row"), (2, 0, "2 rows"), (24, 1, "24 rows, 1 failed")]
)
def test_rows_are_counted_as_people_say_it(rows: int, failed: int, says: str):
    done = notice("completed", rows=rows, total_rows=rows + failed, failed_rows=failed)
    message = render_message(conversation(line("completed", notice=done)))
    assert f", {says}, " in all_texts(message)[-1] + ", "
