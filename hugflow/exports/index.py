"""The index: the made rows of one shard as a parquet table, without the audio bytes.

`index/<shard>.parquet`: `row` int64; the dataset's columns in order, the audio column as
struct<bytes, path> with bytes null and path `audio/<stem>.mp3`; `audio_info` struct. The schema
carries the features as `datasets` writes them. Row groups and compression are fixed, so the same
rows give the same bytes.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.ledger.journal import RowMade
from hugflow.shards.features import AUDIO_INFO_TYPE, AUDIO_TYPE, index_names
from hugflow.shards.plan import Plan, Shard
from hugflow.shards.read import read_rows
from hugflow.store.atomic import commit_file, disk_errors, temporary_path

ROWS_PER_GROUP = 10_000


def write_index(
    path: Path, plan: Plan, shard: Shard, raw_file: Path, made: Mapping[int, RowMade]
) -> str | None:
    """Write the index of one shard from its fetched file; gives the sha256 of what stands there.

    made: the rows that are on disk, by number. With none of them there is no index: an empty
    parquet file would keep `datasets` from reading the folder. A file that already holds the
    same bytes is left as it is.
    """
    if not made:
        path.unlink(missing_ok=True)
        return None
    temporary = temporary_path(path)
    with disk_errors(path):
        writer: pq.ParquetWriter | None = None
        try:
            for table in _groups(_batches(plan, shard, raw_file, made)):
                if writer is None:
                    schema = _with_features(table.schema, plan)
                    writer = pq.ParquetWriter(temporary, schema, compression="zstd")
                writer.write_table(table.cast(writer.schema), row_group_size=ROWS_PER_GROUP)
        finally:
            if writer is not None:
                writer.close()
    digest = file_sha256(temporary)
    if path.is_file() and file_sha256(path) == digest:
        temporary.unlink()
    else:
        commit_file(path)
    return digest


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def audio_info(plan_row: RowMade) -> dict[str, object] | None:
    """The contract's `audio_info` of a row, in its order; None in a text-only dataset."""
    audio = plan_row.audio
    if audio is None:
        return None
    return {
        "path": f"audio/{plan_row.stem}.mp3",
        "source_path": audio.source_path,
        "sampling_rate": audio.sampling_rate,
        "num_samples": audio.num_samples,
        "duration": audio.duration,
        "source_format": audio.source_format,
        "source_sampling_rate": audio.source_sampling_rate,
        "source_channels": audio.source_channels,
        "bitrate_kbps": audio.bitrate_kbps,
        "copied": audio.copied,
    }


def _batches(
    plan: Plan, shard: Shard, raw_file: Path, made: Mapping[int, RowMade]
) -> Iterator[pa.Table]:
    columns = [column for column in plan.columns if column != plan.audio_column]
    for rows, batch in read_rows(raw_file, shard, columns=columns):
        kept = [row for row in rows if row in made]
        if not kept:
            continue
        table = pa.Table.from_batches([batch])
        if len(kept) < len(rows):
            table = table.take(pa.array([row - rows.start for row in kept], pa.int64()))
        yield _index_table(plan, table, [made[row] for row in kept])


def _index_table(plan: Plan, table: pa.Table, made: list[RowMade]) -> pa.Table:
    arrays: dict[str, pa.Array | pa.ChunkedArray] = {
        "row": pa.array([row.row for row in made], pa.int64())
    }
    for column, name in zip(plan.columns, index_names(plan.columns), strict=True):
        if column == plan.audio_column:
            paths = [{"bytes": None, "path": f"audio/{row.stem}.mp3"} for row in made]
            arrays[name] = pa.array(paths, AUDIO_TYPE)
        else:
            arrays[name] = table.column(column)
    if plan.audio_column is not None:
        arrays["audio_info"] = pa.array([audio_info(row) for row in made], AUDIO_INFO_TYPE)
    return pa.table(arrays)


def _groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Cut tables into pieces of ROWS_PER_GROUP rows, whatever pieces they came in."""
    pending: list[pa.Table] = []
    count = 0
    for table in tables:
        pending.append(table)
        count += table.num_rows
        while count >= ROWS_PER_GROUP:
            whole = pa.concat_tables(pending)
            yield whole.slice(0, ROWS_PER_GROUP)
            pending = [whole.slice(ROWS_PER_GROUP)]
            count -= ROWS_PER_GROUP
    if count:
        yield pa.concat_tables(pending)


def _with_features(schema: pa.Schema, plan: Plan) -> pa.Schema:
    features = {"info": {"features": plan.features}}
    return schema.with_metadata({"huggingface": json.dumps(features)})
