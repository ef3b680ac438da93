"""From a few sampled rows to a whole dataset, with the range in which it will lie.

A clip's length goes with its stored bytes far more closely than with its being one row: where the
footers of the sampled files tell the bytes of their audio column, these are extrapolated, otherwise
the rows. The range comes from how much the sampled rows, and the sampled files, differ among each
other; 95 of 100 datasets are meant to lie in it.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

from hugflow.late_dataclass import dataclass

# Student's t for 95 %, by degrees of freedom.
_T: Final = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 15: 2.13}
# Rows of a kind that no sample of this size has seen: a twentieth at 16 rows.
_UNSEEN: Final = 0.8
_LEAST: Final = 0.01
# No sample says more than a factor of this.
_WIDEST: Final = 8.0
# A column of many equal values is stored once for all of them: its bytes say nothing.
_LEAST_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class SampledRow:
    """A row that was made into an MP3: its bytes as published, its seconds, its MP3's bytes."""

    stored_bytes: int
    seconds: float
    mp3_bytes: int


@dataclass(frozen=True, slots=True)
class SampledFile:
    """Sampled rows of one published file.

    file_rows, file_bytes: of the whole file. audio_bytes: of its whole audio column; None if
    unknown.
    """

    rows: tuple[SampledRow, ...]
    file_rows: int
    file_bytes: int
    audio_bytes: float | None


@dataclass(frozen=True, slots=True)
class Span:
    """An estimated figure, and the range in which it will lie."""

    low: float
    middle: float
    high: float


def extrapolate(
    files: Sequence[SampledFile],
    total_rows: int,
    total_bytes: int,
    value_of: Callable[[SampledRow], float],
) -> Span | None:
    """The sum of a value over all rows of a dataset; None if no row was sampled.

    total_bytes: of all published files.
    """
    files = [file for file in files if file.rows]
    rows = [row for file in files for row in file.rows]
    by_bytes = _has_bytes(files)
    sizes = [[float(row.stored_bytes) if by_bytes else 1.0 for row in file.rows] for file in files]
    size = sum(map(sum, sizes))
    if not rows or not size:
        return None
    ratio = sum(map(value_of, rows)) / size
    errors = [
        [value_of(row) - ratio * each for row, each in zip(file.rows, own, strict=True)]
        for file, own in zip(files, sizes, strict=True)
    ]
    total, doubt = _total_size(files, total_bytes) if by_bytes else (float(total_rows), 0.0)
    spread = max(
        _doubt([error for file in errors for error in file]), _doubt([sum(file) for file in errors])
    )
    if ratio:
        doubt = math.hypot(doubt, spread / (ratio * size))
    if len(rows) < total_rows:
        doubt = max(doubt, _LEAST) + _UNSEEN / len(rows)
    middle, factor = ratio * total, math.exp(min(doubt, math.log(_WIDEST)))
    return Span(middle / factor, middle, middle * factor)


def add_spans(spans: Sequence[Span]) -> Span:
    """The sum of several figures; they may all be too low, or all too high."""
    return Span(
        sum(each.low for each in spans),
        sum(each.middle for each in spans),
        sum(each.high for each in spans),
    )


def _has_bytes(files: Sequence[SampledFile]) -> bool:
    return all(
        file.audio_bytes is not None
        and file.audio_bytes
        >= _LEAST_SHARE * file.file_rows * min(row.stored_bytes for row in file.rows)
        for file in files
    )


def _total_size(files: Sequence[SampledFile], total_bytes: int) -> tuple[float, float]:
    """Bytes of the audio column of all files, and the doubt about it as a share."""
    known, of = sum(file.audio_bytes or 0.0 for file in files), sum(f.file_bytes for f in files)
    share = known / of if of else 0.0
    if of >= total_bytes or not share:
        return known, 0.0
    errors = [(file.audio_bytes or 0.0) - share * file.file_bytes for file in files]
    return share * total_bytes, _doubt(errors) / known


def _doubt(errors: Sequence[float]) -> float:
    """How far the sum of such errors may be from zero, 95 times of 100; 0 for one alone."""
    number = len(errors)
    if number < 2:
        return 0.0
    variance = number / (number - 1) * sum(error * error for error in errors)
    return _t(number - 1) * math.sqrt(variance)


def _t(freedom: int) -> float:
    """Student's t; of the next smaller number where the very one is not listed."""
    return _T[max(each for each in _T if each <= freedom)]
