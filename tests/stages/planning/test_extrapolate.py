"""Extrapolated figures lie where they are told to lie, over datasets of many kinds."""

import random
from dataclasses import dataclass

import pytest

from hugflow.stages.planning.extrapolate import (
    SampledFile,
    SampledRow,
    Span,
    add_spans,
    extrapolate,
)

# Bytes of a second of speech at 16 kHz, and how much clips differ.
CODECS = {"wav": (32_000, 0.0), "flac": (17_000, 0.15), "mp3": (8_000, 0.0), "opus": (4_000, 0.1)}
MP3_BYTES_PER_S = 20_000
FILES, ROWS = 8, 16


@dataclass
class Made:
    """A made-up dataset: its files' rows, and whether their bytes are known."""

    files: list[list[SampledRow]]
    has_bytes: bool

    def sample(self) -> list[SampledFile]:
        """What is sampled of it: the first rows of files that are evenly spread."""
        chosen = self.files[:: max(1, len(self.files) // FILES)][:FILES]
        each = -(-ROWS // len(chosen))
        return [
            SampledFile(
                tuple(file[:each]),
                len(file),
                self.bytes_of(file),
                sum(row.stored_bytes for row in file) if self.has_bytes else None,
            )
            for file in chosen
        ]

    def bytes_of(self, file: list[SampledRow]) -> int:
        # Text columns and footers.
        return sum(row.stored_bytes for row in file) + 60 * len(file) + 2_000

    def span(self) -> Span:
        rows, size = sum(map(len, self.files)), sum(map(self.bytes_of, self.files))
        found = extrapolate(self.sample(), rows, size, lambda row: row.seconds)
        assert found is not None
        return found

    @property
    def seconds(self) -> float:
        return sum(row.seconds for file in self.files for row in file)


def make(number: int) -> Made:
    """The kinds take turns: constant or skewed lengths; one codec, one for each file, or mixed."""
    some = random.Random(number)  # noqa: S311  # a dataset, no secret
    is_skewed, mixture = number % 2 == 1, ("one", "by file", "by row")[number // 2 % 3]
    files = []
    single = some.choice(list(CODECS))
    for _ in range(some.choice([1, 3, 8, 20, 60])):
        of_file = some.choice(list(CODECS))
        files.append([])
        for _ in range(some.choice([20, 50, 100])):
            codec = {"one": single, "by file": of_file, "by row": some.choice(list(CODECS))}
            per_s, differ = CODECS[codec[mixture]]
            seconds = some.lognormvariate(1.2, 0.8) if is_skewed else 4.0
            size = 44 + seconds * per_s * (1 + differ * some.uniform(-1, 1))
            files[-1].append(SampledRow(int(size), seconds, int(seconds * MP3_BYTES_PER_S)))
    return Made(files, has_bytes=number % 5 != 4)


def test_of_40_datasets_at_least_38_come_out_within_the_range_that_was_told():
    within = [
        span.low <= made.seconds <= span.high
        for made in map(make, range(40))
        for span in [made.span()]
    ]
    assert sum(within) >= 38


@pytest.mark.soak
def test_of_2000_datasets_nine_of_ten_and_more_come_out_within_the_range():
    within = [
        span.low <= made.seconds <= span.high
        for made in map(make, range(2_000))
        for span in [made.span()]
    ]
    assert sum(within) >= 1_880


def test_the_bytes_of_clips_tell_their_length_where_one_codec_is_used():
    some = random.Random(1)  # noqa: S311
    lengths = [some.lognormvariate(1.2, 1.0) for _ in range(400)]
    rows = [SampledRow(int(32_000 * each), each, int(20_000 * each)) for each in lengths]
    made = Made([rows[at : at + 50] for at in range(0, 400, 50)], has_bytes=True)
    span = made.span()
    assert span.middle == pytest.approx(made.seconds, rel=0.001)
    assert span.high / span.low < 1.15


def test_a_dataset_of_which_every_row_was_sampled_is_exact():
    rows = [SampledRow(32_000 * each, float(each), 20_000 * each) for each in (1, 2, 3)]
    span = Made([rows], has_bytes=True).span()
    assert span.low == pytest.approx(6.0) == span.high


def test_equal_clips_that_are_stored_once_are_counted_by_rows():
    row = SampledRow(32_000, 1.0, 20_000)
    file = SampledFile((row,) * 8, 1_000, 40_000, 33_000.0)
    span = extrapolate([file], 1_000, 40_000, lambda row: row.seconds)
    assert span is not None
    assert span.middle == pytest.approx(1_000.0)


def test_nothing_sampled_tells_nothing():
    assert extrapolate([SampledFile((), 10, 100, 90.0)], 10, 100, lambda row: row.seconds) is None


def test_figures_of_several_columns_are_added():
    assert add_spans([Span(1, 2, 3), Span(10, 20, 30)]) == Span(11, 22, 33)
