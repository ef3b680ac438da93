"""A few rows of a published dataset, by ranged reads: to estimate all of it, never to be kept."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.clients.hub import Hub
from hugflow.shards.footers import read_parquet
from hugflow.shards.plan import Plan, Shard

FILES = 4
ROWS_PER_FILE = 4
# Rows larger than this are not sampled: a few of them would be a download of their own.
MOST_ROW_BYTES = 16 << 20
READ_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class SampledFile:
    """The first audio values of one file, and how many bytes its other columns take a row."""

    audio: pa.Array
    other_row_bytes: float


def read_sample(hub: Hub, plan: Plan) -> Iterator[SampledFile]:
    """The first rows of a few files, evenly spread; nothing of files whose rows are too large.

    Raises what reading a footer raises.
    """
    filled = [shard for shard in plan.shards if shard.rows]
    step = max(1, len(filled) // FILES)
    for shard in filled[::step][:FILES]:
        sampled = read_parquet(
            hub,
            plan.request.hf_id,
            plan.files_commit,
            shard.file,
            lambda parquet, shard=shard: _read_first(plan, shard, parquet),  # type: ignore[misc]
        )
        if sampled is not None:
            yield sampled


def _read_first(plan: Plan, shard: Shard, parquet: pq.ParquetFile) -> SampledFile | None:
    sizes: dict[str, int] = {}
    group = next(
        (
            parquet.metadata.row_group(index)
            for index in range(parquet.metadata.num_row_groups)
            if parquet.metadata.row_group(index).num_rows
        ),
        None,
    )
    if group is None:
        return None
    for index in range(group.num_columns):
        column = group.column(index)
        name = column.path_in_schema.partition(".")[0]
        sizes[name] = sizes.get(name, 0) + column.total_uncompressed_size
    audio_row_bytes = sizes.get(plan.audio_column or "", 0) / group.num_rows
    others = sum(size for name, size in sizes.items() if name != plan.audio_column)
    audio = pa.nulls(0)
    if plan.audio_column is not None:
        if audio_row_bytes > MOST_ROW_BYTES:
            return None
        batches = parquet.iter_batches(ROWS_PER_FILE, columns=[plan.audio_column])
        audio = next(batches).column(0)
    return SampledFile(audio, others / group.num_rows)
