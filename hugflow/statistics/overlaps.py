"""What stands in two places: the same samples, text or speaker, found by the indexes alone.

audio    the same decoded samples, by the hash in `audio_info.quality`; where that is not measured,
         MP3s of one length with the same bytes
text     the same text in two datasets, in any case and spacing
speaker  the same speaker in two datasets: two of one owner on the Hub, or a name of LONG_NAME
         characters or more, which no other publisher would choose
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import polars as pl

from hugflow.late_dataclass import dataclass
from hugflow.statistics.tables import Table, flat
from hugflow.store.digest import file_sha256

Kind: TypeAlias = Literal["audio", "sound", "text", "speaker"]
KINDS: Final[tuple[Kind, ...]] = ("audio", "sound", "text", "speaker")
LONG_NAME: Final = 8


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two rows that have something in common; value: the text, the speaker, or nothing."""

    kind: Kind
    dataset: str
    row: int
    other_dataset: str
    other_row: int
    value: str | None = None


def find_overlaps(tables: Sequence[Table]) -> list[Overlap]:
    """Everything that the indexes alone show."""
    return [*find_same_audio(tables), *find_same_texts(tables), *find_same_speakers(tables)]


def find_same_audio(tables: Sequence[Table]) -> list[Overlap]:
    """Rows with the same samples; each later row with the first one that has them."""
    with_audio = [table for table in tables if table.has_audio]
    if not with_audio:
        return []
    frame = pl.concat([flat(table) for table in with_audio])
    by_pcm = _doubles(frame.filter(pl.col("pcm").is_not_null()), ["pcm"])
    length = ["sampling_rate", "num_samples"]
    # Of what is not measured, only clips of one length can be alike.
    unmeasured = frame.filter(pl.col("pcm").is_null()).select(length).unique()
    equally_long = _doubles(frame.join(unmeasured, on=length, how="semi"), length)
    root_by_name = {table.name: table.root for table in with_audio}
    digests = [
        _digest(root_by_name[name] / path)
        for name, path in zip(equally_long["dataset"], equally_long["path"], strict=True)
    ]
    by_file = equally_long.with_columns(key=pl.Series(digests, dtype=pl.String))
    by_file = by_file.filter(pl.col("key").is_not_null())
    found = [*_pairs(by_pcm.with_columns(key="pcm"), "audio"), *_pairs(by_file, "audio")]
    return list(dict.fromkeys(found))


def find_same_texts(tables: Sequence[Table]) -> list[Overlap]:
    """Texts that two datasets have; each once for each pair, with the first row of both."""
    if not tables:
        return []
    normal = pl.col("text").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    return _shared(tables, normal, "text")


def find_same_speakers(tables: Sequence[Table]) -> list[Overlap]:
    """Speakers that two datasets have; each once for each pair, with the first row of both."""
    if not tables:
        return []
    owner = {table.name: table.hf_id.partition("/")[0] for table in tables}
    return [
        each
        for each in _shared(tables, pl.col("speaker"), "speaker")
        if owner[each.dataset] == owner[each.other_dataset] or len(each.value or "") >= LONG_NAME
    ]


def _doubles(frame: pl.LazyFrame, by: list[str]) -> pl.DataFrame:
    """The rows whose values another row has too, in the order of datasets and rows."""
    columns = ["dataset", "row", "path", *by]
    is_double = frame.group_by(by).agg(pl.len().alias("rows")).filter(pl.col("rows") > 1).select(by)
    return (
        frame.select(columns)
        .join(is_double, on=by, how="semi")
        .collect(engine="streaming")
        .sort("dataset", "row")
    )


def _pairs(rows: pl.DataFrame, kind: Kind) -> list[Overlap]:
    first: dict[str, tuple[str, int]] = {}
    found: list[Overlap] = []
    for key, dataset, row in rows.select("key", "dataset", "row").iter_rows():
        if key in first:
            found.append(Overlap(kind, *first[key], dataset, row))
        else:
            first[key] = dataset, row
    return found


def _shared(tables: Sequence[Table], value: pl.Expr, kind: Kind) -> list[Overlap]:
    frame = pl.concat([flat(table).select("dataset", "row", key=value) for table in tables])
    firsts = (
        frame.filter(pl.col("key").is_not_null() & (pl.col("key") != ""))
        .group_by("key", "dataset")
        .agg(pl.col("row").min())
    )
    several = firsts.group_by("key").agg(pl.len().alias("rows")).filter(pl.col("rows") > 1)
    found = firsts.join(several, on="key", how="semi").collect(engine="streaming")
    result: list[Overlap] = []
    seen: dict[str, list[tuple[str, int]]] = {}
    for key, dataset, row in found.sort("key", "dataset").iter_rows():
        for other, other_row in seen.setdefault(key, []):
            result.append(Overlap(kind, other, other_row, dataset, row, key))
        seen[key].append((dataset, row))
    return result


def _digest(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None
