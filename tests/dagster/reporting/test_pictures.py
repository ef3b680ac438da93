"""Pictures in metadata: small enough to be shown in their place, sound, and seen on any page."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.audio.levels import Levels
from hugflow.statistics.histogram import MOST_BARS, Histogram
from hugflow_assets.reporting.pictures import (
    BOTTOM,
    FILL,
    HEIGHT,
    INK,
    MOST_CHARACTERS,
    PIECES,
    TOP,
    WIDTH,
    draw_durations,
    draw_waveform,
)

SVG = "{http://www.w3.org/2000/svg}"
# The pages of Dagster's two themes.
WHITE, BLACK = "#ffffff", "#03060e"

histograms = st.builds(
    Histogram,
    first_ms=st.integers(0, 10**8),
    bar_ms=st.integers(100, 10**7),
    clips=st.lists(st.integers(0, 10**10), min_size=1, max_size=MOST_BARS).filter(any).map(tuple),
    longer=st.integers(0, 10**9),
    longest_ms=st.integers(0, 10**9),
)
levels = st.builds(
    Levels,
    peaks=st.lists(st.floats(0.0, 1.0), max_size=PIECES).map(tuple),
    shown_s=st.floats(0.0, 30.0),
    total_s=st.floats(0.0, 21_600.0),
)


def parse(markdown: str) -> tuple[str, ElementTree.Element]:
    """The alternative text of a picture, and its SVG."""
    found = re.fullmatch(r"!\[([^\]<>&]*)\]\(<data:image/svg\+xml,([^<>\n#]*)>\)", markdown)
    assert found is not None, markdown
    return found[1], ElementTree.fromstring(unquote(found[2]))  # noqa: S314  # it is our own


def texts(svg: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in svg.iter(f"{SVG}text")]


def test_a_histogram_has_a_bar_for_each_number_and_says_what_they_are():
    alt, svg = parse(draw_durations(Histogram(1_000, 500, (2, 0, 8), 3, 90_000)))
    assert alt == "Durations of 13 clips, from 1 s to 90 s"
    assert texts(svg) == ["3 longer", "13 clips, tallest bar 8", "1 s", "1.75 s", "2.5 s"]
    bars = svg.find(f"{SVG}path").get("d", "")  # type: ignore[union-attr]
    assert bars.split("M")[1:] == ["0 80v-16h79V80", "160 80v-62h79V80"]


def test_one_clip_is_one_clip():
    alt, svg = parse(draw_durations(Histogram(700, 100, (1,), 0, 750)))
    assert alt == "Durations of 1 clip, from 0.7 s to 0.75 s"
    assert "1 clip, tallest bar 1" in texts(svg)


def test_a_waveform_names_its_row_its_peak_and_how_much_of_it_is_shown():
    alt, svg = parse(draw_waveform(Levels((0.0, 0.5, 1.0), 30.0, 3_600.0), 7))
    assert alt == "Waveform of row 7: 30 s of 3,600 s, peak 0.0 dBFS"
    assert texts(svg)[:2] == ["row 7, peak 0.0 dBFS", "0 s"]
    outline = svg.find(f".//{SVG}path[@id='a']")
    assert outline is not None
    assert outline.get("d") == "M0 0l4 0 4 16 4 15V0"


@pytest.mark.parametrize(
    ("peak", "words"),
    [(1.0, "peak 0.0 dBFS"), (0.999, "peak 0.0 dBFS"), (0.5, "peak -6.0 dBFS"), (0.0, "silent")],
)
def test_the_peak_is_in_decibels_below_full_scale(peak: float, words: str):
    alt, _ = parse(draw_waveform(Levels((peak,), 1.0, 1.0), 0))
    assert alt.endswith(f": 1 s, {words}")


def test_a_clip_without_samples_is_a_picture_too():
    alt, svg = parse(draw_waveform(Levels((), 0.0, 0.0), 3))
    assert alt == "Waveform of row 3: 0 s, silent"
    assert svg.find(f".//{SVG}use") is None


@given(histograms)
def test_every_histogram_is_small_enough_and_sound(histogram: Histogram):
    drawn = draw_durations(histogram)
    assert len(drawn) <= MOST_CHARACTERS
    _, svg = parse(drawn)
    bars = svg.find(f"{SVG}path").get("d", "")  # type: ignore[union-attr]
    sizes = re.findall(r"M(\d+) 80v-(\d+)h(\d+)V80", bars)
    assert len(sizes) == sum(clips > 0 for clips in histogram.clips)
    for left, height, width in sizes:
        assert 1 <= int(height) <= BOTTOM - TOP
        assert 1 <= int(width) <= WIDTH - int(left)


@given(levels, st.integers(0, 10**10))
def test_every_waveform_is_small_enough_and_sound(found: Levels, row: int):
    drawn = draw_waveform(found, row)
    assert len(drawn) <= MOST_CHARACTERS
    _, svg = parse(drawn)
    assert (svg.get("width"), svg.get("height")) == (str(WIDTH), str(HEIGHT))


@pytest.mark.parametrize("colour", [INK, FILL])
@pytest.mark.parametrize("page", [WHITE, BLACK])
def test_colours_stand_out_from_a_white_page_and_from_a_black_one(colour: str, page: str):
    # https://www.w3.org/WAI/WCAG21/Understanding/non-text-contrast
    light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


def luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
