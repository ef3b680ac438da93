"""Some row groups of a shard's parquet file, for a few lost rows of a finished shard.

    STATE_DIR/raw/<name>/<plan id>/<shard>.groups   as long as the file, with holes elsewhere

Parts of a file cannot be compared with its hash. So the rows that are made from them must come out
as they were recorded; otherwise the whole file is fetched.
"""

import io
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.activity import count_kept, count_received
from hugflow.clients.fetch import FetchStopped
from hugflow.clients.repository import RepoId
from hugflow.ledger.journal import Outcome, RowMade
from hugflow.rows.audio_info import audio_infos
from hugflow.shards.plan import Plan, Shard
from hugflow.stages.build.build import Build
from hugflow.store.atomic import disk_errors, make_folder

log = logging.getLogger(__name__)

LAYOUT: Final = "parquet"
PIECE_BYTES: Final = 8 << 20
# The length of the footer and the magic word.
_END_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class RowGroups:
    """A file with holes. numbers: of the row groups that it has."""

    path: Path
    numbers: tuple[int, ...]

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def groups_file(build: Build, shard: Shard) -> Path:
    """Where the row groups of a shard are while rows are made from them."""
    raw_file = build.state.raw_file(shard.name)
    return raw_file.with_name(f"{raw_file.name}.groups")


def fetch_groups(
    build: Build, shard: Shard, rows: Collection[int], is_stopped: Callable[[], bool]
) -> RowGroups | None:
    """Fetch the row groups that hold `rows`; None where the whole file has to be fetched.

    That is so for other layouts, when each row group is needed, and when the file is here or is to
    be kept. The caller holds the shard's lock.
    """
    raw_file = build.state.raw_file(shard.name)
    is_kept = build.options.keep_raw or raw_file.exists()
    if shard.layout != LAYOUT or len(shard.files) != 1 or is_kept:
        return None
    [file] = shard.files
    repo, commit = RepoId.dataset(build.plan.request.hf_id), build.plan.files_commit
    slot = build.download_slots.take()
    try:
        remote = build.hub.open_file(repo, commit, file)
        footer = _read_footer(remote)
        if footer is None or footer.num_rows != shard.rows:
            return None
        numbers = tuple(_find_groups(footer, shard.first_row, rows))
        if len(numbers) == footer.num_row_groups:
            return None
        path = groups_file(build, shard)
        log.info("%s of %s: fetching %d row groups", shard.label, build.name, len(numbers))
        ranges = [*(_range_of(footer.row_group(number)) for number in numbers)]
        ranges.append(range(file.size_bytes - _END_BYTES - footer.serialized_size, file.size_bytes))
        _copy(remote, path, file.size_bytes, ranges, is_stopped)
    finally:
        slot.release()
    count_kept(file.size_bytes - sum(map(len, ranges)))
    return RowGroups(path, numbers)


def find_differing(
    plan: Plan, known: Mapping[int, RowMade | None], outcomes: Mapping[int, Outcome]
) -> list[int]:
    """The rows that were not made as they were recorded: their index would be another one."""
    return [row for row, made in known.items() if not _is_same(plan, made, outcomes.get(row))]


def _is_same(plan: Plan, before: RowMade | None, now: Outcome | None) -> bool:
    if before is None or not isinstance(now, RowMade) or before.stem != now.stem:
        return False
    infos = [audio_infos(row, plan.all_audio, measured=plan.is_measured) for row in (before, now)]
    return infos[0] == infos[1]


def _read_footer(remote: io.BufferedIOBase) -> pq.FileMetaData | None:
    """The footer of a published file; None if these bytes are none, as if damaged on their way."""
    try:
        with pq.ParquetFile(pa.PythonFile(remote, mode="r"), pre_buffer=False) as parquet:
            return parquet.metadata
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return None


def _find_groups(footer: pq.FileMetaData, first: int, rows: Collection[int]) -> Iterator[int]:
    for number in range(footer.num_row_groups):
        end = first + footer.row_group(number).num_rows
        if any(first <= row < end for row in rows):
            yield number
        first = end


def _range_of(group: pq.RowGroupMetaData) -> range:
    """The bytes of a row group: from its first page to the end of its last column."""
    columns = [group.column(number) for number in range(group.num_columns)]
    starts = [
        min(filter(None, (column.dictionary_page_offset, column.data_page_offset)))
        for column in columns
    ]
    ends = [
        start + column.total_compressed_size for start, column in zip(starts, columns, strict=True)
    ]
    return range(min(starts), max(ends))


def _copy(
    remote: io.BufferedIOBase,
    path: Path,
    size_bytes: int,
    ranges: Iterable[range],
    is_stopped: Callable[[], bool],
) -> None:
    make_folder(path.parent)
    with disk_errors(path):
        path.write_bytes(b"")
        os.truncate(path, size_bytes)
    for wanted in ranges:
        for start in range(wanted.start, wanted.stop, PIECE_BYTES):
            if is_stopped():
                raise FetchStopped(path.name)
            remote.seek(start)
            data = remote.read(min(PIECE_BYTES, wanted.stop - start))
            count_received(len(data))
            with disk_errors(path), path.open("r+b") as target:
                target.seek(start)
                target.write(data)
