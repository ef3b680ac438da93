"""Statistics of a dataset: rows, hours, audio formats, amount of text.

As values, as JSON and in words; `hugflow.statistics.measure` finds them. As JSON:

    {
      "rows": 1000,
      "audio": {"hours": 1.234567,
                "duration": {"min": 0.5, "p5": 1.2, "p50": 4.1, "p95": 9.8, "max": 14.2, "mean": 4.4},
                "sampling_rates": {"16000": 900, "48000": 100},
                "source_sampling_rates": {...}, "source_formats": {"flac": 1000},
                "bitrates_kbps": {"160": 900, "192": 100}, "copied": 0, "encoded": 1000,
                "repaired": {"wav_size": 3}, "levels": {"anti_phase": 1},     absent if empty
                "quality": {"snr": {"min": 3.1, ...}, ...}},       absent if nothing is measured
      "text": {"characters": 61234, "empty_rows": 2,
               "characters_per_second": {"min": 0.0, ..., "mean": 13.9}}
    }

`audio` is null in a text-only dataset, `text` in a dataset without a text column. Durations are
seconds, to the millisecond. Characters per second cover all rows, including rows without text.
Percentiles are by nearest rank, so each is the value of a row.
"""

from collections.abc import Mapping
from dataclasses import asdict, field, replace
from typing import Any

from hugflow.late_dataclass import dataclass

_MOST_COUNTS_SHOWN = 5
_NOTED = ("repaired", "levels", "quality")
# Of each figure of quality that is summed up: what it is called, and its unit.
QUALITY = {
    "snr": ("signal-to-noise ratio", "dB"),
    "rms_dbfs": ("level (RMS)", "dBFS"),
    "bandwidth_hz": ("bandwidth", "Hz"),
    "clipped": ("clipped samples", ""),
    "silence": ("silence", ""),
}


@dataclass(frozen=True, slots=True)
class Spread:
    """The spread of values: percentiles of rows, and the overall mean."""

    min: float
    p5: float
    p50: float
    p95: float
    max: float
    mean: float


@dataclass(frozen=True, slots=True)
class AudioStatistics:
    """The audio of a dataset. Counts are rows by value, in the order of the values.

    repaired: rows by the code of a repair of the framing.
    levels: rows by the code of a remark on the sound level.

    quality: by figure, over the measured clips; empty if none is.

    The index has neither repairs nor remarks; they are counted while the clips are made.
    """

    hours: float
    duration: Spread
    sampling_rates: dict[int, int]
    source_sampling_rates: dict[int, int]
    source_formats: dict[str, int]
    bitrates_kbps: dict[int, int]
    copied: int
    encoded: int
    repaired: dict[str, int] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    quality: dict[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TextStatistics:
    """The text of a dataset.

    empty_rows: rows without text, or with white space only.
    characters_per_second: None without audio.
    """

    characters: int
    empty_rows: int
    characters_per_second: Spread | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics of a whole dataset, or of one shard; see the module."""

    rows: int
    audio: AudioStatistics | None
    text: TextStatistics | None


def with_notes(
    statistics: Statistics, *, repaired: Mapping[str, int], levels: Mapping[str, int]
) -> Statistics:
    """The same with what was counted as the clips were made."""
    if statistics.audio is None:
        return statistics
    audio = replace(statistics.audio, repaired=dict(repaired), levels=dict(levels))
    return replace(statistics, audio=audio)


def to_json(statistics: Statistics) -> dict[str, Any]:
    """The statistics as a strict JSON value; see the module."""
    value = asdict(statistics)
    if value["audio"] is not None:
        value["audio"] = {
            name: {str(key): count for key, count in field.items()}
            if isinstance(field, dict)
            else field
            for name, field in value["audio"].items()
            if field != {} or name not in _NOTED
        }
    return value


def from_json(value: Any) -> Statistics | None:
    """The statistics from their JSON value; None if it is absent or has another form."""
    try:
        audio, text = value["audio"], value["text"]
        speed = text and text["characters_per_second"]
        return Statistics(
            int(value["rows"]),
            AudioStatistics(
                hours=float(audio["hours"]),
                duration=Spread(**audio["duration"]),
                sampling_rates=_by_number(audio["sampling_rates"]),
                source_sampling_rates=_by_number(audio["source_sampling_rates"]),
                source_formats=dict(audio["source_formats"]),
                bitrates_kbps=_by_number(audio["bitrates_kbps"]),
                copied=int(audio["copied"]),
                encoded=int(audio["encoded"]),
                repaired=dict(audio.get("repaired", {})),
                levels=dict(audio.get("levels", {})),
                quality={
                    name: Spread(**spread) for name, spread in audio.get("quality", {}).items()
                },
            )
            if audio
            else None,
            TextStatistics(
                int(text["characters"]),
                int(text["empty_rows"]),
                Spread(**speed) if speed else None,
            )
            if text
            else None,
        )
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def describe(statistics: Statistics) -> list[tuple[str, str]]:
    """The statistics as pairs of a label and words, for people."""
    pairs = [("rows", f"{statistics.rows:,}")]
    if audio := statistics.audio:
        pairs += [
            ("hours", f"{audio.hours:,.3f}"),
            ("duration", _spread_words(audio.duration, "s")),
            ("sampling rates", _count_words(audio.sampling_rates, "Hz")),
            ("source rates", _count_words(audio.source_sampling_rates, "Hz")),
            ("source formats", _count_words(audio.source_formats)),
            ("bitrates", _count_words(audio.bitrates_kbps, "kbit/s")),
            ("MP3s", f"{audio.encoded:,} encoded, {audio.copied:,} copied"),
        ]
        for name, spread in audio.quality.items():
            label, unit = QUALITY.get(name, (name, ""))
            pairs.append((label, _spread_words(spread, unit)))
        if audio.repaired:
            pairs.append(("repaired framing", _count_words(audio.repaired)))
        if audio.levels:
            pairs.append(("levels to look at", _count_words(audio.levels)))
    if text := statistics.text:
        pairs.append(("characters", f"{text.characters:,}"))
        if text.characters_per_second is not None:
            pairs.append(("characters per second", _spread_words(text.characters_per_second)))
        pairs.append(("rows without text", f"{text.empty_rows:,}"))
    return pairs


def render_lines(statistics: Statistics) -> list[str]:
    """Lines for a terminal, one for each figure."""
    pairs = describe(statistics)
    width = max(len(label) for label, _ in pairs)
    return [f"{label:<{width}}  {words}" for label, words in pairs]


def _by_number(counts: Mapping[str, int]) -> dict[int, int]:
    return {int(value): rows for value, rows in counts.items()}


def _spread_words(spread: Spread, unit: str = "") -> str:
    unit = f" {unit}" if unit else ""
    return (
        f"{spread.min:,} to {spread.max:,}{unit}, median {spread.p50:,}, mean {spread.mean:,}; "
        f"nine in ten between {spread.p5:,} and {spread.p95:,}"
    )


def _count_words(counts: Mapping[Any, int], unit: str = "") -> str:
    """The most frequent values, with their rows."""
    unit = f" {unit}" if unit else ""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    shown = [f"{value}{unit} ({rows:,})" for value, rows in ranked[:_MOST_COUNTS_SHOWN]]
    more = len(ranked) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
