"""The text of rows: text or null, from any type of column."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from hugflow.rows.record import column_values
from hugflow.shards.column_path import find_feature, take_field, text_path
from hugflow.shards.features import column_features
from hugflow.shards.plan import Plan


def text_values(
    plan: Plan, batch: pa.RecordBatch, values: Mapping[str, Sequence[Any]]
) -> Sequence[Any] | None:
    """The text of each row of a batch; None if it is the text column's value unchanged.

    values: of the columns, as `column_values` gives them.
    """
    path = text_path(plan)
    is_class = "class_text" in plan.column_notes.get(plan.text_column or "", [])
    join = plan.request.text_join
    if path is None or path[0] in plan.all_audio:
        return None
    if len(path) == 1 and not is_class and join is None:
        return None
    column, inner = path[0], path[1:]
    found = values[column]
    if inner:
        feature = column_features(plan)[column]
        array = take_field(batch.column(column), inner)
        found = column_values(array, find_feature(feature, inner))
    if is_class:
        return [value["name"] if isinstance(value, dict) else value for value in found]
    return found if join is None else [_joined(value, join) for value in found]


def _joined(value: Any, join: str) -> Any:
    """The texts of a list joined into one, without nulls."""
    if not isinstance(value, list):
        return value
    return join.join(text for text in value if text is not None)
