"""Making a plan: the few questions to the Hub that settle what a dataset consists of."""

import difflib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.clients.hub import Hub
from hugflow.clients.published import fetch_split_files
from hugflow.clients.repository import PublishedFile, Repository
from hugflow.errors import RequestInvalid, ShardCorrupt
from hugflow.shards.features import has_audio_feature, index_features, is_audio_type
from hugflow.shards.plan import Plan, PlanRequest, plan_shards
from hugflow.shards.stems import FILENAME_COLUMN, plan_suffixes, to_filenames

FOOTERS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """Columns that the request names itself; one left to its default may be absent."""

    audio_column: bool
    text_column: bool


def fetch_plan(
    hub: Hub, dataset: str, request: PlanRequest, asked: Asked, *, commit: str | None = None
) -> Plan:
    """Settle what `request` consists of: commit, files, rows, columns and stems.

    dataset: the name its tree will have.
    commit: read at this commit rather than at what the revision points to now.

    Only footers and, where there is one, the column `audio_filename` are read, by ranges.
    Raises RequestInvalid when the request cannot be carried out as it is written; what the Hub
    raises passes through.
    """
    repository = hub.fetch_repository(request.hf_id, commit or request.revision)
    paths = fetch_split_files(hub, request.hf_id, repository.commit, request.subset, request.split)
    files = hub.fetch_files(request.hf_id, repository.commit, paths)
    with ThreadPoolExecutor(FOOTERS_AT_ONCE, "footers") as pool:
        footers = list(pool.map(lambda file: _read_footer(hub, repository, file), files))
        schema = _common_schema(repository, footers)
        columns = tuple(schema.names)
        audio_column = _choose_audio_column(repository, schema, request, asked)
        text_column, warnings = _choose_text_column(repository, columns, request, asked)
        suffixes: dict[int, int] = {}
        if audio_column is not None and FILENAME_COLUMN in columns:
            names = pool.map(lambda file: _read_filenames(hub, repository, file), files)
            suffixes = plan_suffixes(pa.chunked_array(list(names)))
    try:
        features, card_features = index_features(schema, audio_column)
    except ValueError as error:
        raise _invalid(
            repository,
            "it has a column that `datasets` cannot read",
            why=" ".join(str(error).split())[:300],
            mend="choose another revision, or tell the dataset's owner",
        ) from error
    shards = plan_shards([(f.file, f.rows) for f in footers])
    if not sum(shard.rows for shard in shards):
        raise _invalid(
            repository,
            f"the split {request.split!r} has no rows",
            why="its files are all empty",
            mend="choose another split or revision",
        )
    return Plan(
        dataset=dataset,
        request=request,
        commit=repository.commit,
        licence=repository.licence,
        is_gated=repository.is_gated,
        audio_column=audio_column,
        text_column=text_column,
        columns=columns,
        stem_suffixes=suffixes,
        features=features,
        card_features=card_features,
        shards=shards,
        warnings=warnings,
    )


@dataclass(frozen=True, slots=True)
class _Footer:
    file: PublishedFile
    rows: int
    schema: pa.Schema


def _read_footer(hub: Hub, repository: Repository, file: PublishedFile) -> _Footer:
    with _open_parquet(hub, repository, file) as parquet:
        schema = parquet.schema_arrow
        if len(set(schema.names)) < len(schema.names):
            raise pa.ArrowInvalid("two of its columns have the same name")
        return _Footer(file, parquet.metadata.num_rows, schema)


def _read_filenames(hub: Hub, repository: Repository, file: PublishedFile) -> pa.Array:
    """The column `audio_filename` of one file; what is not text counts as absent."""
    with _open_parquet(hub, repository, file) as parquet:
        column = parquet.read([FILENAME_COLUMN]).column(FILENAME_COLUMN)
    return pa.array(to_filenames(column), pa.large_string())


@contextmanager
def _open_parquet(
    hub: Hub, repository: Repository, file: PublishedFile
) -> Iterator[pq.ParquetFile]:
    remote = hub.open_file(repository.hf_id, repository.commit, file)
    try:
        with pq.ParquetFile(pa.PythonFile(remote, mode="r"), pre_buffer=False) as parquet:
            yield parquet
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ShardCorrupt(
            f"{repository.hf_id}@{repository.commit}:{file.path} cannot be read as parquet",
            why=" ".join(str(error).split())[:300],
            mend="tell the dataset's owner, or choose another revision",
        ) from error


def _common_schema(repository: Repository, footers: Sequence[_Footer]) -> pa.Schema:
    """The schema all files share: the same columns, in types that hold the values of every file.

    Files with other columns would lose values in silence.
    """
    first = footers[0]
    for footer in footers[1:]:
        differing = set(first.schema.names) ^ set(footer.schema.names)
        if differing:
            raise _invalid(
                repository,
                f"its files have not the same columns: {min(differing)!r} is in only one of "
                f"{first.file.path!r} and {footer.file.path!r}",
                why="rows of one would lack values that rows of the other have",
                mend="request a subset whose files agree, or tell the dataset's owner",
            )
    try:
        return pa.unify_schemas([each.schema for each in footers], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise _invalid(
            repository,
            "its files have a column in types that cannot be one",
            why=" ".join(str(error).split())[:300],
            mend="request a subset whose files agree, or tell the dataset's owner",
        ) from error


def _choose_audio_column(
    repository: Repository, schema: pa.Schema, request: PlanRequest, asked: Asked
) -> str | None:
    """The audio column; None for a text-only dataset."""
    column = request.audio_column
    if column in schema.names:
        if not is_audio_type(schema.field(column).type):
            raise _invalid(
                repository,
                f"the column {column!r} holds no audio",
                why=f"its type is {schema.field(column).type}; audio is bytes, or a struct of "
                "bytes and path",
                mend=f"set audio_column to one of {_words(schema.names)}",
            )
        return column
    with_audio = [name for name in schema.names if has_audio_feature(schema, name)]
    if asked.audio_column or with_audio:
        raise _invalid(
            repository,
            f"no audio column {column!r}",
            why=f"the dataset has the columns {_words(schema.names)}",
            mend=f"set audio_column: {_nearest(column, with_audio or schema.names)!r}",
        )
    return None


def _choose_text_column(
    repository: Repository, columns: Sequence[str], request: PlanRequest, asked: Asked
) -> tuple[str | None, tuple[str, ...]]:
    """The text column, and a warning where the default one is not there."""
    column = request.text_column
    if column in columns:
        return column, ()
    nearest = _nearest(column, columns)
    if asked.text_column:
        raise _invalid(
            repository,
            f"no text column {column!r}",
            why=f"the dataset has the columns {_words(columns)}",
            mend=f"set text_column: {nearest!r}",
        )
    return None, (
        f"the dataset has no column {column!r}, so rows get no text; "
        f"if {nearest!r} is it, set text_column",
    )


# What speech datasets call their transcripts, for advice when nothing is spelled alike.
_USUAL_NAMES = ("text", "sentence", "transcription", "transcript", "normalized_text", "audio")


def _nearest(name: str, columns: Sequence[str]) -> str:
    alike = difflib.get_close_matches(name, columns, 1, 0.5)
    usual = [column for column in _USUAL_NAMES if column in columns]
    return (alike or usual or list(columns))[0]


def _words(columns: Sequence[str]) -> str:
    return ", ".join(map(repr, columns))


def _invalid(repository: Repository, what: str, *, why: str, mend: str) -> RequestInvalid:
    return RequestInvalid(f"{repository.hf_id}@{repository.commit[:7]}: {what}", why=why, mend=mend)
