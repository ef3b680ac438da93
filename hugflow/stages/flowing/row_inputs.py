"""A step's input for each row: fields of the index, and fields from earlier steps."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.errors import RequestInvalid
from hugflow.names import info_names
from hugflow.nearest import nearest_name
from hugflow.requests.flow_steps import FlowStep
from hugflow.rows.record import column_values
from hugflow.shards.column_path import has_inner_text
from hugflow.shards.features import TEXT, column_features, index_names
from hugflow.shards.plan import Plan
from hugflow.stages.flowing.row_files import read_out
from hugflow.store.layout import DatasetFolder

ROWS_AT_ONCE = 1024


def read_inputs(
    plan: Plan,
    folder: DatasetFolder,
    index: Path,
    reads: Collection[str],
    giver_by_field: Mapping[str, Path],
    rows: Collection[int],
) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """The fields `reads` of `rows`, in pieces, by number and in the index's order.

    giver_by_field: the results of the last earlier step that gives a field; its value replaces the
        index's.
    A clip is given as the path of its MP3.
    """
    columns = {field: column_of(plan, field, "") for field in reads if field not in giver_by_field}
    features = column_features(plan)
    asked = ["row", *dict.fromkeys(_index_columns(plan, columns.values()))]
    wanted = rows if isinstance(rows, set | frozenset) else set(rows)
    with index.open("rb") as file, pq.ParquetFile(file) as table:
        for batch in table.iter_batches(ROWS_AT_ONCE, columns=asked):
            numbers = batch.column("row").to_pylist()
            kept = [place for place, row in enumerate(numbers) if row in wanted]
            if not kept:
                continue
            if len(kept) < len(numbers):
                batch = batch.take(pa.array(kept, pa.int64()))
                numbers = [numbers[place] for place in kept]
            values = {
                field: _values(plan, folder, batch, column, features)
                for field, column in columns.items()
            }
            given = {
                place: [read_out(place, row) for row in numbers]
                for place in {giver_by_field[field] for field in reads if field in giver_by_field}
            }
            yield [
                (
                    row,
                    {
                        field: given[giver_by_field[field]][at].get(field)
                        if field in giver_by_field
                        else values[field][at]
                        for field in reads
                    },
                )
                for at, row in enumerate(numbers)
            ]


def refuse_steps(plan: Plan, steps: Sequence[FlowStep]) -> list[dict[str, str]]:
    """For each step, which earlier step gives each field.

    Raises RequestInvalid for a field that no row has, and for one that a step cannot give: the
    number of a row, its clip, and what is known of the clip are not a step's to replace.
    """
    found: list[dict[str, str]] = []
    giver_by_field: dict[str, str] = {}
    own = ("row", *info_names(plan.all_audio), *plan.all_audio)
    for step in steps:
        found.append(dict(giver_by_field))
        for name in step.reads:
            if name not in giver_by_field:
                column_of(plan, name, step.name, giver_by_field)
        for name in step.gives:
            if name in own:
                raise RequestInvalid(
                    f"{plan.dataset}: the step {step.name!r} cannot give the field {name!r}",
                    why=f"{', '.join(own)} are Hugflow's own: they say which clip a row has",
                    mend="give it another name in `rows: {out: [...]}` and in the flow",
                )
        giver_by_field |= dict.fromkeys(step.gives, step.name)
    return found


def column_of(plan: Plan, field: str, step: str, given: Iterable[str] = ()) -> str:
    """The index's column of a field. Raises RequestInvalid when there is none.

    given: the fields that earlier steps give, for the error.

    `row`, `audio_info` and `audio_info_<column>` mean the index's own columns.
    """
    if field in ("row", *info_names(plan.all_audio)):
        return field
    if field == "text" and plan.text_column is not None:
        return TEXT if has_inner_text(plan) else plan.text_column
    if field in plan.columns:
        return field
    own = ["text"] if plan.text_column is not None else []
    known = list(dict.fromkeys([*plan.columns, *own, *info_names(plan.all_audio), "row", *given]))
    near = nearest_name(field, known)
    raise RequestInvalid(
        f"{plan.dataset}: the step {step!r} asks for the field {field!r}, which no row has",
        why=f"its rows have {', '.join(known)}",
        mend=f"did you mean {near}?" if near else "check `rows: {in: [...]}` of the step",
    )


def _index_columns(plan: Plan, columns: Collection[str]) -> list[str]:
    names = dict(zip(plan.columns, index_names(plan.columns, plan.all_audio), strict=True))
    # Its `audio_info` has the path of a clip.
    infos = dict(zip(plan.all_audio, info_names(plan.all_audio), strict=True))
    return [infos.get(column) or names.get(column, column) for column in columns]


def _values(
    plan: Plan,
    folder: DatasetFolder,
    batch: pa.RecordBatch,
    column: str,
    features: Mapping[str, Any],
) -> list[Any]:
    own = info_names(plan.all_audio)
    if column in plan.all_audio:
        infos = batch.column(own[plan.all_audio.index(column)]).to_pylist()
        return [str(folder.root / info["path"]) for info in infos]
    if column in ("row", *own) or (column == TEXT and has_inner_text(plan)):
        values: list[Any] = batch.column(column).to_pylist()
        return values
    names = dict(zip(plan.columns, index_names(plan.columns, plan.all_audio), strict=True))
    return column_values(batch.column(names[column]), features[column])
