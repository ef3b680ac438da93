"""Which rows mean which members: the same as by comparing each word with each member, but sooner."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from hugflow.shards.layouts import member_words
from hugflow.shards.layouts.member_words import ExactMembers, WordLines, name_keys

PARTS = st.sampled_from(["a", "b", "a.wav", "b.wav", "c.wav.mp3", "..", ".", "", "C:"])
PATHS = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
WORDS = st.one_of(st.none(), PATHS, PATHS.map(lambda path: path.replace("/", "\\")))


def compare_all(member: str, words: list[str | None]) -> list[int]:
    """The lines whose word agrees with a member, each compared by itself."""
    for key in name_keys(member):
        found = [
            line
            for line, word in enumerate(words)
            if word and key in name_keys(word) and member_words._fits(member, word)
        ]
        if found:
            return found
    return []


@settings(max_examples=500, deadline=None)
@given(members=st.lists(PATHS, max_size=4), words=st.lists(WORDS, max_size=8))
def test_lines_are_found_as_by_comparing_each_word(members: list[str], words: list[str | None]):
    lines = WordLines(words)
    for member in members:
        assert lines.find(member) == compare_all(member, words)


@settings(max_examples=500, deadline=None)
@given(members=st.lists(PATHS, max_size=6), words=st.lists(WORDS, max_size=4))
def test_a_word_whose_very_name_is_there_means_nothing_of_another_ending(
    members: list[str], words: list[str | None]
):
    exact = ExactMembers(lambda: members)
    for member in members:
        kept = exact.keep(member, compare_all(member, words), words)
        for line in compare_all(member, words):
            word = words[line] or ""
            name, stem = name_keys(word)
            is_other = name not in (stem, name_keys(member)[0])
            same = [each for each in members if name_keys(each)[0] == name]
            is_there = any(member_words._fits(each, word) for each in same)
            assert (line not in kept) == (is_other and is_there)


def test_archives_are_looked_through_only_where_endings_differ():
    def fail() -> list[str]:
        raise AssertionError

    exact = ExactMembers(fail)
    assert exact.keep("a/1.wav", [0, 1], ["1.wav", "a/1"]) == [0, 1]


@pytest.mark.parametrize("form", ["spk{}/audio.wav", "spk{}/near/audio.wav", "{}/x/y/audio"])
def test_members_of_one_name_are_not_compared_with_every_row(
    monkeypatch: pytest.MonkeyPatch, form: str
):
    compared = 0
    fits = member_words._fits

    def count(member: str, word: str) -> bool:
        nonlocal compared
        compared += 1
        return fits(member, word)

    monkeypatch.setattr(member_words, "_fits", count)
    words = [form.format(n) for n in range(500)]
    lines = WordLines(words)
    for n, word in enumerate(words):
        assert lines.find(f"corpus/{word.removesuffix('.wav')}.wav") == [n]
    assert compared <= len(words) * 2
