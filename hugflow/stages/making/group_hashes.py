"""The hash of each row group of a shard's parquet file, taken from the whole file.

    STATE_DIR/ledger/<name>/<plan id>/<shard>.groups.json

It is written while the whole file, which has the Hub's hash, is here. A row group that is fetched
later by itself is compared with it, because a part of a file cannot be compared with the file's
hash. Without the record, such as for a shard that an earlier version made, the whole file is
fetched again.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.late_dataclass import dataclass
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.store.atomic import disk_errors
from hugflow.store.records import RecordForm

LAYOUT: Final = "parquet"
PIECE_BYTES: Final = 8 << 20
# The length of the footer and the magic word.
_END_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file. rows: of a row group; 0 for the footer."""

    rows: int
    start: int
    stop: int
    sha256: str


@dataclass(frozen=True, slots=True)
class GroupHashes:
    """The parts of one file. digest: of the whole file, as the Hub gives it."""

    digest: str
    groups: tuple[Part, ...]
    footer: Part


GROUP_HASHES = RecordForm(
    GroupHashes,
    "the hashes of row groups",
    version=1,
    mend="delete the file: whole files are fetched in place of row groups",
    is_summed=True,
    is_compact=True,
)


def write_hashes(build: Build, shard: Shard, raw_file: Path) -> None:
    """Record the parts of a shard's one file, whose hash was verified.

    Without a footer that can be read nothing is recorded.
    """
    [file] = shard.files
    path = _path(build, shard)
    known = GROUP_HASHES.read(path)
    if known is not None and known.digest == file.digest:
        return
    try:
        footer = pq.read_metadata(raw_file)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return
    with disk_errors(raw_file, "read"), raw_file.open("rb") as source:
        start = file.size_bytes - _END_BYTES - footer.serialized_size
        hashes = GroupHashes(
            file.digest,
            tuple(_hash_groups(source, footer)),
            Part(0, start, file.size_bytes, hash_part(source, start, file.size_bytes)),
        )
    GROUP_HASHES.write(path, hashes)


def read_hashes(build: Build, shard: Shard) -> GroupHashes | None:
    """The parts of a shard's one file; None if they were not recorded."""
    hashes = GROUP_HASHES.read(_path(build, shard))
    return hashes if hashes is not None and hashes.digest == shard.files[0].digest else None


def hash_part(source: BinaryIO, start: int, stop: int) -> str:
    """The sha256 of some bytes of a file."""
    digest = hashlib.sha256()
    source.seek(start)
    while start < stop and (data := source.read(min(PIECE_BYTES, stop - start))):
        digest.update(data)
        start += len(data)
    return digest.hexdigest()


def _hash_groups(source: BinaryIO, footer: pq.FileMetaData) -> Iterator[Part]:
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        wanted = _range_of(group)
        sha256 = hash_part(source, wanted.start, wanted.stop)
        yield Part(group.num_rows, wanted.start, wanted.stop, sha256)


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


def _path(build: Build, shard: Shard) -> Path:
    return build.state.marker(shard.name, "groups")
