"""The durations of a dataset's clips, as the bars of a histogram."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, count
from typing import Final

from hugflow.late_dataclass import dataclass

MOST_BARS: Final = 20
# Thinner bars would show noise, and their edges would be unreadable labels.
THINNEST_MS: Final = 100


@dataclass(frozen=True, slots=True)
class Histogram:
    """Clips by duration.

    first_ms: the left edge of the first bar.
    bar_ms: the width of each bar.
    clips: the number of clips in each bar, in order; a bar includes its left edge, not its right.
    longer: the number of clips beyond the last bar.
    longest_ms: the duration of the longest clip.
    """

    first_ms: int
    bar_ms: int
    clips: tuple[int, ...]
    longer: int
    longest_ms: int

    @property
    def end_ms(self) -> int:
        """The right edge of the last bar."""
        return self.first_ms + self.bar_ms * len(self.clips)

    @property
    def total(self) -> int:
        """The number of all clips."""
        return sum(self.clips) + self.longer


def to_histogram(clips_by_ms: Sequence[tuple[int, int]]) -> Histogram | None:
    """At most MOST_BARS bars, of a round width; None when there are no clips.

    clips_by_ms: durations in rising order, each with its number of clips.

    If a clip is more than twice as long as the 99th percentile, the bars end at that percentile;
    otherwise almost all clips would be in one bar.
    """
    if not clips_by_ms:
        return None
    shortest, longest = clips_by_ms[0][0], clips_by_ms[-1][0]
    bulk = _end_of_bulk(clips_by_ms)
    last = longest if longest <= 2 * bulk else bulk
    bar = next(width for width in _widths_ms() if last // width - shortest // width < MOST_BARS)
    first = shortest // bar
    clips = [0] * (last // bar - first + 1)
    longer = 0
    for duration, number in clips_by_ms:
        place = duration // bar - first
        if place < len(clips):
            clips[place] += number
        else:
            longer += number
    return Histogram(first * bar, bar, tuple(clips), longer, longest)


def _end_of_bulk(clips_by_ms: Sequence[tuple[int, int]]) -> int:
    """The 99th percentile of the durations."""
    reached = list(accumulate(number for _, number in clips_by_ms))
    rank = -(-reached[-1] * 99 // 100)
    pairs = zip(clips_by_ms, reached, strict=True)
    return next(duration for (duration, _), so_far in pairs if so_far >= rank)


def _widths_ms() -> Iterator[int]:
    """100, 200, 500, 1,000, 2,000, 5,000, ..."""
    for power in count():
        for digit in (1, 2, 5):
            yield digit * THINNEST_MS * 10**power
