"""Recordings that stay whole, with their time ranges in a column: `segments: keep`.

    audio  text                       segments
    ...    hello there good evening   [{"start": 0.5, "end": 1.25, "text": "hello there"}, ...]

They are planned as rows that are time ranges, and joined as a shard is read: `detail` of it holds
`whole` then, which are the columns that a time range has beside `start` and `end`, and `joined`,
the column whose texts are the text of the recording (null: there is none).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from hugflow.audio.cut import NO_RANGE, Cut
from hugflow.errors import RequestInvalid
from hugflow.requests.segments import END, SEGMENTS, START
from hugflow.shards.arrow import FILE_TYPE, is_text
from hugflow.shards.layouts.cut_rows import CUT_WARNING, Ranges
from hugflow.shards.layouts.layout import Contents, RepositoryAt, Split
from hugflow.shards.plan import to_detail
from hugflow.shards.plan_request import PlanRequest


def keep_whole(at: RepositoryAt, split: Split, request: PlanRequest) -> Split:
    """A planned split of time ranges as one of recordings; raises RequestInvalid."""
    text = split.text_column or request.text_column
    ranges = Ranges.of(request)
    names = frozenset(ranges.names) if ranges is not None else frozenset[str]()
    shards = [_keep(at, shard, text, names) for shard in split.shards]
    warning = f"a row is a whole recording, and its time ranges are the column {SEGMENTS!r}"
    others = (each for each in split.warnings if not each.startswith(CUT_WARNING))
    return replace(split, shards=shards, warnings=(*others, warning), listed_rows=None)


def join_rows(table: pa.Table, detail: Mapping[str, Any]) -> tuple[pa.Table, Mapping[str, Any]]:
    """The rows of recordings of a table whose rows are their time ranges, and their detail."""
    groups = _groups(detail["clips"])
    firsts = pa.array([group.start for group in groups], pa.int64())
    cuts = [Cut("0", None) if cut is None else Cut.from_json(cut) for cut in detail["cuts"]]
    starts = [None if cut == NO_RANGE else float(cut.start) for cut in cuts]
    ends = [cut.end and float(cut.end) for cut in cuts]
    named = {
        START: pa.array(starts, pa.float64()),
        END: pa.array(
            [None if start is None else end for start, end in zip(starts, ends, strict=True)],
            pa.float64(),
        ),
        **{name: _column(table, name) for name in detail["whole"]},
    }
    offsets = pa.array([*(group.start for group in groups), len(cuts)], pa.int32())
    structs = pa.StructArray.from_arrays(list(named.values()), list(named))
    columns: dict[str, Any] = {SEGMENTS: pa.ListArray.from_arrays(offsets, structs)}
    joined, source = detail["joined"], detail.get("from")
    if joined is not None:
        texts = _column(table, joined).to_pylist()
        columns[joined] = pa.array(
            [_join(texts[group.start : group.stop]) for group in groups], pa.string()
        )
    if source is not None and source not in columns:
        columns[source] = table.column(source).take(firsts)
    names = [detail["audio"], *([] if joined is None else [joined]), SEGMENTS]
    clips = [detail["clips"][group.start] for group in groups]
    told = {key: value for key, value in detail.items() if key not in ("cuts", "unclear")}
    return pa.table(columns), {**told, "columns": names, "clips": clips}


def _keep(at: RepositoryAt, shard: Contents, text: str, names: frozenset[str]) -> Contents:
    """A planned shard of time ranges as one of recordings. names: columns that hold the ranges."""
    detail = json.loads(shard.detail) if shard.detail else {}
    if not detail.get("cuts"):
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: there are no time ranges to keep",
            why="`segments: keep` keeps those of Kaldi's `segments` or of a recipe, and this "
            "dataset has none of them",
            mend="say where they are, as segments: {start: begin_time, end: end_time, keep: true}",
        )
    audio = detail["audio"]
    left_out = {audio, detail.get("from"), START, END, *names}
    kept = [name for name in detail["columns"] if name not in left_out]
    types = {name: shard.schema.field(name).type for name in kept}
    joined = text if text in types and text != SEGMENTS and is_text(types[text]) else None
    struct = pa.struct([(START, pa.float64()), (END, pa.float64()), *types.items()])
    schema = pa.schema(
        [
            (audio, FILE_TYPE),
            *([] if joined is None else [(joined, pa.string())]),
            (SEGMENTS, pa.list_(struct)),
        ]
    )
    told = to_detail({**detail, "whole": kept, "joined": joined})
    return Contents(shard.files, len(_groups(detail["clips"])), schema, told)


def _groups(clips: Sequence[int | None]) -> list[range]:
    """The rows of each recording; a row without one is by itself."""
    groups: list[range] = []
    for row, clip in enumerate(clips):
        if groups and clip is not None and clip == clips[row - 1]:
            groups[-1] = range(groups[-1].start, row + 1)
        else:
            groups.append(range(row, row + 1))
    return groups


def _column(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(len(table), pa.string())
    column = table.column(name).combine_chunks()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _join(texts: Sequence[str | None]) -> str | None:
    found = [text.strip() for text in texts if text and text.strip()]
    return " ".join(found) or None
