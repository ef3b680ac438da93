"""Parquet files of a repository: each is a shard, and its footer has the number of rows."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.clients.hub import BudgetSpent, ReadBudget
from hugflow.clients.repository import PublishedFile
from hugflow.errors import ShardUnreadable
from hugflow.redact import in_a_line
from hugflow.shards.layouts.encrypted import find_encrypted
from hugflow.shards.layouts.layout import (
    Contents,
    RepositoryAt,
    SampledRows,
    Split,
    look_at_each,
    one_file_each,
    unreadable,
)
from hugflow.shards.layouts.parquet_file import read_group
from hugflow.shards.plan import Shard
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.stems import FILENAME_COLUMN, to_filenames
from hugflow.store.atomic import disk_errors

T = TypeVar("T")

# Missing codecs and encryption raise ArrowException, damaged data raises OSError.
_CANNOT_BE_READ = (pa.ArrowException, OSError)
# Bytes per request when only a part of a remote column is wanted; at least a page.
RANGE_BYTES = 1 << 18
SAMPLED_ROWS = 8
SAMPLED_GROUPS = 2
MOST_COLUMNS_SHOWN = 5
# Rows larger than this are not sampled: a few of them would be a large download.
MOST_ROW_BYTES = 16 << 20

native_reader: Final = "hugflow.shards.layouts.parquet_file"


def takes(path: str) -> bool:
    """Whether the path is that of a parquet file, by its name."""
    return path.endswith(".parquet")


def describe(at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest) -> Split:
    """Each file by itself; raises ShardUnreadable."""
    return look_at_each(at, one_file_each(files), look, part="footer")


def look(
    at: RepositoryAt,
    files: tuple[PublishedFile, ...],
    check: Callable[[pq.ParquetFile], None] = lambda parquet: None,
) -> Contents:
    """Rows and schema, from a ranged read of the file's end; raises ShardUnreadable.

    check: looks at the same footer.
    """

    def read(parquet: pq.ParquetFile) -> Contents:
        schema = parquet.schema_arrow
        if len(set(schema.names)) < len(schema.names):
            raise pa.ArrowInvalid("two of its columns have the same name")
        check(parquet)
        return Contents(files, parquet.metadata.num_rows, schema)

    return _read_remote(at, files, read)


def read_names(at: RepositoryAt, files: tuple[PublishedFile, ...]) -> pa.Array:
    """The column `audio_filename` of one file; values that are not text count as absent."""

    def read(parquet: pq.ParquetFile) -> pa.Array:
        column = parquet.read([FILENAME_COLUMN]).column(FILENAME_COLUMN)
        return pa.array(to_filenames(column), pa.large_string())

    return _read_remote(at, files, read)


def read_sample(
    at: RepositoryAt,
    files: tuple[PublishedFile, ...],
    budget: ReadBudget,
    *,
    audio_column: str | None,
    text_column: str | None,
) -> SampledRows | None:
    """A few rows of two row groups that are not too large; None if the file has no rows."""

    def read(parquet: pq.ParquetFile) -> SampledRows | None:
        return _read_some(parquet, budget, audio_column, text_column)

    return _read_remote(at, files, read, budget)


def count_rows(paths: Sequence[Path], shard: Shard) -> int:
    """The number of rows of a fetched file, from its footer."""
    return int(_read_metadata(paths[0], shard).num_rows)


def read_rows(
    paths: Sequence[Path],
    shard: Shard,
    *,
    columns: Sequence[str] | None = None,
    is_wanted: Callable[[range], bool] = lambda rows: True,
) -> Iterator[tuple[range, pa.RecordBatch]]:
    """Give the rows of a parquet file in order, as (row numbers in the dataset, batch).

    is_wanted: called for each row group before it is read.

    A batch holds about BATCH_BYTES and at most BATCH_ROWS rows.

    Raises ShardUnreadable when the file cannot be read, in whole or in part, or has other rows than
    planned; CannotWrite when the disk refuses.
    """
    [path] = paths
    metadata = _read_metadata(path, shard)
    groups = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    planned = metadata.num_rows if shard.rows is None else shard.rows
    if not metadata.num_rows == sum(groups) == planned:
        raise unreadable(
            shard,
            f"it has {metadata.num_rows} rows, {sum(groups)} in its row groups, where "
            f"{planned} were planned",
        )
    first = shard.first_row
    for group, group_rows in enumerate(groups):
        if group_rows and is_wanted(range(first, first + group_rows)):
            start = first
            try:
                with disk_errors(path, "read"):
                    for batch in read_group(path, metadata, group, columns):
                        yield range(start, start + batch.num_rows), batch
                        start += batch.num_rows
            except _CANNOT_BE_READ as error:
                raise unreadable(shard, str(error)) from error
            if start != first + group_rows:
                raise unreadable(
                    shard, f"row group {group} has {start - first} of {group_rows} rows"
                )
        first += group_rows


def _encrypted(
    at: RepositoryAt, file: PublishedFile, parquet: pq.ParquetFile, numbers: Sequence[int]
) -> ShardUnreadable:
    columns = [parquet.schema.column(n).path for n in numbers if n < len(parquet.schema)]
    shown = ", ".join(map(repr, columns[:MOST_COLUMNS_SHOWN]))
    return ShardUnreadable(
        f"{at.repo}@{at.commit}:{file.path} cannot be read as parquet",
        why=in_a_line(f"it is encrypted, and only its owner has the key; columns: {shown}"),
        mend="ask the dataset's owner to publish it without encryption, or request another revision",
    )


def _read_metadata(path: Path, shard: Shard) -> pq.FileMetaData:
    try:
        with disk_errors(path, "read"):
            return pq.read_metadata(path)
    except _CANNOT_BE_READ as error:
        raise unreadable(shard, str(error)) from error


def _read_some(
    parquet: pq.ParquetFile,
    budget: ReadBudget,
    audio_column: str | None,
    text_column: str | None,
) -> SampledRows | None:
    """A sample from the file's footer and a few of its rows; None if it has no rows."""
    groups = [parquet.metadata.row_group(n) for n in range(parquet.metadata.num_row_groups)]
    filled = [n for n, group in enumerate(groups) if group.num_rows]
    if not filled:
        return None

    def cost(number: int) -> int:
        """The most bytes that the audio of a row group can cost, if that may be too much."""
        size = _sizes_by_column(groups[number], audio_column, is_packed=True).get(audio_column, 0)
        return size if size > budget.left_bytes else 0

    number = min(filled, key=cost)
    rows, sizes = groups[number].num_rows, _sizes_by_column(groups[number], audio_column)
    audio, audio_bytes = pa.nulls(0), sizes.get(audio_column, 0)
    if audio_column is not None and audio_bytes / rows <= MOST_ROW_BYTES:
        cheap = [each for each in filled if not cost(each)] or [number]
        step = max(1, len(cheap) // SAMPLED_GROUPS)
        audio = _read_values(parquet, cheap[step // 2 :: step][:SAMPLED_GROUPS], audio_column)
    others = sum(sizes.values()) - audio_bytes
    text_bytes = sizes.get(text_column, 0)
    all_audio = sum(_sizes_by_column(group, audio_column).get(audio_column, 0) for group in groups)
    return SampledRows(audio, audio_bytes / rows, others / rows, text_bytes / rows, all_audio)


def _read_values(parquet: pq.ParquetFile, numbers: Sequence[int], column: str) -> pa.Array:
    """The first values of a column in some row groups, as many as the budget allows.

    The groups take turns, so that a few of the values are from all of them.
    """
    most = -(-SAMPLED_ROWS // len(numbers))
    values: list[tuple[int, int, pa.Array]] = []
    with suppress(BudgetSpent):
        for number in numbers:
            batches = parquet.iter_batches(
                1, row_groups=[number], columns=[column], use_threads=False
            )
            for place, batch in enumerate(itertools.islice(batches, most)):
                values.append((place, number, batch.column(0)))
    values.sort(key=lambda each: each[:2])
    return pa.concat_arrays([each for _, _, each in values]) if values else pa.nulls(0)


def _sizes_by_column(
    group: pq.RowGroupMetaData, audio_column: str | None, *, is_packed: bool = False
) -> dict[str | None, int]:
    """Bytes of each column of a row group; is_packed: compressed, as in the file.

    audio_column: counted separately if it is inside another column.
    """
    sizes: dict[str | None, int] = {}
    for index in range(group.num_columns):
        column = group.column(index)
        path = column.path_in_schema
        is_audio = audio_column is not None and f"{path}.".startswith(f"{audio_column}.")
        name = audio_column if is_audio else path.partition(".")[0]
        size = column.total_compressed_size if is_packed else column.total_uncompressed_size
        sizes[name] = sizes.get(name, 0) + size
    return sizes


def _read_remote(
    at: RepositoryAt,
    files: tuple[PublishedFile, ...],
    read: Callable[[pq.ParquetFile], T],
    budget: ReadBudget | None = None,
) -> T:
    """The result of `read` on a published file, by ranged reads.

    Parts of a file cannot be compared with its hash. So an unreadable part is fetched again,
    because it may have been damaged on its way.
    budget: the most bytes to read; with a budget, only the needed part of a column is read. Raises
    BudgetSpent when it is not enough.
    """
    [file] = files
    for last_try in (False, True):
        remote = at.hub.open_file(at.repo, at.commit, file, budget)
        # A whole column takes one request; a part of a column takes several.
        buffer_size = 0 if budget is None else RANGE_BYTES
        try:
            with pq.ParquetFile(
                pa.PythonFile(remote, mode="r"), pre_buffer=False, buffer_size=buffer_size
            ) as parquet:
                # Reading the metadata of such a column would kill this process.
                if encrypted := find_encrypted(remote):
                    raise _encrypted(at, file, parquet, encrypted)
                return read(parquet)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if last_try:
                raise ShardUnreadable(
                    f"{at.repo}@{at.commit}:{file.path} cannot be read as parquet",
                    why=in_a_line(str(error)),
                    mend="report it to the dataset's owner, or request a revision with sound files",
                ) from error
    raise AssertionError("unreachable: the last try returns or raises")
