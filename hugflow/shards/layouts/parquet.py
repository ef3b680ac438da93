"""Parquet files of a repository: each is a shard, and its footer counts its rows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.clients.hub import BudgetSpent, ReadBudget
from hugflow.clients.repository import PublishedFile
from hugflow.errors import ShardUnreadable
from hugflow.redact import in_a_line
from hugflow.shards.layouts.encrypted import find_encrypted
from hugflow.shards.layouts.layout import (
    BATCH_BYTES,
    BATCH_ROWS,
    Contents,
    RepositoryAt,
    SampledRows,
    one_file_each,
    unreadable,
)
from hugflow.shards.plan import Shard
from hugflow.shards.stems import FILENAME_COLUMN, to_filenames
from hugflow.store.atomic import disk_errors

T = TypeVar("T")

# A number, and its place in lists of lists, while a column is read.
VALUE_BYTES = 12
# Codecs and encryption that this Arrow lacks are ArrowExceptions, damage inside is an OSError.
_CANNOT_BE_READ = (pa.ArrowException, OSError)
READ_BYTES = 1 << 20
# What is read at once of a remote column of which only a part is wanted, or a page where that is
# more.
RANGE_BYTES = 1 << 18
SAMPLED_ROWS = 4
MOST_COLUMNS_SHOWN = 5
# Rows larger than this are not sampled: a few of them would be a download of their own.
MOST_ROW_BYTES = 16 << 20

cut = one_file_each


def takes(path: str) -> bool:
    """Whether it is a parquet file, by its name."""
    return path.endswith(".parquet")


def look(at: RepositoryAt, files: tuple[PublishedFile, ...]) -> Contents:
    """Rows and schema, by a ranged read of the file's end; raises ShardUnreadable."""

    def read(parquet: pq.ParquetFile) -> Contents:
        schema = parquet.schema_arrow
        if len(set(schema.names)) < len(schema.names):
            raise pa.ArrowInvalid("two of its columns have the same name")
        return Contents(files, parquet.metadata.num_rows, schema)

    return _read_remote(at, files, read)


def read_names(at: RepositoryAt, files: tuple[PublishedFile, ...]) -> pa.Array:
    """The column `audio_filename` of one file; what is not text counts as absent."""

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
    """A few rows of the row group whose audio costs least; None where the file has no rows."""

    def read(parquet: pq.ParquetFile) -> SampledRows | None:
        return _read_some(parquet, budget, audio_column, text_column)

    return _read_remote(at, files, read, budget)


def count_rows(paths: Sequence[Path], shard: Shard) -> int:
    """Rows of a fetched file, by its footer."""
    return int(_read_metadata(paths[0], shard).num_rows)


def read_rows(
    paths: Sequence[Path],
    shard: Shard,
    *,
    columns: Sequence[str] | None = None,
    is_wanted: Callable[[range], bool] = lambda rows: True,
) -> Iterator[tuple[range, pa.RecordBatch]]:
    """Give the rows of a parquet file in order, as (row numbers in the dataset, batch).

    is_wanted: asked for each row group before anything of it is read.

    A batch holds about BATCH_BYTES and at most BATCH_ROWS rows. Each row group is read through
    a reader of its own: one reader over the whole file keeps the groups it has left behind.

    Raises ShardUnreadable when the file cannot be read, in whole or in part, or has not the rows
    that were planned; CannotWrite where the disk refuses.
    """
    [path] = paths
    metadata = _read_metadata(path, shard)
    groups = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if not metadata.num_rows == sum(groups) == shard.rows:
        raise unreadable(
            shard,
            f"it has {metadata.num_rows} rows, {sum(groups)} in its row groups, where "
            f"{shard.rows} were planned",
        )
    first = shard.first_row
    for group, group_rows in enumerate(groups):
        if group_rows and is_wanted(range(first, first + group_rows)):
            row_bytes = _group_bytes(metadata.row_group(group)) // group_rows
            batch_rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(row_bytes, 1)))
            try:
                # Neither mapped nor buffered ahead: the whole group would lie in memory once more.
                with (
                    disk_errors(path, "read"),
                    pq.ParquetFile(path, pre_buffer=False, buffer_size=READ_BYTES) as file,
                ):
                    start = first
                    for batch in file.iter_batches(batch_rows, row_groups=[group], columns=columns):
                        for piece in _pieces(batch):
                            yield range(start, start + piece.num_rows), piece
                            start += piece.num_rows
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


