"""Writing the index: the made rows of one shard as a parquet table, without the audio bytes.

`index/<shard>.parquet`: `row` int64; the dataset's columns in order, the audio column as
struct<bytes, path> with bytes null and path `audio/<stem>.mp3`; `audio_info` struct. Other audio
columns have a path `audio/<column>/<stem>.mp3` and a struct `audio_info_<column>`. A text inside
a column is repeated as `text` if the dataset has no column of this name. Types are
those of `hugflow.shards.arrow`, the same in every shard, and the schema carries the features as
`datasets` writes them. Row groups depend on the rows and not on the source's row groups, so the
same rows give the same bytes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.errors import ShardCorrupt
from hugflow.ledger.journal import RowMade
from hugflow.names import info_names, mp3_paths
from hugflow.redact import in_a_line
from hugflow.rows.audio_info import audio_infos
from hugflow.rows.text import text_values
from hugflow.shards.arrow import feature_type, index_type, row_sizes, to_type
from hugflow.shards.column_path import has_inner_text, lift_batches, text_path
from hugflow.shards.features import AUDIO_TYPE, TEXT, audio_info_type, index_names
from hugflow.shards.plan import Plan, Shard
from hugflow.shards.read import read_rows
from hugflow.store.atomic import commit_file, disk_errors, fresh_temporary, is_file
from hugflow.store.digest import file_sha256

# Writers and readers hold a whole row group in memory.
ROWS_PER_GROUP = 10_000
BYTES_PER_GROUP = 8 << 20


def write_index(
    path: Path, plan: Plan, shard: Shard, raw_files: Sequence[Path], made: Mapping[int, RowMade]
) -> str | None:
    """Write the index of one shard from its fetched files; returns its sha256.

    made: the rows that are on disk, by number. Without rows there is no index, because an empty
    parquet file would keep `datasets` from reading the folder. A file that already holds the same
    bytes is not written again.
    """
    if not made:
        path.unlink(missing_ok=True)
        return None
    temporary = fresh_temporary(path)
    with disk_errors(path):
        writer: pq.ParquetWriter | None = None
        try:
            for group in _groups(_tables(plan, shard, raw_files, made)):
                if writer is None:
                    writer = pq.ParquetWriter(temporary, group.schema, compression="zstd")
                writer.write_table(group, row_group_size=ROWS_PER_GROUP)
        finally:
            if writer is not None:
                writer.close()
        digest = file_sha256(temporary)
        if is_file(path) and file_sha256(path) == digest:
            temporary.unlink()
        else:
            commit_file(path)
    return digest


def _tables(
    plan: Plan, shard: Shard, raw_files: Sequence[Path], made: Mapping[int, RowMade]
) -> Iterator[pa.Table]:
    """The made rows as tables of the index, one for each batch of the source."""
    columns = _read_columns(plan)
    schema: pa.Schema | None = None
    for rows, read in read_rows(raw_files, shard, columns=columns):
        batch = read if columns is not None else lift_batches(read, plan.all_audio)
        if schema is None:
            schema = _index_schema(plan, batch.schema)
        kept = [row for row in rows if row in made]
        if not kept:
            continue
        if len(kept) < len(rows):
            batch = batch.take(pa.array([row - rows.start for row in kept], pa.int64()))
        yield _index_table(plan, shard, schema, batch, [made[row] for row in kept])


def _read_columns(plan: Plan) -> list[str] | None:
    """The columns to read: all but the audio, unless that may lie in one of the others."""
    if any("." in column for column in plan.all_audio):
        return None
    return [column for column in plan.columns if column not in plan.all_audio]


def _index_schema(plan: Plan, published: pa.Schema) -> pa.Schema:
    """The schema of every index of the plan; without features, from the shard's own types."""
    types = {"row": pa.int64()}
    for column, name in zip(plan.columns, index_names(plan.columns, plan.all_audio), strict=True):
        if column in plan.all_audio:
            types[name] = AUDIO_TYPE
        else:
            planned = feature_type(plan.features.get(name))
            own = index_type(published.field(column).type)
            types[name] = own if planned is None else planned
    if has_inner_text(plan):
        types[TEXT] = pa.string()
    info_type = audio_info_type(measured=plan.is_measured)
    types |= dict.fromkeys(info_names(plan.all_audio), info_type)
    features = {"info": {"features": plan.features}}
    return pa.schema(list(types.items()), {"huggingface": json.dumps(features)})


def _index_table(
    plan: Plan, shard: Shard, schema: pa.Schema, batch: pa.RecordBatch, made: list[RowMade]
) -> pa.Table:
    arrays = [pa.array([row.row for row in made], pa.int64())]
    names, all_audio = index_names(plan.columns, plan.all_audio), plan.all_audio
    for column, name in zip(plan.columns, names, strict=True):
        if column in all_audio:
            place = all_audio.index(column)
            mp3s = (mp3_paths(row.stem, all_audio)[place] for row in made)
            paths = [{"bytes": None, "path": mp3} for mp3 in mp3s]
            arrays.append(pa.array(paths, AUDIO_TYPE))
        else:
            try:
                arrays.append(to_type(batch.column(column), schema.field(name).type))
            except pa.ArrowException as error:
                raise _cannot_join(shard, column, error) from error
    if has_inner_text(plan):
        arrays.append(pa.array(_inner_texts(plan, batch), pa.string()))
    infos = [audio_infos(row, all_audio, measured=plan.is_measured) for row in made]
    arrays += [
        pa.array([info[name] for info in infos], schema.field(name).type)
        for name in info_names(all_audio)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _inner_texts(plan: Plan, batch: pa.RecordBatch) -> list[str | None]:
    """The text of each row, which lies inside a column."""
    path = text_path(plan)
    texts = text_values(plan, batch, {path[0]: ()}) if path is not None else None
    if texts is None:
        return [None] * len(batch)
    return [text if isinstance(text, str) else None for text in texts]


def _groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Cut tables into row groups that do not depend on the input's pieces.

    A group ends before a row would exceed its number of rows or BYTES_PER_GROUP.
    """
    pending: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        start = 0
        for row, row_size in enumerate(_row_sizes(table)):
            if rows == ROWS_PER_GROUP or (rows and size + row_size > BYTES_PER_GROUP):
                yield _in_one_piece([*pending, table.slice(start, row - start)])
                pending, start = [], row
                rows = size = 0
            rows += 1
            size += row_size
        pending.append(table.slice(start))
    if rows:
        yield _in_one_piece(pending)


def _row_sizes(table: pa.Table) -> list[int]:
    by_column = [row_sizes(column.combine_chunks()) for column in table.columns]
    sizes: list[int] = np.sum(by_column, axis=0).tolist()
    return sizes


def _in_one_piece(pieces: list[pa.Table]) -> pa.Table:
    """Join the pieces: parquet pages follow pieces, so other pieces would give other bytes."""
    return pa.concat_tables(pieces).combine_chunks()


def _cannot_join(shard: Shard, column: str, error: Exception) -> ShardCorrupt:
    return ShardCorrupt(
        f"{shard.label}: the column {column!r} does not fit the type that all files share",
        why=in_a_line(str(error)),
        mend="request a subset whose files agree, or report it to the dataset's owner",
    )
