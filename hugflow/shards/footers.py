"""What published parquet files tell of themselves: rows, columns, and names of their clips."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.clients.hub import Hub, ReadBudget
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid, ShardUnreadable
from hugflow.shards.stems import FILENAME_COLUMN, to_filenames

T = TypeVar("T")

# What is read at once of a column of which only a part is wanted, or a page where that is more.
READ_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file's footer says of it."""

    file: PublishedFile
    rows: int
    schema: pa.Schema


def read_footer(hub: Hub, hf_id: str, commit: str, file: PublishedFile) -> Footer:
    """The footer of one published file, by a ranged read of its end; raises ShardUnreadable."""

    def read(parquet: pq.ParquetFile) -> Footer:
        schema = parquet.schema_arrow
        if len(set(schema.names)) < len(schema.names):
            raise pa.ArrowInvalid("two of its columns have the same name")
        return Footer(file, parquet.metadata.num_rows, schema)

    return read_parquet(hub, hf_id, commit, file, read)


def read_filenames(hub: Hub, hf_id: str, commit: str, file: PublishedFile) -> pa.Array:
    """The column `audio_filename` of one file; what is not text counts as absent."""

    def read(parquet: pq.ParquetFile) -> pa.Array:
        column = parquet.read([FILENAME_COLUMN]).column(FILENAME_COLUMN)
        return pa.array(to_filenames(column), pa.large_string())

    return read_parquet(hub, hf_id, commit, file, read)


def common_schema(what: str, footers: Sequence[Footer]) -> pa.Schema:
    """The schema all files share: the same columns, in types that hold the values of every file.

    what: how an error names the dataset. Files with other columns would lose values in silence:
    RequestInvalid names the first file that differs, and how.
    """
    common = footers[0].schema
    for index, footer in enumerate(footers):
        # Of thousands of files nearly all are alike.
        if footer.schema.equals(common):
            continue
        _refuse_other_columns(what, footers[0], footer)
        try:
            common = pa.unify_schemas([common, footer.schema], promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            raise _differing_types(what, footers[:index], footer) from error
    return common


def _refuse_other_columns(what: str, first: Footer, other: Footer) -> None:
    lacking = [name for name in first.schema.names if name not in other.schema.names]
    more = [name for name in other.schema.names if name not in first.schema.names]
    if not lacking and not more:
        return
    differences = [f"lacks {name!r}" for name in lacking] + [
        f"has {name!r} besides" for name in more
    ]
    raise RequestInvalid(
        f"{what}: its files have not the same columns: {other.file.path!r} "
        f"{' and '.join(differences[:4])}, compared with {first.file.path!r}",
        why="rows of one would lack values that rows of the other have",
        mend="request a subset or revision whose files agree, or tell the dataset's owner",
    )


def _differing_types(what: str, earlier: Sequence[Footer], other: Footer) -> RequestInvalid:
    """The error for a file with a column whose type goes with that of no earlier one."""
    column, one = next(
        (
            (name, footer)
            for name in other.schema.names
            for footer in earlier
            if not _go_together(footer.schema.field(name), other.schema.field(name))
        ),
        (other.schema.names[0], earlier[0]),
    )
    return RequestInvalid(
        f"{what}: its files have the column {column!r} in types that cannot be one",
        why=f"{one.schema.field(column).type} in {one.file.path!r}, "
        f"{other.schema.field(column).type} in {other.file.path!r}",
        mend="request a subset or revision whose files agree, or tell the dataset's owner",
    )


def _go_together(one: pa.Field, other: pa.Field) -> bool:
    try:
        pa.unify_schemas([pa.schema([one]), pa.schema([other])], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return False
    return True


def read_parquet(
    hub: Hub,
    hf_id: str,
    commit: str,
    file: PublishedFile,
    read: Callable[[pq.ParquetFile], T],
    budget: ReadBudget | None = None,
) -> T:
    """What `read` gives of a published file, by ranged reads.

    Parts of a file cannot be held against its hash, so what cannot be read is fetched once more:
    it may have been damaged on its way. budget: how much may be read of it, and then no more of a
    column than is asked for; raises BudgetSpent where that is not enough.
    """
    for last_try in (False, True):
        remote = hub.open_file(hf_id, commit, file, budget)
        # All of a column comes in one request; a part of it, in several.
        buffer_size = 0 if budget is None else READ_BYTES
        try:
            with pq.ParquetFile(
                pa.PythonFile(remote, mode="r"), pre_buffer=False, buffer_size=buffer_size
            ) as parquet:
                return read(parquet)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if last_try:
                raise ShardUnreadable(
                    f"{hf_id}@{commit}:{file.path} cannot be read as parquet",
                    why=" ".join(str(error).split())[:300],
                    mend="tell the dataset's owner, or request a revision whose files are sound",
                ) from error
    raise AssertionError("unreachable: the last try returns or raises")
