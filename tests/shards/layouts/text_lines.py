"""A layout for a test: lines `clip|text` of `.txt` files, two files a shard, counted once fetched."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from hugflow.clients.hub import ReadBudget
from hugflow.clients.repository import PublishedFile
from hugflow.shards.layouts.layout import (
    Contents,
    RepositoryAt,
    SampledRows,
    Split,
    look_at_each,
)
from hugflow.shards.plan import Shard
from hugflow.shards.plan_request import PlanRequest

FILES_PER_SHARD = 2
native_reader = None
SCHEMA = pa.schema([("audio", pa.string()), ("audio_filename", pa.string()), ("text", pa.string())])


def takes(path: str) -> bool:
    return path.endswith(".txt")


def describe(at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest) -> Split:
    starts = range(0, len(files), FILES_PER_SHARD)
    shards = [tuple(files[start : start + FILES_PER_SHARD]) for start in starts]
    return look_at_each(at, shards, look)


def look(at: RepositoryAt, files: tuple[PublishedFile, ...]) -> Contents:
    return Contents(files, None, SCHEMA)


def read_names(at: RepositoryAt, files: tuple[PublishedFile, ...]) -> pa.Array:
    raise AssertionError("its rows are not counted before they are fetched")


def read_sample(
    at: RepositoryAt,
    files: tuple[PublishedFile, ...],
    budget: ReadBudget,
    *,
    audio_column: str | None,
    text_column: str | None,
) -> SampledRows | None:
    return None


def count_rows(paths: Sequence[Path], shard: Shard) -> int:
    return sum(len(_lines(path)) for path in paths)


def read_rows(
    paths: Sequence[Path],
    shard: Shard,
    *,
    columns: Sequence[str] | None,
    is_wanted: Callable[[range], bool],
) -> Iterator[tuple[range, pa.RecordBatch]]:
    first = shard.first_row
    for path in paths:
        lines = [line.split("|") for line in _lines(path)]
        rows = range(first, first + len(lines))
        first = rows.stop
        if not is_wanted(rows):
            continue
        # Names that repeat, which nobody may use for a stem.
        table = [{"audio": clip, "audio_filename": "same", "text": text} for clip, text in lines]
        batch = pa.RecordBatch.from_pylist(table, SCHEMA)
        yield rows, batch if columns is None else batch.select(columns)


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()
