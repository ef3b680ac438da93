"""Which rows mean which members: the same as by comparing each word with each member, but sooner."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from hugflow.shards.layouts import member_words
from hugflow.shards.layouts.member_words import WordLines, name_keys

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
