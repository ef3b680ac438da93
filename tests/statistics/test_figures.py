"""Statistics as values: strict JSON that is read back, and words for people."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hugflow.statistics.figures import (
    AudioStatistics,
    Spread,
    Statistics,
    TextStatistics,
    describe,
    from_json,
    render_lines,
    to_json,
)
from hugflow.statistics.measure import read_statistics
from tests.exports.indexes import info_of, write_index_of

SPREAD = Spread(0.5, 1.2, 4.1, 9.8, 14.2, 4.4)
AUDIO = AudioStatistics(
    hours=1.234567,
    duration=SPREAD,
    sampling_rates={16_000: 900, 48_000: 100},
    source_sampling_rates={16_000: 900, 48_000: 100},
    source_formats={"flac": 900, "mp3": 100},
    bitrates_kbps={64 + number: number for number in range(1, 9)},
    copied=100,
    encoded=900,
)
TEXT = TextStatistics(61_234, 2, replace(SPREAD, min=0.0))
ALL = Statistics(1_000, AUDIO, TEXT)


@pytest.mark.parametrize(
    "statistics",
    [
        ALL,
        replace(ALL, audio=None),
        replace(ALL, text=None),
        replace(ALL, audio=None, text=replace(TEXT, characters_per_second=None)),
        Statistics(0, None, None),
    ],
)
def test_as_json_they_are_strict_and_are_read_back(statistics: Statistics):
    text = json.dumps(to_json(statistics), allow_nan=False)
    assert from_json(json.loads(text)) == statistics


def test_measured_ones_are_read_back_too(tmp_path: Path):
    infos = [info_of(1), info_of(2.5, copied=True)]
    found = read_statistics([write_index_of(tmp_path / "i", ["a", None], infos)], ("text",))
    assert from_json(json.loads(json.dumps(to_json(found), allow_nan=False))) == found


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        [],
        {},
        {"rows": 1},
        {"rows": "many", "audio": None, "text": None},
        {"rows": 1, "audio": {"hours": 1}, "text": None},
        {"rows": 1, "audio": None, "text": {"characters": 1}},
        {**to_json(ALL), "audio": {**to_json(ALL)["audio"], "duration": {"min": 1}}},
        {**to_json(ALL), "audio": {**to_json(ALL)["audio"], "sampling_rates": {"x": 1}}},
    ],
)
def test_what_says_something_else_is_none(value: Any):
    assert from_json(value) is None


def test_a_terminal_gets_a_line_a_figure():
    assert render_lines(ALL) == [
        "rows                   1,000",
        "hours                  1.235",
        "duration               0.5 to 14.2 s, median 4.1, mean 4.4; "
        "nine in ten between 1.2 and 9.8",
        "sampling rates         16000 Hz (900), 48000 Hz (100)",
        "source rates           16000 Hz (900), 48000 Hz (100)",
        "source formats         flac (900), mp3 (100)",
        "bitrates               72 kbit/s (8), 71 kbit/s (7), 70 kbit/s (6), 69 kbit/s (5), "
        "68 kbit/s (4) and 3 more",
        "MP3s                   900 encoded, 100 copied",
        "characters             61,234",
        "characters per second  0.0 to 14.2, median 4.1, mean 4.4; nine in ten between 1.2 and 9.8",
        "rows without text      2",
    ]


def test_what_a_dataset_has_not_is_not_spoken_of():
    assert describe(Statistics(3, None, None)) == [("rows", "3")]