def _group_bytes(group: pq.RowGroupMetaData) -> int:
    """About what a row group takes in memory: a million equal numbers are a few bytes in its file."""
    values = sum(group.column(column).num_values for column in range(group.num_columns))
    return int(max(group.total_byte_size, values * VALUE_BYTES))


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in pieces of about BATCH_BYTES: values the file holds once may fill it in memory."""
    row_bytes = max(batch.nbytes // max(batch.num_rows, 1), 1)
    piece_rows = max(1, BATCH_BYTES // row_bytes)
    for start in range(0, batch.num_rows, piece_rows):
        yield batch.slice(start, piece_rows)


def _read_some(
    parquet: pq.ParquetFile,
    budget: ReadBudget,
    audio_column: str | None,
    text_column: str | None,
) -> SampledRows | None:
    """What the file's footer and a few of its rows tell; None where it has none."""
    groups = [parquet.metadata.row_group(n) for n in range(parquet.metadata.num_row_groups)]
    filled = [n for n, group in enumerate(groups) if group.num_rows]
    if not filled:
        return None

    def cost(number: int) -> int:
        """What the audio of a row group costs at the most, if that may be too much."""
        size = _sizes_by_column(groups[number], is_packed=True).get(audio_column, 0)
        return size if size > budget.left_bytes else 0

    number = min(filled, key=cost)
    rows, sizes = groups[number].num_rows, _sizes_by_column(groups[number])
    audio, audio_bytes = pa.nulls(0), sizes.get(audio_column, 0)
    if audio_column is not None and audio_bytes / rows <= MOST_ROW_BYTES:
        audio = _read_values(parquet, number, audio_column)
    others = sum(sizes.values()) - audio_bytes
    return SampledRows(audio, others / rows, sizes.get(text_column, 0) / rows)


def _read_values(parquet: pq.ParquetFile, number: int, column: str) -> pa.Array:
    """The first values of a column in a row group, as many as the budget lets."""
    batches = parquet.iter_batches(1, row_groups=[number], columns=[column], use_threads=False)
    values: list[pa.Array] = []
    with suppress(BudgetSpent):
        for batch in batches:
            values.append(batch.column(0))
            if len(values) == SAMPLED_ROWS:
                break
    return pa.concat_arrays(values) if values else pa.nulls(0)


def _sizes_by_column(
    group: pq.RowGroupMetaData, *, is_packed: bool = False
) -> dict[str | None, int]:
    """Bytes of each column of a row group; is_packed: as they lie in the file, and are read."""
    sizes: dict[str | None, int] = {}
    for index in range(group.num_columns):
        column = group.column(index)
        name = column.path_in_schema.partition(".")[0]
        size = column.total_compressed_size if is_packed else column.total_uncompressed_size
        sizes[name] = sizes.get(name, 0) + size
    return sizes


def _read_remote(
    at: RepositoryAt,
    files: tuple[PublishedFile, ...],
    read: Callable[[pq.ParquetFile], T],
    budget: ReadBudget | None = None,
) -> T:
    """What `read` gives of a published file, by ranged reads.

    Parts of a file cannot be held against its hash, so what cannot be read is fetched once more:
    it may have been damaged on its way. budget: how much may be read of it, and then no more of a
    column than is asked for; raises BudgetSpent where that is not enough.
    """
    [file] = files
    for last_try in (False, True):
        remote = at.hub.open_file(at.repo, at.commit, file, budget)
        # All of a column comes in one request; a part of it, in several.
        buffer_size = 0 if budget is None else RANGE_BYTES
        try:
            with pq.ParquetFile(
                pa.PythonFile(remote, mode="r"), pre_buffer=False, buffer_size=buffer_size
            ) as parquet:
                # Asking for the metadata of such a column would end this process.
                if encrypted := find_encrypted(remote):
                    raise _encrypted(at, file, parquet, encrypted)
                return read(parquet)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if last_try:
                raise ShardUnreadable(
                    f"{at.repo}@{at.commit}:{file.path} cannot be read as parquet",
                    why=in_a_line(str(error)),
                    mend="tell the dataset's owner, or request a revision whose files are sound",
                ) from error
    raise AssertionError("unreachable: the last try returns or raises")
