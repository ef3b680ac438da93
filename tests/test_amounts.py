"""Amounts as people say them."""

import pytest

from hugflow.amounts import count, human_bytes, human_time


@pytest.mark.parametrize(
    ("seconds", "words"), [(3.4, "3 s"), (89, "89 s"), (700, "12 min"), (12_000, "3 h 20 min")]
)
def test_times_are_said_as_people_say_them(seconds: float, words: str):
    assert human_time(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(None, "-"), (0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2 * 10**15, "2000.0 TB")],
)
def test_sizes_are_said_in_the_units_that_disks_are_sold_in(size: int | None, words: str):
    assert human_bytes(size) == words


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1_234, "1,234 rows")]
)
def test_things_are_counted_in_plain_words(number: int, words: str):
    assert count(number, "row") == words
