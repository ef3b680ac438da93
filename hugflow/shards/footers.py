"""What published parquet files tell of themselves: rows, columns, and names of their clips."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.clients.hub import Hub, ReadBudget
from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.errors import ShardUnreadable
from hugflow.redact import in_a_line
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


def common_schema(footers: Sequence[Footer]) -> tuple[pa.Schema, dict[int, str]]:
    """The schema that files share, and why others do not agree with it, by their place.

    It has the columns that most rows have, in types that hold the values of every file that agrees.
    A file with other columns would lose values in silence, or lack some; a file without rows has
    none to lose.
    """
    usual = _find_usual([footer for footer in footers if footer.rows] or footers[:1])
    common, odd = usual.schema, {}
    for index, footer in enumerate(footers):
        # Of thousands of files nearly all are alike.
        if footer.rows == 0 or footer.schema.equals(common):
            continue
        if differences := _other_columns(usual, footer):
            odd[index] = differences
            continue
        try:
            schemas = [_without_dictionaries(each) for each in (common, footer.schema)]
            common = pa.unify_schemas(schemas, promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            odd[index] = _other_types(common, footer)
    return common, odd


def _without_dictionaries(schema: pa.Schema) -> pa.Schema:
    """The schema with the types of the values in place of those of dictionaries of them."""
    for at, field in enumerate(schema):
        if pa.types.is_dictionary(field.type):
            schema = schema.set(at, field.with_type(field.type.value_type))
    return schema


def _find_usual(footers: Sequence[Footer]) -> Footer:
    """A file with the columns that most rows have, and of those with the types that most have."""
    if all(footer.schema.equals(footers[0].schema) for footer in footers):
        return footers[0]
    columns = [frozenset(footer.schema.names) for footer in footers]
    types = [frozenset((each.name, str(each.type)) for each in f.schema) for f in footers]
    rows_by_columns: Counter[frozenset[str]] = Counter()
    rows_by_types: Counter[frozenset[tuple[str, str]]] = Counter()
    for place, footer in enumerate(footers):
        rows_by_columns[columns[place]] += footer.rows
        rows_by_types[types[place]] += footer.rows
    # Of those that are equal the first.
    places = range(len(footers))
    return footers[
        max(places, key=lambda n: (rows_by_columns[columns[n]], rows_by_types[types[n]]))
    ]


def _other_columns(usual: Footer, other: Footer) -> str:
    """How the columns of a file differ; "" where they do not."""
    lacking = [name for name in usual.schema.names if name not in other.schema.names]
    more = [name for name in other.schema.names if name not in usual.schema.names]
    differences = [f"lacks {name!r}" for name in lacking] + [
        f"has {name!r} besides" for name in more
    ]
    told = " and ".join(differences[:4])
    return f"it {told}, compared with {usual.file.path!r}" if told else ""


def _other_types(common: pa.Schema, other: Footer) -> str:
    """Which column of a file has a type that goes with that of no other file."""
    name = next(
        (
            name
            for name in other.schema.names
            if not _go_together(common.field(name), other.schema.field(name))
        ),
        other.schema.names[0],
    )
    return (
        f"its column {name!r} is {other.schema.field(name).type}, where the others have "
        f"{common.field(name).type}"
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
        remote = hub.open_file(RepoId.dataset(hf_id), commit, file, budget)
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
                    why=in_a_line(str(error)),
                    mend="tell the dataset's owner, or request a revision whose files are sound",
                ) from error
    raise AssertionError("unreachable: the last try returns or raises")
