"""Measuring a dataset on its index: the statistics of `hugflow.statistics.figures`.

Lazy scans with the streaming engine count equal values, and all figures follow from the counts, so
the index is never in memory as a whole. Counts are whole numbers, rounded only at the end, so the
same rows give the same digits.

This module imports polars, which takes as long as the rest of a small command: import it where it
is called.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import polars as pl

from hugflow.shards.column_path import text_path
from hugflow.shards.features import index_names
from hugflow.shards.plan import Plan
from hugflow.statistics.figures import AudioStatistics, Spread, Statistics, TextStatistics
from hugflow.statistics.histogram import Histogram, to_histogram
from hugflow.statistics.scan import scan_index
from hugflow.store.layout import DatasetFolder

# Into how many parts a unit of each figure of quality is divided.
_QUALITY_PARTS: Final = {
    "snr": 10,
    "rms_dbfs": 100,
    "bandwidth_hz": 1,
    "clipped": 1_000_000,
    "silence": 10_000,
}


def plan_statistics(plan: Plan, folder: DatasetFolder) -> Statistics:
    """Statistics of the rows in the tree of a plan."""
    files = [folder.index_file(shard.name) for shard in plan.shards]
    return read_statistics([file for file in files if file.is_file()], index_text_column(plan))


def index_text_column(plan: Plan) -> tuple[str, ...] | None:
    """The names that lead to the text in the index."""
    path = text_path(plan)
    if path is None:
        return None
    names = dict(zip(plan.columns, index_names(plan.columns, plan.all_audio), strict=True))
    return (names[path[0]], *path[1:])


def read_statistics(index_files: Sequence[Path], text_column: tuple[str, ...] | None) -> Statistics:
    """Statistics of the rows in index files; no files mean no rows.

    text_column: its name in the index; a column that is not text has no statistics.
    """
    if not index_files:
        return Statistics(0, None, None)
    frame = scan_index(index_files)
    schema = frame.collect_schema()
    # No column of the dataset has this name in the index.
    has_audio = "audio_info" in schema
    text = None if text_column is None else _find_text(schema, text_column)
    queries = {"rows": frame.select(rows=pl.len())}
    if has_audio:
        queries |= {"forms": _count_forms(frame), "duration": _count_durations(frame)}
    measured = _has_quality(schema)
    if measured:
        queries |= {name: _count_quality(frame, name) for name in _QUALITY_PARTS}
    if text is not None:
        queries["text"] = _count_text(frame, text)
        if has_audio:
            queries["speed"] = _count_speeds(frame, text)
    answers = pl.collect_all(list(queries.values()), engine="streaming")
    found = dict(zip(queries, answers, strict=True))
    rows = found["rows"].item()
    if not rows:
        return Statistics(0, None, None)
    seconds = _total_seconds(found["forms"]) if has_audio else None
    return Statistics(
        rows,
        replace(
            _to_audio(found["forms"], found["duration"], rows, seconds),
            quality=_to_quality(found) if measured else {},
        )
        if seconds
        else None,
        _to_text(found["text"], found.get("speed"), seconds) if text is not None else None,
    )


def read_durations(index_files: Sequence[Path]) -> Histogram | None:
    """The durations of the clips in index files; None when there are no clips."""
    if not index_files:
        return None
    frame = scan_index(index_files)
    if "audio_info" not in frame.collect_schema():
        return None
    counts = _count_durations(frame).collect(engine="streaming").sort("value")
    return to_histogram(list(zip(counts["value"], counts["rows"], strict=True)))


def _find_text(schema: pl.Schema, path: tuple[str, ...]) -> pl.Expr | None:
    """The text at a path; None where it is no text."""
    found, type_ = pl.col(path[0]), schema[path[0]]
    for name in path[1:]:
        fields = {field.name: field.dtype for field in getattr(type_, "fields", ())}
        if name not in fields:
            return None
        found, type_ = found.struct.field(name), fields[name]
    return found.cast(pl.String) if type_ in (pl.String, pl.Categorical) else None


def _info(field: str) -> pl.Expr:
    return pl.col("audio_info").struct.field(field)


def _count_forms(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Rows and samples of each audio format; there are few formats, however many the rows."""
    names = ("sampling_rate", "source_sampling_rate", "source_format", "bitrate_kbps", "copied")
    return (
        frame.select(*(_info(name) for name in names), _info("num_samples"))
        .group_by(*names)
        .agg(rows=pl.len(), samples=pl.col("num_samples").sum())
    )


