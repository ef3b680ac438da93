"""The values that `keep` looks at, from the index: those of the rows' JSON, decimals as numbers."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.rows.record import column_values
from hugflow.rows.text import text_values
from hugflow.shards.column_path import text_path
from hugflow.shards.features import TEXT, column_features
from hugflow.shards.kept_fields import (
    is_in_class,
    kept_fields,
    refuse_unmeasured,
    value_at,
)
from hugflow.shards.plan import Plan

_ROWS_AT_ONCE: Final = 4_096
_QUALITY: Final = ("audio_info", "quality")


def read_kept_values(
    plan: Plan, index: Path, expression: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number of each row in an index file, and the fields that `keep` names.

    Raises RequestInvalid for the quality of a clip that was not measured.
    """
    fields = kept_fields(plan, expression)
    columns = list(dict.fromkeys(["row", *(path[0] for path in fields.values())]))
    names_quality = any(path[:2] == _QUALITY for path in fields.values())
    with index.open("rb") as file, pq.ParquetFile(file) as table:
        for batch in table.iter_batches(_ROWS_AT_ONCE, columns=columns):
            rows = batch.column("row").to_pylist()
            if names_quality:
                for row, info in zip(rows, batch.column("audio_info").to_pylist(), strict=True):
                    if info.get("quality") is None:
                        raise refuse_unmeasured(plan, expression, row)
            found = _fields_of(plan, batch, fields)
            for row, *values in zip(rows, *found, strict=True):
                yield row, dict(zip(fields, values, strict=True))


def _fields_of(
    plan: Plan, batch: pa.RecordBatch, fields: Mapping[str, tuple[str, ...]]
) -> Iterator[Sequence[Any]]:
    """The values of each field, in the order of the rows."""
    for name, path in fields.items():
        array = batch.column(path[0])
        if name == TEXT and text_path(plan) is not None:
            yield _texts(plan, array)
            continue
        is_number = pa.types.is_decimal(array.type)
        feature = plan.features.get(path[0]) if is_in_class(plan, path) else None
        values = array.to_pylist() if is_number else column_values(array, feature)
        yield [value_at({path[0]: value}, path) for value in values]


def _texts(plan: Plan, array: pa.Array) -> Sequence[Any]:
    """The texts in the text column: of a class its name, of a list its texts joined."""
    column = (text_path(plan) or (TEXT,))[0]
    values = {column: column_values(array, column_features(plan).get(column))}
    texts = text_values(plan, pa.RecordBatch.from_arrays([array], names=[column]), values)
    return values[column] if texts is None else texts
