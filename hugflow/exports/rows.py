"""The rows of a dataset as exports want them: clip, text and the dataset's columns.

This module imports pyarrow, which takes as long as the rest of a small command: import it where it
is called.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.exports.ranges import beside
from hugflow.late_dataclass import dataclass
from hugflow.rows.record import column_values
from hugflow.rows.text import text_values
from hugflow.shards.column_path import has_inner_text
from hugflow.shards.features import TEXT, column_features, index_names
from hugflow.shards.plan import Plan

_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class RowClip:
    """The MP3 of a row. stem: the file's name without `.mp3`; no other row has it."""

    stem: str
    sampling_rate: int
    num_samples: int

    @property
    def duration(self) -> float:
        """Seconds, from the samples that the MP3 decodes to."""
        return self.num_samples / self.sampling_rate


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One row of a dataset with audio.

    columns: the dataset's columns except the main audio, and except one called `text` that is the
    text; by published name, ready for strict JSON. Of a further audio column, the path of its MP3.
    """

    clip: RowClip
    text: str | None
    columns: Mapping[str, Any]

    def beside(self, ours: frozenset[str]) -> dict[str, Any]:
        """The columns under names that are not in `ours`."""
        return beside(self.columns, ours)


def read_rows_of(plan: Plan, index_files: Sequence[Path], clips: str = "") -> Iterator[ExportRow]:
    """The rows in index files of a plan with audio, in order; a thousand are in memory at once.

    clips: what the paths of MP3s begin with.
    """
    for path in index_files:
        with pq.ParquetFile(path) as index:
            for batch in index.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield from _rows(plan, batch, clips)


def _rows(plan: Plan, batch: pa.RecordBatch, start: str) -> Iterator[ExportRow]:
    clips = _clips(batch)
    arrays = [batch.column(name) for name in index_names(plan.columns, plan.all_audio)]
    published = pa.RecordBatch.from_arrays(arrays, names=list(plan.columns))
    features = column_features(plan)
    values: dict[str, Sequence[Any]] = {
        name: _paths(published.column(name), start)
        if name in plan.all_audio
        else column_values(published.column(name), features[name])
        for name in plan.columns
        if name != plan.audio_column
    }
    texts = _inner_texts(batch) if has_inner_text(plan) else _texts(plan, published, values)
    for at, clip in enumerate(clips):
        columns = {name: of[at] for name, of in values.items()}
        yield ExportRow(clip, texts[at], columns)


def _paths(column: pa.Array, start: str) -> list[str | None]:
    return [value and f"{start}{value['path']}" for value in column.to_pylist()]


def _inner_texts(batch: pa.RecordBatch) -> Sequence[str | None]:
    """The text of each row from the index's own column, which a row step may have replaced."""
    return [text if isinstance(text, str) else None for text in column_values(batch.column(TEXT))]


def _texts(
    plan: Plan, batch: pa.RecordBatch, values: dict[str, Sequence[Any]]
) -> Sequence[str | None]:
    """The text of each row; a column that is no more than that leaves `values`."""
    if plan.text_column is None:
        return [None] * len(batch)
    texts = text_values(plan, batch, values)
    if texts is None:
        is_same = plan.text_column == "text"
        texts = values.pop("text") if is_same else values[plan.text_column]
    return [text if isinstance(text, str) else None for text in texts]


def _clips(batch: pa.RecordBatch) -> list[RowClip]:
    info = batch.column("audio_info")
    facts = ("path", "sampling_rate", "num_samples")
    columns = [info.field(name).to_pylist() for name in facts]
    return [
        RowClip(path.removeprefix("audio/").removesuffix(".mp3"), rate_hz, num_samples)
        for path, rate_hz, num_samples in zip(*columns, strict=True)
    ]
