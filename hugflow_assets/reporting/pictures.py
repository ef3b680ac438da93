"""Small pictures as markdown: an image whose address is the SVG itself.

    ![Durations of 240 clips, 2 s to 6 s](<data:image/svg+xml,%3Csvg xmlns='http://... %3C/svg%3E>)

Dagster's UI shows markdown of fewer than 1,000 characters inline and longer markdown behind a
link, so each picture stays below that. Pictures hold numbers, never text of a dataset.
Ink and fill are visible on white and on black pages.
"""

import math
from typing import Final

from hugflow.audio.levels import Levels
from hugflow.statistics.histogram import Histogram

# `entry.mdStr.length < 1000` in MetadataEntry.tsx, https://github.com/dagster-io/dagster
MOST_CHARACTERS: Final = 999
# The number of pieces of a clip is limited by the room; each is drawn `STEP` wide.
PIECES: Final = 60

INK: Final = "#808895"
FILL: Final = "#7b6cf0"
# A page of an asset that is 1,400 pixels wide has room for this.
WIDTH: Final = 240
HEIGHT: Final = 96
# The drawing has a line of text above it and one below.
TOP: Final = 18
BOTTOM: Final = 80
FOOT: Final = 93
STEP: Final = WIDTH // PIECES


def draw_durations(histogram: Histogram) -> str:
    """A histogram of durations: seconds to the right, clips upwards."""
    tallest = max(histogram.clips)
    width = WIDTH / len(histogram.clips)
    bars = "".join(
        f"M{place * width:.0f} {BOTTOM}v-{_bar_height(clips, tallest)}h{width - 1:.0f}V{BOTTOM}"
        for place, clips in enumerate(histogram.clips)
        if clips
    )
    # At low bars, if there are longer clips at all.
    longer = _at_end(f"{histogram.longer:,} longer", TOP + 8) if histogram.longer else ""
    first, end = histogram.first_ms / 1000, histogram.end_ms / 1000
    return _to_picture(
        f"<path fill='{FILL}' d='{bars}'/>{longer}",
        above=f"{_count_clips(histogram.total)}, tallest bar {tallest:,}",
        below=(_seconds(first), _seconds((first + end) / 2), _seconds(end)),
        alt=f"Durations of {_count_clips(histogram.total)}, "
        f"from {_seconds(first)} to {_seconds(histogram.longest_ms / 1000)}",
    )


def draw_waveform(levels: Levels, row: int) -> str:
    """The waveform of a row's clip: seconds to the right, loudness upwards and downwards.

    levels: at most PIECES; of a longer clip only the beginning.
    """
    half = (BOTTOM - TOP) // 2
    heights = [round(peak * half) for peak in levels.peaks]
    steps = [after - before for before, after in zip([0, *heights], heights, strict=False)]
    # A minus sign separates two numbers as well as a space does.
    outline = " ".join(f"{STEP}{step}" if step < 0 else f"{STEP} {step}" for step in steps)
    drawing = outline and (
        f"<g fill='{FILL}' stroke='{FILL}' transform='translate(0 {TOP + half})scale(1 -1)'>"
        f"<path id='a' d='M0 0l{outline}V0'/><use href='#a' transform='scale(1 -1)'/></g>"
    )
    loudest = max(levels.peaks, default=0.0)
    # Adding zero changes only -0.0, which would show a sign.
    peak = f"peak {round(20 * math.log10(loudest), 1) + 0.0} dBFS" if loudest > 0 else "silent"
    end = _seconds(levels.shown_s)
    if levels.shown_s < levels.total_s:
        end += f" of {_seconds(levels.total_s)}"
    return _to_picture(
        drawing,
        above=f"row {row}, {peak}",
        below=("0 s", "", end),
        alt=f"Waveform of row {row}: {end}, {peak}",
    )


def _to_picture(drawing: str, *, above: str, below: tuple[str, str, str], alt: str) -> str:
    left, middle, right = below
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' "
        f"style='font:11px sans-serif' fill='{INK}'>"
        f"{drawing}<path d='M0 {BOTTOM}h{WIDTH}' stroke='{INK}'/>"
        f"<text y='10'>{above}</text><text y='{FOOT}'>{left}</text>"
        f"<text x='{WIDTH // 2}' y='{FOOT}' text-anchor='middle'>{middle}</text>"
        f"{_at_end(right, FOOT)}</svg>"
    )
    address = svg.replace("<", "%3C").replace(">", "%3E").replace("#", "%23")
    return f"![{alt}](<data:image/svg+xml,{address}>)"


def _at_end(words: str, y: int) -> str:
    return f"<text x='{WIDTH}' y='{y}' text-anchor='end'>{words}</text>"


def _bar_height(clips: int, tallest: int) -> int:
    """The height of a bar; one clip among a million is still visible."""
    return max(1, round(clips / tallest * (BOTTOM - TOP)))


def _count_clips(number: int) -> str:
    return "1 clip" if number == 1 else f"{number:,} clips"


def _seconds(value: float) -> str:
    """`0.75 s`, `1,800 s`: to the hundredth, without zeros at its end."""
    return f"{value:,.2f}".rstrip("0").rstrip(".") + " s"
