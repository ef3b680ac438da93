"""The complete datasets of a project as tables of one form.

This module imports polars, which takes as long as the rest of a small command: import it where it
is called.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from hugflow.audio.quality import NAMES as QUALITY_NAMES
from hugflow.shards.features import QUALITY_TYPE, index_names
from hugflow.stages.standing.stored import list_names
from hugflow.stages.tree.manifest import Manifest, read_manifest
from hugflow.statistics.scan import scan_index
from hugflow.store.layout import Places

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
    """One complete dataset. files: its indexes, in row order."""

    name: str
    root: Path
    manifest: Manifest
    files: tuple[Path, ...]

    @property
    def has_audio(self) -> bool:
        """Whether it has clips."""
        return self.manifest.audio_column is not None

    def scan(self) -> pl.LazyFrame:
        """Its rows as `hugflow.scan` gives them."""
        return scan_index(self.files)


def read_tables(places: Places, names: Collection[str] | None = None) -> list[Table]:
    """The complete datasets with rows, by name; names: only these."""
    tables = []
    for name in list_names(places) if names is None else sorted(names):
        root = places.dataset(name).root
        manifest = read_manifest(places.dataset(name).manifest)
        if manifest is None:
            continue
        files = tuple(root / path for path in sorted(manifest.index) if (root / path).is_file())
        if files:
            tables.append(Table(name, root, manifest, files))
    return tables


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
    written, manifest = table.manifest.text_column, table.manifest
    names = dict(
        zip(manifest.columns, index_names(manifest.columns, manifest.all_audio), strict=True)
    )
    column = names.get(written or "")
    if column is None or schema.get(column) != pl.String:
        return pl.lit(None, pl.String)
    return pl.col(column)


def _speaker(table: Table, schema: pl.Schema) -> pl.Expr:
    """The first column that usually names the speaker, as text."""
    for name in SPEAKER_COLUMNS:
        if name in table.manifest.columns and schema.get(name) in (pl.String, pl.Int64, pl.Int32):
            return pl.col(name).cast(pl.String)
    return pl.lit(None, pl.String)
