"""Durations as bars: no clip is lost, and the edges are round numbers."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hugflow.statistics.histogram import MOST_BARS, Histogram, to_histogram
from hugflow.statistics.measure import read_durations
from tests.exports.indexes import info_of, write_index_of

clips_by_ms = st.dictionaries(
    st.integers(0, 6 * 3_600_000), st.integers(1, 10**7), min_size=1, max_size=60
).map(lambda clips: sorted(clips.items()))


@given(clips_by_ms)
def test_every_clip_is_in_one_bar_or_longer_than_all_of_them(clips: list[tuple[int, int]]):
    found = to_histogram(clips)
    assert found is not None
    assert found.total == sum(number for _, number in clips)
    assert found.longer == sum(number for duration, number in clips if duration >= found.end_ms)
    for place, number in enumerate(found.clips):
        edge = found.first_ms + place * found.bar_ms
        inside = (count for duration, count in clips if edge <= duration < edge + found.bar_ms)
        assert number == sum(inside)


@given(clips_by_ms)
def test_bars_are_few_and_begin_and_end_where_there_are_clips(clips: list[tuple[int, int]]):
    found = to_histogram(clips)
    assert found is not None
    assert 1 <= len(found.clips) <= MOST_BARS
    assert found.clips[0] > 0
    assert found.clips[-1] > 0
    assert found.first_ms % found.bar_ms == 0
    assert str(found.bar_ms).rstrip("0") in ("1", "2", "5")


@given(clips_by_ms)
def test_at_most_one_clip_in_a_hundred_is_left_out(clips: list[tuple[int, int]]):
    found = to_histogram(clips)
    assert found is not None
    assert found.longer * 100 <= found.total


def test_clips_of_some_seconds_get_bars_that_are_told_apart():
    assert to_histogram([(500, 1), (750, 2), (1_499, 3)]) == Histogram(
        first_ms=500, bar_ms=100, clips=(1, 0, 2, 0, 0, 0, 0, 0, 0, 3), longer=0, longest_ms=1_499
    )


def test_one_clip_of_an_hour_does_not_press_all_others_into_one_bar():
    others = [(1_000 + 10 * place, 1) for place in range(200)]
    found = to_histogram([*others, (3_600_000, 1)])
    assert found is not None
    assert (found.longer, found.longest_ms) == (1, 3_600_000)
    assert len(found.clips) > 10


def test_without_clips_there_is_no_histogram():
    assert to_histogram([]) is None


def test_durations_are_read_from_the_index(tmp_path: Path):
    one = write_index_of(tmp_path / "a", ["a", "b"], [info_of(1), info_of(2.5)])
    two = write_index_of(tmp_path / "b", ["c"], [info_of(1)])
    found = read_durations([one, two])
    assert found is not None
    assert (found.clips[0], found.clips[-1], found.total) == (2, 1, 3)
    assert (found.first_ms, found.longest_ms) == (1_000, 2_500)


def test_without_audio_there_are_no_durations(tmp_path: Path):
    assert read_durations([write_index_of(tmp_path / "a", ["a"], [])]) is None
    assert read_durations([]) is None
