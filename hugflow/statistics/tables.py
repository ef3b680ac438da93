"""Complete datasets as tables of one form.

This module imports polars, which takes as long as the rest of a small command: import it where it
is called.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow.parquet as pq

from hugflow.audio.quality import NAMES as QUALITY_NAMES
from hugflow.late_dataclass import dataclass
from hugflow.shards.column_path import find_path
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
    columns, all_audio, text_column, text_join: of the dataset, as its plan has them.
    """

    name: str
    hf_id: str
    split: str
    root: Path
    index: Mapping[str, str]
    columns: tuple[str, ...]
    all_audio: tuple[str, ...]
    text_column: str | None
    text_join: str | None = None

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
    """The text of the row, as its JSON has it; null where it is no text."""
    names = dict(zip(table.columns, index_names(table.columns, table.all_audio), strict=True))
    if table.text_column is None:
        return pl.lit(None, pl.String)
    # A text inside a column may have a column of the index's own.
    if table.text_column not in names and TEXT not in names and TEXT in schema:
        return pl.col(TEXT) if schema[TEXT] == pl.String else pl.lit(None, pl.String)
    tree = {name: _type_tree(schema[own]) for name, own in names.items() if own in schema}
    path = find_path(tree, table.text_column)
    if path is None:
        return pl.lit(None, pl.String)
    found, type_ = pl.col(names[path[0]]), schema[names[path[0]]]
    for name in path[1:]:
        found = found.struct.field(name)
        type_ = next(f.dtype for f in getattr(type_, "fields", ()) if f.name == name)
    if type_ == pl.List(pl.String) and table.text_join is not None:
        return found.list.join(table.text_join, ignore_nulls=True)
    if type_ == pl.String:
        return found
    return _class_names(table, names[path[0]]) if len(path) == 1 else pl.lit(None, pl.String)


def _type_tree(type_: pl.DataType) -> Any:
    """The fields of a struct, recursively; any other type unchanged."""
    if not isinstance(type_, pl.Struct):
        return type_
    return {field.name: _type_tree(field.dtype) for field in type_.fields}  # type: ignore[arg-type]  # of a schema


def _speaker(table: Table, schema: pl.Schema) -> pl.Expr:
    """The first value among the columns that usually name the speaker, as text; of a class its name."""
    found = [_as_speaker(table, name, schema[name]) for name in SPEAKER_COLUMNS if name in schema]
    return pl.coalesce(*found, pl.lit(None, pl.String))


def _as_speaker(table: Table, name: str, type_: pl.DataType) -> pl.Expr:
    if type_ == pl.String:
        return pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name))
    if type_.is_integer():
        number = pl.col(name).cast(pl.String)
        return number if _names_of_class(table, name) is None else _class_names(table, name)
    if type_.is_float():
        # Whole numbers beside null, as pandas keeps them.
        whole = pl.col(name).cast(pl.Int64, strict=False)
        return pl.when(pl.col(name) == whole).then(whole).cast(pl.String)
    return pl.lit(None, pl.String)


def _class_names(table: Table, column: str) -> pl.Expr:
    """The names of a column of classes; null for any other column."""
    names = dict(enumerate(_names_of_class(table, column) or ()))
    if not names:
        return pl.lit(None, pl.String)
    return pl.col(column).replace_strict(names, default=None, return_dtype=pl.String)


def _names_of_class(table: Table, column: str) -> list[str] | None:
    """The names of the classes of a column, from the index itself; None if it has no classes."""
    first = next(iter(table.index), None)
    metadata = pq.read_schema(table.root / first).metadata if first is not None else None
    told = json.loads((metadata or {}).get(b"huggingface", b"{}"))
    feature: Any = told.get("info", {}).get("features", {}).get(column)
    match feature:
        case {"_type": "ClassLabel", "names": list(names)}:
            return names
        case _:
            return None
