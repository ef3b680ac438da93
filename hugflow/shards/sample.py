"""A few rows of a published dataset, by ranged reads: to estimate all of it, never to be kept."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.clients.hub import BudgetSpent, Hub, ReadBudget
from hugflow.errors import ShardUnreadable
from hugflow.shards.footers import read_parquet
from hugflow.shards.plan import Plan, Shard

FILES = 4
ROWS_PER_FILE = 4
# Rows larger than this are not sampled: a few of them would be a download of their own.
MOST_ROW_BYTES = 16 << 20
# What is read at the most, of one file and of all. A page is read whole or not at all, and one may
# hold a whole row group.
MOST_FILE_BYTES = 32 << 20
MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class SampledFile:
    """A few audio values of one file, and how many bytes its other columns take a row.

    audio: none where they would have cost too much. text_row_bytes: of those, the text's.
    """

    audio: pa.Array
    other_row_bytes: float
    text_row_bytes: float


def read_sample(hub: Hub, plan: Plan) -> Iterator[SampledFile]:
    """A few rows of a few files, evenly spread; of others where those cost too much, or are broken.

    What is wrong with a file comes out when it is made. Raises the Hub's errors.
    """
    left_bytes, sampled = MOST_BYTES, 0
    for shard in _spread([shard for shard in plan.shards if shard.rows and shard.odd is None]):
        if sampled == FILES:
            return
        most_bytes = min(MOST_FILE_BYTES, left_bytes)
        budget = ReadBudget(most_bytes)
        found: SampledFile | None = None
        with suppress(BudgetSpent, ShardUnreadable):
            found = read_parquet(
                hub,
                plan.request.hf_id,
                plan.files_commit,
                shard.file,
                lambda parquet, budget=budget: _read_some(plan, parquet, budget),  # type: ignore[misc]
                budget,
            )
        left_bytes -= most_bytes - budget.left_bytes
        if found is not None:
            sampled += plan.audio_column is None or len(found.audio) > 0
            yield found


def _spread(shards: list[Shard]) -> list[Shard]:
    """FILES of them, evenly spread, and then as many others."""
    step = max(1, len(shards) // FILES)
    first = shards[::step][:FILES]
    others = [shard for shard in shards[step // 2 :: step] if shard not in first]
    return first + others[:FILES]


def _read_some(plan: Plan, parquet: pq.ParquetFile, budget: ReadBudget) -> SampledFile | None:
    """What the file's footer and a few of its rows tell; None where it has none."""
    groups = [parquet.metadata.row_group(n) for n in range(parquet.metadata.num_row_groups)]
    filled = [n for n, group in enumerate(groups) if group.num_rows]
    if not filled:
        return None

    def cost(number: int) -> int:
        """What the audio of a row group costs at the most, if that may be too much."""
        size = _sizes_by_column(groups[number], is_packed=True).get(plan.audio_column, 0)
        return size if size > budget.left_bytes else 0

    number = min(filled, key=cost)
    rows, sizes = groups[number].num_rows, _sizes_by_column(groups[number])
    audio, audio_bytes = pa.nulls(0), sizes.get(plan.audio_column, 0)
    if plan.audio_column is not None and audio_bytes / rows <= MOST_ROW_BYTES:
        audio = _read_values(parquet, number, plan.audio_column)
    others = sum(sizes.values()) - audio_bytes
    return SampledFile(audio, others / rows, sizes.get(plan.text_column, 0) / rows)


def _read_values(parquet: pq.ParquetFile, number: int, column: str) -> pa.Array:
    """The first values of a column in a row group, as many as the budget lets."""
    batches = parquet.iter_batches(1, row_groups=[number], columns=[column], use_threads=False)
    values: list[pa.Array] = []
    with suppress(BudgetSpent):
        for batch in batches:
            values.append(batch.column(0))
            if len(values) == ROWS_PER_FILE:
                break
    return pa.concat_arrays(values) if values else pa.nulls(0)


def _sizes_by_column(
    group: pq.RowGroupMetaData, *, is_packed: bool = False
) -> dict[str | None, int]:
    """Bytes of each column of a row group; is_packed: as they stand in the file, and are read."""
    sizes: dict[str | None, int] = {}
    for index in range(group.num_columns):
        column = group.column(index)
        name = column.path_in_schema.partition(".")[0]
        size = column.total_compressed_size if is_packed else column.total_uncompressed_size
        sizes[name] = sizes.get(name, 0) + size
    return sizes
