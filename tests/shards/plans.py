"""Plans made by hand, and parquet files that lie."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.clients.repository import PublishedFile
from hugflow.shards.features import index_features
from hugflow.shards.plan import Plan, Shard, plan_shards
from hugflow.shards.plan_request import PlanRequest

REQUEST = PlanRequest("acme/speech", None, "train", "main", "audio", "text", "copy")
COMMIT = "8a6c0f1" + "0" * 33


def plan_of(rows: list[int] | None = None, **changes: Any) -> Plan:
    """A plan of shards with these numbers of rows; `changes` replace fields."""
    files = [
        (
            (
                PublishedFile(
                    f"data/{index}.parquet", 100 + index, f"{index:064x}", f"{index:040x}"
                ),
            ),
            n,
        )
        for index, n in enumerate(rows or [3, 2])
    ]
    plan = Plan(
        dataset="acme__speech__split_train__rev_main",
        request=REQUEST,
        commit=COMMIT,
        files_commit=COMMIT,
        licence="cc0-1.0",
        is_gated=False,
        audio_column="audio",
        text_column="text",
        columns=("audio", "text"),
        stem_suffixes={},
        features={},
        card_features=[],
        shards=plan_shards(files),
    )
    return replace(plan, **changes)


def plan_for(table: pa.Table, audio_column: str | None = None, **changes: Any) -> Plan:
    """The plan of one shard that holds `table`."""
    features, card_features = index_features(
        table.schema, () if audio_column is None else (audio_column,)
    )
    return plan_of(
        [table.num_rows],
        audio_column=audio_column,
        text_column="text" if "text" in table.column_names else None,
        columns=tuple(table.column_names),
        features=features,
        card_features=card_features,
        **changes,
    )


def shard_of(rows: int, first_row: int = 0) -> Shard:
    """One shard."""
    return Shard(0, 1, (PublishedFile("data/a.parquet", 1, None, "0" * 40),), first_row, rows)


def lying_parquet(rows: int, is_wanted: Callable[[pq.FileMetaData], bool]) -> bytes:
    """A file of `rows` rows with one byte of its footer changed, so that `is_wanted` holds."""
    file = io.BytesIO()
    pq.write_table(pa.table({"n": range(rows)}), file, store_schema=False, compression="none")
    whole = file.getvalue()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    for at in range(footer, len(whole) - 8):
        data = bytearray(whole)
        # Thrift writes n as 2n; one row less than there is.
        if data[at] != 2 * rows:
            continue
        data[at] = 2 * (rows - 1)
        try:
            metadata = pq.read_metadata(io.BytesIO(bytes(data)))
        except (pa.ArrowException, OSError):
            continue
        if is_wanted(metadata):
            return bytes(data)
    raise AssertionError("no byte of the footer does that")


def write_table(path: Path, table: pa.Table, rows_per_group: int = 10_000) -> Path:
    """The table as a parquet file."""
    pq.write_table(table, path, row_group_size=rows_per_group)
    return path
