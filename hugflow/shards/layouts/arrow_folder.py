"""Arrow files, as `save_to_disk` writes them: each is a shard.

The headers of its messages count its rows before it is fetched. Rows that name their clips
(`audio_filename`) are counted once the file is fetched, because the names would have to be read.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, Final

import pyarrow as pa

from hugflow.amounts import count
from hugflow.clients.repository import PublishedFile
from hugflow.errors import ShardUnreadable
from hugflow.redact import in_a_line
from hugflow.shards.layouts.arrow_file import count_by_headers, read_batches, read_head
from hugflow.shards.layouts.layout import (
    Contents,
    RepositoryAt,
    Split,
    look_at_each,
    no_names,
    no_sample,
    one_file_each,
    unreadable,
)
from hugflow.shards.plan import Shard
from hugflow.shards.plan_request import PlanRequest
from hugflow.shards.stems import FILENAME_COLUMN
from hugflow.store.atomic import disk_errors

native_reader: Final = "hugflow.shards.layouts.arrow_file"
read_names = no_names
read_sample = no_sample
_CANNOT_BE_READ: Final = (pa.ArrowException, OSError, UnicodeDecodeError)
_RANGE_BYTES: Final = 64 << 10
_CACHE: Final = re.compile(r"cache-[0-9a-f]{16}(?:_\d+_of_\d+)?\.arrow")


def takes(path: str) -> bool:
    """Whether the path is that of an Arrow file, by its name."""
    return path.lower().endswith(".arrow")


def describe(at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest) -> Split:
    """Each file by itself; raises ShardUnreadable."""
    # What `datasets.map` left in the folder: the rows of another file, changed.
    kept = [file for file in files if not _CACHE.fullmatch(PurePosixPath(file.path).name)]
    if not kept or len(kept) == len(files):
        return look_at_each(at, one_file_each(files), look)
    split = look_at_each(at, one_file_each(kept), look)
    left = f"left out: {count(len(files) - len(kept), 'file')} of the cache of `datasets`"
    return replace(split, warnings=(*split.warnings, left))


def look(at: RepositoryAt, files: tuple[PublishedFile, ...]) -> Contents:
    """Schema and rows, by ranged reads of the headers; raises ShardUnreadable."""
    [file] = files
    remote: Any = at.hub.open_file(at.repo, at.commit, file)
    try:
        with BufferedReader(remote, _RANGE_BYTES) as opened:
            schema = read_head(opened)
            if len(set(schema.names)) < len(schema.names):
                raise pa.ArrowInvalid("two of its columns have the same name")
            rows = None
            if FILENAME_COLUMN not in schema.names:
                rows = count_by_headers(opened, file.size_bytes)
    except _CANNOT_BE_READ as error:
        raise ShardUnreadable(
            f"{at.repo}@{at.commit}:{file.path} cannot be read as Arrow",
            why=in_a_line(str(error)),
            mend="report it to the dataset's owner, or request a revision with sound files",
        ) from error
    return Contents(files, rows, schema)


def count_rows(paths: Sequence[Path], shard: Shard) -> int:
    """The number of rows of a fetched file; raises ShardUnreadable."""
    return sum(batch.num_rows for batch in _batches(paths[0], shard))


def read_rows(
    paths: Sequence[Path],
    shard: Shard,
    *,
    columns: Sequence[str] | None,
    is_wanted: Callable[[range], bool],
) -> Iterator[tuple[range, pa.RecordBatch]]:
    """The rows of a fetched file in order; see `Layout`."""
    first = shard.first_row
    for batch in _batches(paths[0], shard):
        rows = range(first, first + batch.num_rows)
        first = rows.stop
        if is_wanted(rows):
            yield rows, batch if columns is None else batch.select(list(columns))
    if shard.rows is not None and first - shard.first_row != shard.rows:
        raise unreadable(
            shard, f"it has {first - shard.first_row} rows, where {shard.rows} were planned"
        )


def _batches(path: Path, shard: Shard) -> Iterator[pa.RecordBatch]:
    try:
        with disk_errors(path, "read"):
            yield from read_batches(path)
    except _CANNOT_BE_READ as error:
        raise unreadable(shard, str(error)) from error
