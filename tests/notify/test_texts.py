"""What a pull request shows of its requests, whatever strangers write into them."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugflow.ledger.progress import STATUS_WORDS
from hugflow.notify.conversation import Conversation, Line, PlanFacts, ToldOnGitHub
from hugflow.notify.markdown import LONGEST, length
from hugflow.notify.markers import is_marked, living_marker, outcome_marker
from hugflow.notify.notices import FailedRow, Failure, Notice
from hugflow.notify.outcome import find_mark, render_outcome
from hugflow.notify.texts import LONGEST_STATUS, render_check, render_living, render_status
from hugflow.requests.problems import Problem
from tests.notify.conversations import (
    COMMIT,
    FACTS,
    NOON,
    PULL,
    conversation,
    line,
    notice,
    refused,
)
from tests.notify.rendered import render
from tests.notify.strangers import words

STATES = st.sampled_from(STATUS_WORDS)


def written_by(strangers: st.SearchStrategy[str]) -> st.SearchStrategy[Conversation]:
    """Conversations whose every word that is not ours comes from there."""
    failures = st.builds(Failure, *[strangers] * 3)
    notices = st.builds(
        Notice,
        *[strangers] * 2,
        state=STATES,
        at=st.just(NOON),
        rows=st.integers(0, 10**12),
        total_rows=st.none() | st.integers(0, 10**12),
        failed_rows=st.integers(0, 10**12),
        rows_per_second=st.none() | st.floats(1e-3, 1e6),
        location=st.none() | strangers,
        link=st.none() | strangers,
        failure=st.none() | failures,
    )
    facts = st.builds(
        PlanFacts,
        *[strangers] * 2,
        *[st.integers(0, 10**12)] * 3,
        licence=st.none() | strangers,
        warnings=st.lists(strangers, max_size=3).map(tuple),
    )
    number = st.none() | st.integers(1, 100)
    problems = st.builds(
        Problem, strangers, number, number, st.none() | strangers, *[strangers] * 3
    )
    lines = st.builds(
        Line,
        path=strangers,
        kind=st.sampled_from(["add", "remove"]),
        dataset=st.none() | strangers,
        facts=st.none() | facts,
        problems=st.lists(problems, max_size=2).map(tuple),
        remarks=st.lists(strangers, max_size=2).map(tuple),
        notice=st.none() | notices,
    )
    return st.lists(lines, max_size=4).map(lambda found: conversation(*found))


def rewritten(told: Conversation) -> Conversation:
    """The same, with an x wherever a stranger wrote something."""

    def failure(old: Failure | None) -> Failure | None:
        return None if old is None else Failure("x", "x", "x")

    def of(old: Line) -> Line:
        told, facts = old.notice, old.facts
        if told is not None:
            told = replace(
                told,
                location=told.location and "x",
                link=told.link and "x",
                failure=failure(told.failure),
            )
        if facts is not None:
            warnings = ("x",) * len(facts.warnings)
            facts = replace(facts, commit="x", licence=facts.licence and "x", warnings=warnings)
        problems = tuple(
            replace(each, path="x", field=None, what="x", why="x", mend="x")
            for each in old.problems
        )
        remarks = ("x",) * len(old.remarks)
        return replace(
            old,
            path="x",
            dataset=old.dataset and "x",
            facts=facts,
            problems=problems,
            remarks=remarks,
            notice=told,
        )

    return replace(told, lines=tuple(of(each) for each in told.lines))


@given(told=written_by(words))
@settings(max_examples=50)
def test_whatever_strangers_write_the_layout_is_ours(told: Conversation):
    shown, expected = (render(render_living(each, PULL)) for each in (told, rewritten(told)))
    assert shown.layout == expected.layout
    told = replace(told, is_finished=True)
    if (mark := find_mark(told, PULL)) is not None:
        shown, expected = (
            render(render_outcome(each, PULL, mark)) for each in (told, rewritten(told))
        )
        assert shown.layout == expected.layout


@pytest.mark.slow
@given(told=written_by(words | st.sampled_from("a|`<&\U0001f98a").map(lambda sign: sign * 3_000)))
@settings(max_examples=20, deadline=None)
def test_no_text_is_longer_than_github_takes(told: Conversation):
    many = replace(told, lines=told.lines * 20, is_finished=True)
    texts = [render_living(many, PULL), render_check(many).summary]
    if (mark := find_mark(many, PULL)) is not None:
        texts.append(render_outcome(many, PULL, mark))
    assert all(length(text) <= LONGEST for text in texts)
    assert len(render_check(many).title) <= 255
    assert len(render_status(many).description) <= LONGEST_STATUS


def test_there_is_room_for_head_and_foot_however_wide_the_lines_are():
    for width in range(150, 200):
        told = conversation(*[line("completed", "x" * width)] * 150)
        assert length(render_living(told, PULL)) <= LONGEST


def test_the_length_is_counted_as_the_most_careful_one_does():
    for text in ("a", "é", "日", "🦊", "a🦊"):
        assert length(text) == len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize("count", [10, 200, 1_000, 5_000])
def test_details_go_before_lines_and_what_is_left_out_is_counted(count: int):
    names = [f"acme__speech-{number}" for number in range(count)]
    told = conversation(*(line("completed", name) for name in names))
    text = render_living(told, PULL)
    shown = [name for name in names if f"/{name}.yaml" in text]
    unfolded = text.count("<details>")
    assert shown == names[: len(shown)]
    assert unfolded <= len(shown)
    assert (f"and {count - len(shown):,} more that do not fit" in text) == (len(shown) < count)
    assert (f"no room here for {count - unfolded:,} more to" in text) == (unfolded < count)
    # No room is wasted: one line more would not have fitted.
    assert len(shown) == count or length(text) > LONGEST - 3_000
    outcomes = [outcome(*told.lines), outcome(*(line("failed", name) for name in names))]
    assert all(length(each or "") <= LONGEST for each in (text, *outcomes))


def test_what_went_wrong_is_unfolded_before_what_was_planned():
    wide = replace(FACTS, warnings=("x" * 900,) * 15)
    lines = [line("completed", f"a-{number}", facts=wide) for number in range(20)]
    text = render_living(conversation(*lines, line("failed", "last"), refused()), PULL)
    assert "What went wrong with <code>last</code>" in text
    assert "What is wrong with <code>requests/add/bad.yaml</code>" in text
    assert "more to unfold" in text


def test_ten_requests_stand_in_ten_lines_in_their_order():
    names = [f"acme__speech-{number}" for number in range(10)]
    rendered = render(render_living(conversation(*(line(None, name) for name in names)), PULL))
    assert rendered.layout.count("<tr {}>") == 11
    paths = [code for code in rendered.codes if code.startswith("requests/")]
    assert paths == [f"requests/add/{name}.yaml" for name in names]


def test_a_download_that_has_begun_says_so_in_the_words_of_the_seed():
    assert "Starting download..." in render_living(conversation(line("downloading")), PULL)
    further = line("downloading", notice=notice("downloading", rows=1))
    assert "Starting download..." not in render_living(conversation(further), PULL)


def test_progress_is_told_in_rows_percent_and_what_is_left():
    told = notice("downloading", rows=9_999, failed_rows=0, rows_per_second=1 / 700)
    text = render_living(conversation(line("downloading", notice=told)), PULL)
    assert "| ⏳ downloading, 99 % | 9,999 of 10,000 | 12 min |" in text


def test_what_is_done_says_where_it_is_below_the_table():
    text = render_living(conversation(line("completed")), PULL)
    assert "| ✅ completed | 10,000 |  |  |" in text
    assert "stored in `/data/datasets/acme__speech`, on the server that made it" in text


def test_the_first_failed_rows_are_in_the_living_comment():
    rows = (FailedRow(14, "audio_empty", "not one sample"),)
    told = notice("completed", failed_rows=3, first_failed=rows)
    text = render_living(conversation(line("completed", notice=told)), PULL)
    assert "| 3 could not be made |" in text
    assert "- row 14: `audio_empty`, `not one sample`" in text
    assert "- and 2 more, in `failures.jsonl`" in text
    failed = render_living(
        conversation(line("failed", notice=notice("failed", first_failed=rows))), PULL
    )
    assert "- row 14:" in failed


def test_what_failed_says_what_why_and_how_to_mend_it():
    rendered = render(render_living(conversation(line("failed")), PULL))
    assert "no room left" in rendered.codes
    assert "no room left\nwhy: the disk is full\nfix: free some space\n" in rendered.codes


def test_a_refused_file_says_where_what_why_and_how_to_mend_it():
    text = render_living(conversation(refused(count=30)), PULL)
    rendered = render(text)
    block = "requests/add/bad.yaml:3: hf_id: is no name\nwhy: it has no slash\n"
    assert rendered.codes.count(f"{block}fix: write owner/name\n") == 20
    assert "`requests/add/bad.yaml:3: hf_id: is no name` and 29 more |" in text
    assert "and 10 more" in rendered.text


def test_a_plan_unfolds_with_all_its_facts():
    facts = replace(FACTS, is_gated=True, warnings=("the column 'txt' is like 'text'",))
    told = conversation(line(facts=facts, remarks=("says the same as x",)))
    rendered = render(render_living(told, PULL))
    assert {COMMIT, "cc0-1.0", "the column 'txt' is like 'text'", "says the same as x"} <= {
        *rendered.codes
    }
    for words_ in (
        "rows: 10,000",
        "hours: 12.5, estimated from a sample",
        "source: 1.5 GB in 3 files",
        "MP3s: about 600.0 MB",
        "disk needed: 2.5 GB",
        "gated: yes",
    ):
        assert words_ in rendered.text


def test_a_plan_says_where_the_dataset_is_published_to():
    rendered = render(render_living(conversation(line(publish_to="acme/copy")), PULL))
    assert "acme/copy" in rendered.codes
    assert "when the dataset is complete" in rendered.text
    assert "publish to" not in render(render_living(conversation(line()), PULL)).text


def test_what_nobody_knows_is_called_unknown():
    facts = PlanFacts("4c1f", COMMIT, 10, 1, 100)
    text = render(render_living(conversation(line(facts=facts)), PULL)).text
    for words_ in ("hours: unknown", "MP3s: unknown", "disk needed: unknown", "none named"):
        assert words_ in text


def test_of_a_complete_dataset_no_disk_is_needed():
    told = conversation(line("completed", facts=replace(FACTS, disk_bytes=0)))
    text = render(render_living(told, PULL)).text
    assert "disk needed: none: it is complete" in text


def test_a_pull_request_that_lost_its_requests_says_so():
    assert "no request here any more" in render_living(conversation(), PULL)


def test_only_a_plain_address_is_linked():
    url = "https://github.com/acme/requests/actions/runs/1"
    for given_, links in [(url, 1), ("javascript:alert(1)", 0)]:
        rendered = render(render_living(conversation(line(), details_url=given_), PULL))
        found = [part for part in rendered.layout if part.startswith("<a ")]
        assert found == [f"<a {{'href': '{url}'}}>"] * links


def test_the_same_state_is_told_in_the_same_words():
    told = conversation(line("downloading"), line("completed", "b"))
    assert render_living(told, PULL) == render_living(told, PULL)
    later = notice("downloading", at=NOON + timedelta(seconds=1))
    assert render_living(told, PULL) != render_living(
        replace(told, lines=(line("downloading", notice=later), told.lines[1])), PULL
    )


def test_each_comment_is_marked_and_no_mark_is_anothers():
    told = conversation(line("completed"), is_finished=True)
    mark = find_mark(told, PULL)
    assert mark is not None
    living, outcome = render_living(told, PULL), render_outcome(told, PULL, mark)
    assert is_marked(living, living_marker(PULL))
    assert is_marked(outcome, outcome_marker(PULL, mark))
    others = [
        replace(PULL, number=2),
        replace(PULL, repository="acme/other"),
        replace(PULL, repository="acme/requests1", number=1),
        replace(PULL, repository="acme/requests", number=11),
    ]
    markers = [living_marker(each) for each in (PULL, *others)]
    markers += [outcome_marker(each, mark) for each in (PULL, *others)]
    markers.append(outcome_marker(PULL, "0" * 16))
    assert not any(one.startswith(other) for one, other in itertools.permutations(markers, 2))
    assert living_marker(replace(PULL, repository="Acme/Requests")) == living_marker(PULL)


def test_a_marker_that_is_quoted_marks_nothing():
    assert not is_marked(f"> {living_marker(PULL)}", living_marker(PULL))


@pytest.mark.parametrize(
    ("states", "is_finished", "status", "conclusion", "state"),
    [
        (["downloading", "failed"], False, "in_progress", None, "pending"),
        (["completed", "planned"], False, "in_progress", None, "pending"),
        (["interrupted", "completed"], False, "completed", "cancelled", "failure"),
        (["interrupted", "downloading"], False, "in_progress", None, "pending"),
        (["completed", "removed"], True, "completed", "success", "success"),
        (["completed", "failed"], True, "completed", "failure", "failure"),
        (["planned"], True, "completed", "success", "success"),
        (["downloading"], True, "in_progress", None, "pending"),
    ],
)
def test_the_check_is_green_when_nothing_failed(
    states: list[str], is_finished: bool, status: str, conclusion: str | None, state: str
):
    told = conversation(*(line(each) for each in states), is_finished=is_finished)
    check = render_check(told)
    assert (check.status, check.conclusion) == (status, conclusion)
    assert render_status(told).state == state


def test_a_check_waits_until_something_is_begun():
    assert render_check(conversation(line(), line("planned"), line("pending"))).status == "queued"


def outcome(*lines: Line) -> str | None:
    told = conversation(*lines, is_finished=True)
    mark = find_mark(told, PULL)
    return None if mark is None else render_outcome(told, PULL, mark)


def test_an_outcome_is_two_lines_and_a_link_to_the_living_comment():
    told = conversation(line("completed", "a"), line("completed", "b"), is_finished=True)
    told = replace(told, github=ToldOnGitHub(comment=77))
    pull = replace(PULL, url="https://github.com/acme/requests/pull/1")
    text = render_outcome(told, pull, "mark")
    lines = text.splitlines()[1:]
    assert lines == [
        "✅ **Completed**: 2 requests.",
        "`a`: 10,000 rows, on the server in `/data/datasets/a`; "
        "`b`: 10,000 rows, on the server in `/data/datasets/b`.",
        "",
        "[Details](<https://github.com/acme/requests/pull/1#issuecomment-77>)",
    ]


def test_a_good_outcome_says_how_many():
    text = outcome(line("completed", notice=notice("completed", failed_rows=2)))
    assert text is not None
    assert "`acme__speech`: 10,000 rows, 2 could not be made, on the server in `/data/" in text


def test_a_bad_outcome_names_what_failed_and_why_and_leaves_out_the_rest():
    text = outcome(
        line("completed", "good"), line("failed", "bad"), refused(), line("incomplete", "c")
    )
    assert text is not None
    rendered = render(text)
    assert "Failed: 3 of 4 requests." in rendered.text
    assert "no room left" in rendered.codes
    assert "good" not in rendered.codes
    assert "is incomplete, with 0 of 10,000 rows." in rendered.text


def test_a_removal_that_is_done_says_so():
    text = outcome(line("removed", kind="remove"))
    assert text is not None
    assert "`acme__speech` was removed." in text


def test_what_was_planned_alone_or_is_at_work_has_no_outcome():
    assert outcome(line("planned")) is None
    assert outcome(line("downloading"), line("failed", "b")) is None
    assert find_mark(conversation(line("completed")), PULL) is None


def test_an_outcome_is_another_one_where_commit_or_result_is():
    told = conversation(line("completed"), is_finished=True)
    again = notice("completed", at=NOON + timedelta(hours=1))
    assert find_mark(told, PULL) == find_mark(replace(told, lines=(line(notice=again),)), PULL)
    marks = {
        find_mark(told, PULL),
        find_mark(told, replace(PULL, head_sha="0" * 40)),
        find_mark(replace(told, lines=(line("failed"),)), PULL),
    }
    assert len(marks) == 3