def _count_durations(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Rows by duration in milliseconds."""
    samples, rate = _info("num_samples"), _info("sampling_rate").cast(pl.Int64)
    return _count(frame, _rounded(samples * 1000, rate))


def _has_quality(schema: pl.Schema) -> bool:
    info = schema.get("audio_info")
    return any(field.name == "quality" for field in getattr(info, "fields", ()))


def _count_quality(frame: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Rows by a figure of quality, in its smallest parts; without rows that have none."""
    figure = _info("quality").struct.field(name)
    parts = (figure * _QUALITY_PARTS[name]).round().cast(pl.Int64)
    return _count(frame.filter(figure.is_not_null()), parts)


def _to_quality(found: Mapping[str, pl.DataFrame]) -> dict[str, Spread]:
    spreads: dict[str, Spread] = {}
    for name, per_unit in _QUALITY_PARTS.items():
        counts = found[name]
        rows = int(counts["rows"].sum())
        if rows:
            total = int((counts["value"] * counts["rows"].cast(pl.Int64)).sum())
            spreads[name] = _spread(counts, per_unit, Fraction(total, rows * per_unit))
    return spreads


def _count_text(frame: pl.LazyFrame, text: pl.Expr) -> pl.LazyFrame:
    is_empty = text.is_null() | (text.str.strip_chars() == "")
    return frame.select(
        characters=text.str.len_chars().cast(pl.Int64).sum(), empty_rows=is_empty.sum()
    )


def _count_speeds(frame: pl.LazyFrame, text: pl.Expr) -> pl.LazyFrame:
    """Rows by hundredths of a character per second."""
    samples, rate = _info("num_samples"), _info("sampling_rate").cast(pl.Int64)
    characters = text.str.len_chars().cast(pl.Int64).fill_null(0)
    return _count(frame.filter(samples > 0), _rounded(characters * rate * 100, samples))


def _count(frame: pl.LazyFrame, value: pl.Expr) -> pl.LazyFrame:
    return frame.select(value=value).group_by("value").agg(rows=pl.len())


def _rounded(dividend: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    """The quotient as the nearest whole number."""
    return (dividend + divisor // 2) // divisor


def _total_seconds(forms: pl.DataFrame) -> Fraction:
    pairs = zip(forms["samples"], forms["sampling_rate"], strict=True)
    return sum((Fraction(samples, rate) for samples, rate in pairs), Fraction())


def _to_audio(
    forms: pl.DataFrame, durations: pl.DataFrame, rows: int, seconds: Fraction
) -> AudioStatistics:
    counts = {
        name: _counts(forms, name)
        for name in ("sampling_rate", "source_sampling_rate", "source_format", "bitrate_kbps")
    }
    copied = _counts(forms, "copied")
    return AudioStatistics(
        hours=_round(seconds / 3600, 6),
        duration=_spread(durations, 1000, seconds / rows),
        sampling_rates=counts["sampling_rate"],
        source_sampling_rates=counts["source_sampling_rate"],
        source_formats=counts["source_format"],
        bitrates_kbps=counts["bitrate_kbps"],
        copied=copied.get(True, 0),
        encoded=copied.get(False, 0),
    )


def _to_text(
    text: pl.DataFrame, speeds: pl.DataFrame | None, seconds: Fraction | None
) -> TextStatistics:
    characters = text["characters"].item()
    speed = _spread(speeds, 100, characters / seconds) if speeds is not None and seconds else None
    return TextStatistics(characters, text["empty_rows"].item(), speed)


def _counts(forms: pl.DataFrame, name: str) -> dict[Any, int]:
    """Rows by one field, in the order of its values."""
    counts: dict[Any, int] = {}
    for value, rows in zip(forms[name], forms["rows"], strict=True):
        counts[value] = counts.get(value, 0) + rows
    return dict(sorted(counts.items()))


def _spread(counts: pl.DataFrame, per_unit: int, mean: Fraction) -> Spread:
    """The spread of values that are counted in parts of a unit."""
    ordered = counts.sort("value")
    values = ordered["value"].to_list()
    reached = list(accumulate(ordered["rows"]))

    def at(percent: int) -> float:
        rank = max(1, -(-reached[-1] * percent // 100))
        return float(values[bisect_left(reached, rank)] / per_unit)

    digits = len(str(per_unit)) - 1
    return Spread(at(0), at(5), at(50), at(95), at(100), _round(mean, digits))


def _round(value: Fraction, digits: int) -> float:
    return float(round(value, digits))
