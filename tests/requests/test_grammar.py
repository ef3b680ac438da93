"""What may stand in each field, clause by clause."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.requests import grammar
from hugflow.requests.grammar import FieldInvalid, allowed_bad_rows

VALID = [
    (grammar.hf_id, "mozilla-foundation/common_voice_11_0"),
    (grammar.hf_id, "a/b"),
    (grammar.hf_id, "A1/b__c.d-e_f_"),
    (grammar.hf_id, "a" * 96 + "/" + "b" * 96),
    (grammar.hf_id, "datasets/hf.co"),
    (grammar.hf_id, "hf_user/hf_data"),
    (grammar.revision, "main"),
    (grammar.revision, "0123456789abcdef" * 2 + "01234567"),
    (grammar.revision, "refs/convert/parquet"),
    (grammar.revision, "refs/pr/12"),
    (grammar.revision, "feature/a-b_c.d"),
    (grammar.revision, "släpp@v1.0"),
    (grammar.revision, "x" * 255),
    (grammar.subset, "ms"),
    (grammar.subset, "zh-CN (v2): a|b"),
    (grammar.subset, "s" * 128),
    (grammar.subset, "."),
    (grammar.split, "train"),
    (grammar.split, "train.clean.100"),
    (grammar.split, "träning_2"),
    (grammar.column, "audio"),
    (grammar.column, "Audio file (16 kHz) "),
    (grammar.column, "c" * 200),
    (grammar.prose, "x"),
    (grammar.prose, "two\nlines\tof text, 語, 🎵, \u200f\u05e2\u05d1\u05e8"),
    (grammar.prose, "p" * 2_000),
    (grammar.owner, "speech@example.org"),
    (grammar.max_bad_rows, 0),
    (grammar.max_bad_rows, 17),
    (grammar.max_bad_rows, "0%"),
    (grammar.max_bad_rows, "0.5%"),
    (grammar.max_bad_rows, "100%"),
]

INVALID = [
    (grammar.hf_id, "", "slashes"),
    (grammar.hf_id, "squad", "0 slashes"),
    (grammar.hf_id, "a/b/c", "2 slashes"),
    (grammar.hf_id, "/b", "owner is empty"),
    (grammar.hf_id, "a/", "name is empty"),
    (grammar.hf_id, "../etc", "owner begins"),
    (grammar.hf_id, "a/..", "name begins"),
    (grammar.hf_id, "a/b..c", r'"\.\."'),
    (grammar.hf_id, "a/b--c", '"--"'),
    (grammar.hf_id, "a/b.git", "git"),
    (grammar.hf_id, "a.git/b", "git"),
    (grammar.hf_id, "a/b-", "ends with"),
    (grammar.hf_id, "a/b.", "ends with"),
    (grammar.hf_id, "-a/b", "begins"),
    (grammar.hf_id, "_a/b", "begins"),
    (grammar.hf_id, "a/.b", "begins"),
    (grammar.hf_id, "a" * 97 + "/b", "96"),
    (grammar.hf_id, "a/b\n", "line break"),
    (grammar.hf_id, " a/b", "space"),
    (grammar.hf_id, "a/b c", "other than"),
    (grammar.hf_id, "a\\b", "slashes"),
    (grammar.hf_id, "a/b@main", "other than"),
    (grammar.hf_id, "\u0430/b", r"U\+0430 CYRILLIC"),
    (grammar.hf_id, "a\u2215b", r"U\+2215"),
    (grammar.hf_id, "a/b\u0661", r"U\+0661"),
    (grammar.hf_id, "https://huggingface.co/datasets/a/b", "address"),
    (grammar.revision, "", "empty"),
    (grammar.revision, "x" * 256, "255"),
    (grammar.revision, "a..b", r'"\.\."'),
    (grammar.revision, "main@{1}", "@{"),
    (grammar.revision, "@", "shorthand"),
    (grammar.revision, "a//b", "//"),
    (grammar.revision, "/a", "begins"),
    (grammar.revision, "a/", "ends"),
    (grammar.revision, "a.", "ends"),
    (grammar.revision, "-d", "begins"),
    (grammar.revision, "a/.b", "part"),
    (grammar.revision, ".a", "part"),
    (grammar.revision, "a.lock", "lock"),
    (grammar.revision, "a.lock/b", "lock"),
    (grammar.revision, "a b", "space"),
    (grammar.revision, "a\u00a0b", "space"),
    (grammar.revision, "main\n", "line break"),
    (grammar.revision, "a\tb", r"U\+0009"),
    (grammar.revision, "a\x7fb", r"U\+007F"),
    (grammar.revision, "a\u200bb", r"U\+200B"),
    *((grammar.revision, f"a{sign}b", "git allows") for sign in "~^:?*[\\"),
    (grammar.subset, "", "empty"),
    (grammar.subset, " ", "blank"),
    (grammar.subset, "a/b", '"/"'),
    (grammar.subset, "a\\b", "no subset"),
    (grammar.subset, "..", r'"\.\."'),
    (grammar.subset, "a\x00", r"U\+0000"),
    (grammar.subset, "ms\n", r"U\+000A"),
    (grammar.subset, "a\u202eb", r"U\+202E RIGHT-TO-LEFT OVERRIDE"),
    (grammar.subset, "a\ud800", r"U\+D800"),
    (grammar.subset, "s" * 129, "128"),
    (grammar.split, "", "empty"),
    (grammar.split, "train[:10%]", "slice"),
    (grammar.split, "train+test", "sum"),
    (grammar.split, "train\n", "line break"),
    (grammar.split, "train.", "full stops between"),
    (grammar.split, "a-b", "letters"),
    (grammar.split, "a/b", "letters"),
    (grammar.split, "x" * 256, "255"),
    (grammar.column, "", "empty"),
    (grammar.column, "  ", "blank"),
    (grammar.column, "\u200b", "blank"),
    (grammar.column, "c" * 201, "200"),
    (grammar.column, "a\nb", r"U\+000A"),
    (grammar.prose, "", "blank"),
    (grammar.prose, " \n\t", "blank"),
    (grammar.prose, "p" * 2_001, "2,000"),
    (grammar.prose, "a\x1b[31mb", r"U\+001B"),
    (grammar.prose, "a\u202eb", r"U\+202E"),
    (grammar.prose, "a\udfff", r"U\+DFFF"),
    (grammar.owner, "", "empty"),
    (grammar.owner, "o" * 201, "200"),
    (grammar.owner, "a\nb", r"U\+000A"),
    (grammar.max_bad_rows, -1, "count"),
    (grammar.max_bad_rows, 10**12, "count"),
    (grammar.max_bad_rows, True, "neither"),
    (grammar.max_bad_rows, 1.5, "neither"),
    (grammar.max_bad_rows, "5", "quotes|text"),
    (grammar.max_bad_rows, "101%", "neither"),
    (grammar.max_bad_rows, "100.1%", "neither"),
    (grammar.max_bad_rows, "-1%", "neither"),
    (grammar.max_bad_rows, "1 %", "neither"),
    (grammar.max_bad_rows, "1%\n", "neither"),
    (grammar.max_bad_rows, "\u0661%", "neither"),
    (grammar.max_bad_rows, "%", "neither"),
    (grammar.max_bad_rows, [], "neither"),
]


def reason_for(check, value):
    try:
        check(value)
    except FieldInvalid as error:
        return str(error)
    return ""


def case_name(part):
    return getattr(part, "__name__", None) or ascii(part)[:30]


@pytest.mark.parametrize(("check", "value"), VALID, ids=case_name)
def test_what_the_grammar_allows_is_given_back_as_it_is(check, value):
    assert check(value) == value


@pytest.mark.parametrize(("check", "value", "reason"), INVALID, ids=case_name)
def test_what_the_grammar_forbids_is_refused_with_the_reason(check, value, reason):
    with pytest.raises(FieldInvalid, match=reason) as caught:
        check(value)
    assert caught.value.mend


def test_prose_loses_the_space_around_it():
    assert grammar.prose("  Malay ASR\n") == "Malay ASR"


@given(
    revision=st.text(alphabet="ab.@{}/-~^:?*[\\ lock\t\x7fé", max_size=12)
    | st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=12)
)
def test_every_revision_we_take_is_one_that_git_takes(revision):
    if reason_for(grammar.revision, revision):
        return
    check = ["git", "check-ref-format", "--allow-onelevel", revision]
    assert subprocess.run(check, check=False).returncode == 0


@given(check=st.sampled_from([check for check, _, _ in INVALID]), value=st.text(max_size=300))
def test_no_reason_repeats_what_was_written(check, value):
    assert "sesame" not in reason_for(check, f"open-sesame{value}sesame")


@pytest.mark.parametrize(
    ("budget", "rows", "allowed"),
    [
        ("1%", 0, 0),
        ("1%", 1, 1),
        ("1%", 100, 1),
        ("1%", 101, 2),
        ("0.1%", 1_000, 1),
        ("0.1%", 1_001, 2),
        ("0%", 1_000_000, 0),
        ("100%", 7, 7),
        ("7%", 100, 7),
        (0, 1_000, 0),
        (5, 1_000, 5),
    ],
)
def test_a_percentage_of_bad_rows_is_rounded_up(budget, rows, allowed):
    assert allowed_bad_rows(budget, rows) == allowed


def test_the_pattern_for_editors_is_the_one_that_we_check():
    assert re.fullmatch(grammar.HF_ID_PATTERN, "mozilla-foundation/common_voice_11_0")
    assert not re.fullmatch(grammar.HF_ID_PATTERN, "squad")
