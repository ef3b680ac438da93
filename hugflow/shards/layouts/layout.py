"""The protocol of a layout, between the shards of a plan and their files.

A layout is a module with the functions of `Layout`. `hugflow.shards.layouts.registry` lists it
under the name that plans keep.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from hugflow.activity import step
from hugflow.amounts import count
from hugflow.clients.hub import Hub, ReadBudget
from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.errors import ShardUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.plan import Shard
from hugflow.shards.plan_request import PlanRequest

SHARDS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class RepositoryAt:
    """A repository at the commit whose files are read.

    published: all its files, if they were listed already.
    """

    hub: Hub
    repo: RepoId
    commit: str
    published: Sequence[PublishedFile] | None = None

    def list_files(self) -> Sequence[PublishedFile]:
        """All files of the repository."""
        if self.published is not None:
            return self.published
        return self.hub.list_files(self.repo, self.commit)


@dataclass(frozen=True, slots=True)
class Contents:
    """What is known of a shard before it is fetched.

    rows: None if the shard must be fetched to be counted.
    schema: of its rows, columns in order.
    detail: what the layout must know to read the files, as JSON; see `Shard.detail`.
    names: the column `audio_filename`, if the layout has read it already.
    """

    files: tuple[PublishedFile, ...]
    rows: int | None
    schema: pa.Schema
    detail: str = ""
    names: pa.Array | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """All shards of a split, before they are fetched.

    warnings: what was left out, and what people should know.
    audio_column, text_column: taken if the request names none; None leaves the usual names.
    layout: the layout that reads the shards, if it is another one than was asked.
    listed_rows: rows of the tables, if some of them may be in no shard.
    """

    shards: Sequence[Contents]
    warnings: tuple[str, ...] = ()
    audio_column: str | None = None
    text_column: str | None = None
    layout: str | None = None
    listed_rows: int | None = None


@dataclass(frozen=True, slots=True)
class SampledRows:
    """A few values of an audio column of one shard, and the bytes per row of its columns.

    audio: empty if the values would have cost too much.
    audio_row_bytes: the bytes per row of that audio column; other_row_bytes: of all others.
    text_row_bytes: the bytes per row of the text column.
    audio_bytes: of that audio column in the whole shard; None if unknown.
    """

    audio: pa.Array
    audio_row_bytes: float
    other_row_bytes: float
    text_row_bytes: float
    audio_bytes: float | None = None


class Layout(Protocol):
    """One way in which published files hold rows.

    native_reader: the module whose `answer` reads fetched files, all of them to their end, with the
    native code that `read_rows` uses; see `parquet_file`. None if only Python reads them. A child
    process imports it before each shard is read, so it should import little.
    """

    @property
    def native_reader(self) -> str | None: ...

    def takes(self, path: str) -> bool:
        """Whether a published file with this path has this layout."""

    def describe(
        self, at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest
    ) -> Split:
        """Describe a split without fetching it whole; `files` are all its files, in order.

        `look_at_each` does it for a layout whose shards are described one by one. Raises
        ShardUnreadable, and RequestInvalid if the request cannot be carried out.
        """

    def read_names(self, at: RepositoryAt, files: tuple[PublishedFile, ...]) -> pa.Array:
        """The column `audio_filename` of one shard, without fetching it whole.

        Called only if `describe` counted the rows, did not give the names, and found the column;
        a layout that never needs it has `no_names`. Raises ShardUnreadable.
        """

    def read_sample(
        self,
        at: RepositoryAt,
        files: tuple[PublishedFile, ...],
        budget: ReadBudget,
        *,
        audio_column: str | None,
        text_column: str | None,
    ) -> SampledRows | None:
        """A few rows of one shard, read by ranges; None if the layout cannot, as `no_sample`.

        Raises BudgetSpent and ShardUnreadable.
        """

    def count_rows(self, paths: Sequence[Path], shard: Shard) -> int:
        """The number of rows of a fetched shard. Called only if `describe` did not count them."""

    def read_rows(
        self,
        paths: Sequence[Path],
        shard: Shard,
        *,
        columns: Sequence[str] | None,
        is_wanted: Callable[[range], bool],
    ) -> Iterator[tuple[range, pa.RecordBatch]]:
        """Rows of a fetched shard in order, as (row numbers in the dataset, batch).

        paths: of its files, in the shard's order.
        columns: the columns to read, in the order of the schema; None reads all.
        is_wanted: called for rows before they are decoded, if the layout can skip them.

        A batch holds about 8 MiB and at most 1024 rows.

        Raises ShardUnreadable when a file cannot be read, or its rows are not `shard.rows`; None
        there is not compared.
        """


def no_names(at: RepositoryAt, files: tuple[PublishedFile, ...]) -> pa.Array:
    """`read_names` of a layout for which it is never called."""
    raise NotImplementedError


def no_sample(
    at: RepositoryAt,
    files: tuple[PublishedFile, ...],
    budget: ReadBudget,
    *,
    audio_column: str | None,
    text_column: str | None,
) -> SampledRows | None:
    """`read_sample` of a layout without ranged reads: estimates do without."""
    return None


def look_at_each(
    at: RepositoryAt,
    shards: Sequence[tuple[PublishedFile, ...]],
    look: Callable[[RepositoryAt, tuple[PublishedFile, ...]], Contents],
    *,
    part: str = "file",
) -> Split:
    """Describe each shard by itself, several at once; part: what is read of each, for people."""

    def look_at(files: tuple[PublishedFile, ...]) -> Contents:
        contents = look(at, files)
        reading.advance()
        return contents

    with (
        step(f"reading {count(len(shards), part)}", len(shards)) as reading,
        ThreadPoolExecutor(SHARDS_AT_ONCE, "shards") as pool,
    ):
        return Split(list(pool.map(look_at, shards)))


def one_file_each(files: Iterable[PublishedFile]) -> list[tuple[PublishedFile, ...]]:
    """A shard for each file."""
    return [(file,) for file in files]


def unreadable(shard: Shard, why: str) -> ShardUnreadable:
    """The error for a fetched shard that cannot be read."""
    return ShardUnreadable(
        f"{shard.label} cannot be read",
        why=f"{in_a_line(why)}; its bytes are those the Hub holds, so fetching it "
        "again gives the same",
        mend="report it to the dataset's owner, or request a revision whose file is sound",
    )
