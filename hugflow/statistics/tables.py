"""Complete datasets as tables of one form.

This module imports polars, which takes as long as the rest of a small command: import it where it
is called.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from hugflow.audio.quality import NAMES as QUALITY_NAMES
from hugflow.late_dataclass import dataclass
from hugflow.shards.features import QUALITY_TYPE, TEXT, index_names
from hugflow.statistics.scan import scan_index

SPEAKER_COLUMNS: Final = ("speaker_id", "speaker", "client_id", "spk_id", "speaker_name", "spk")

_INFO_TYPES: Final = {
    "path": pl.String,
    "sampling_rate": pl.Int32,
    "num_samples": pl.Int64,
    "duration": pl.Float64,
    "source_format": pl.String,
    "bitrate_kbps": pl.Int32,
    "copied": pl.Boolean,
}
_QUALITY_TYPES: Final = {
    field.name: pl.Int32 if field.name == "bandwidth_hz" else pl.Float64 for field in QUALITY_TYPE
} | dict.fromkeys(("pcm", "script"), pl.String)


@dataclass(frozen=True, slots=True)
class Table:
    """One complete dataset.

    index: sha256 of each index by its path below `root`, in row order.
    columns, all_audio, text_column: of the dataset, as its plan has them.
    """

    name: str
    hf_id: str
    split: str
    root: Path
    index: Mapping[str, str]
    columns: tuple[str, ...]
    all_audio: tuple[str, ...]
    text_column: str | None

    @property
    def has_audio(self) -> bool:
        """Whether it has clips."""
        return bool(self.all_audio)

    def scan(self) -> pl.LazyFrame:
        """Its rows as `hugflow.scan` gives them."""
        return scan_index([self.root / path for path in self.index])


def flat(table: Table) -> pl.LazyFrame:
    """Its rows in the form that all datasets share: null for what it does not have.

    Columns: `dataset`, `row`, `text`, `speaker`, the facts of `audio_info`, those of its `quality`.
    """
    frame = table.scan()
    schema = frame.collect_schema()
    info = schema.get("audio_info")
    of_info = {field.name for field in getattr(info, "fields", ())}
    columns = [
        pl.lit(table.name).alias("dataset"),
        pl.col("row"),
        _text(table, schema).alias("text"),
        _speaker(table, schema).alias("speaker"),
    ]
    for name, type_ in _INFO_TYPES.items():
        found = pl.col("audio_info").struct.field(name) if name in of_info else pl.lit(None)
        columns.append(found.cast(type_).alias(name))
    for name in QUALITY_NAMES:
        found = (
            pl.col("audio_info").struct.field("quality").struct.field(name)
            if "quality" in of_info
            else pl.lit(None)
        )
        columns.append(found.cast(_QUALITY_TYPES[name]).alias(name))
    return frame.select(columns)


def _text(table: Table, schema: pl.Schema) -> pl.Expr:
    """The text, where it is a column of text."""
    names = dict(zip(table.columns, index_names(table.columns, table.all_audio), strict=True))
    # A text inside a column has a column of the index's own.
    is_inner = table.text_column not in (None, *names) and TEXT not in names
    column = TEXT if is_inner else names.get(table.text_column or "")
    if column is None or schema.get(column) != pl.String:
        return pl.lit(None, pl.String)
    return pl.col(column)


def _speaker(table: Table, schema: pl.Schema) -> pl.Expr:
    """The first column that usually names the speaker, as text."""
    for name in SPEAKER_COLUMNS:
        if name in table.columns and schema.get(name) in (pl.String, pl.Int64, pl.Int32):
            return pl.col(name).cast(pl.String)
    return pl.lit(None, pl.String)
