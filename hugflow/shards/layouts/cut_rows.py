"""Which rows are time ranges of longer clips, and in which order they are made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final, Self

import pyarrow as pa

from hugflow.amounts import count
from hugflow.audio.cut import NO_RANGE, Cut, to_seconds
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.requests.segments import SegmentSpec
from hugflow.shards.arrow import is_text
from hugflow.shards.layouts.layout import RepositoryAt
from hugflow.shards.plan_request import PlanRequest, form_of, segments_of

# Layouts whose clips are files, so that a long one can be cut.
CUT_LAYOUTS: Final = frozenset({"table", "audio_folder", "kaldi"})
# How a warning begins that says so.
CUT_WARNING: Final = "rows are time ranges"
# Layouts whose rows can name a time range of their own clip.
ROW_LAYOUTS: Final = frozenset({"table_archives", "parquet", "webdataset", "arrow"})
# Columns that usually hold time ranges: the begin, the other one, and what `segments` calls it.
_USUAL_RANGES: Final = (
    ("offset", "duration", "duration"),
    ("start", "end", "end"),
    ("begin", "end", "end"),
    ("start_time", "end_time", "end"),
    ("begin_time", "end_time", "end"),
    ("start", "duration", "duration"),
    ("start_time", "duration", "duration"),
)


@dataclass(frozen=True, slots=True)
class Ranges:
    """The columns of a table that hold time ranges; start None: each row is its whole clip.

    channel: from 0, None for all.
    """

    start: str | None
    end: str | None
    duration: str | None
    channel: int | None

    @classmethod
    def of(cls, request: PlanRequest) -> Self | None:
        """What a request, or its form, says; None if rows are whole clips."""
        spec, form = segments_of(request) or SegmentSpec(), form_of(request)
        found = cls(spec.start, spec.end, spec.duration, spec.channel)
        if found.start is None and form is not None and form.start is not None:
            found = cls(form.start, form.end, None, spec.channel)
        return None if found.start is None and found.channel is None else found

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Self | None:
        """What `to_json` gave."""
        return None if value is None else cls(**value)

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    @property
    def names(self) -> list[str]:
        """The columns."""
        return [name for name in (self.start, self.end, self.duration) if name is not None]


def refuse_uncut(request: PlanRequest, layout: str, what: str) -> None:
    """Raise RequestInvalid if a request asks for time ranges in a layout that is not cut.

    what: the repository at its commit.
    """
    spec = segments_of(request)
    if spec is None or layout in CUT_LAYOUTS:
        return
    if layout not in ROW_LAYOUTS:
        raise RequestInvalid(
            f"{what}: segments are not cut of the layout {layout}",
            why=f"recordings are cut in the layouts {', '.join(sorted(CUT_LAYOUTS | ROW_LAYOUTS))}",
            mend="delete the line with segments, or name such files in `source`",
        )
    if spec.keep or spec.beside is not None:
        asked = "keep" if spec.keep else f"beside: {spec.beside}"
        raise RequestInvalid(
            f"{what}: segments with {asked} are not read of the layout {layout}",
            why="recordings in archives and in rows are cut by columns of their rows",
            mend="name the columns, as segments: {start: begin_time, end: end_time}",
        )


def cut_rows(
    at: RepositoryAt,
    file: PublishedFile,
    read: pa.Table,
    ranges: Ranges,
    named: Sequence[PublishedFile | None],
    kept: Sequence[int] | None,
) -> tuple[list[int], list[Cut | None]]:
    """The order of the rows of a table that are time ranges, and the ranges in that order.

    named: the clip of each row. kept: the rows in the table; None for all.
    A recording is decoded once, so its rows come together, by their begin.
    Raises RequestInvalid.
    """
    if ranges.start is None:
        return list(range(len(named))), [Cut("0", None, ranges.channel)] * len(named)
    cuts = fetched_cuts(at, file, read, ranges, kept)
    order = in_order(named, cuts)
    return order, [cuts[place] for place in order]


def fetched_cuts(
    at: RepositoryAt,
    file: PublishedFile,
    read: pa.Table,
    ranges: Ranges,
    kept: Sequence[int] | None = None,
) -> list[Cut]:
    """The time ranges of the rows of a published table; raises RequestInvalid."""
    refuse_missing(at, file.path, read.schema, ranges.names)
    return read_cuts(read, ranges, range(len(read)) if kept is None else kept)


def warn_of_uncut(schema: pa.Schema) -> list[str]:
    """A warning for columns that look like time ranges, where rows are whole clips."""
    numbers = {
        field.name
        for field in schema
        if is_text(field.type)
        or pa.types.is_floating(field.type)
        or pa.types.is_integer(field.type)
    }
    for start, other, key in _USUAL_RANGES:
        if {start, other} <= numbers:
            return [
                f"rows are whole clips, though {start!r} and {other!r} look like their time ranges; "
                f"to cut them, set segments: {{start: {start}, {key}: {other}}}"
            ]
    return []


def warn_of_empty(at: RepositoryAt, cuts: Iterable[Cut | None]) -> list[str]:
    """A warning of rows without a valid time range; raises RequestInvalid if all are so."""
    found = [cut for cut in cuts if cut is not None]
    empty = sum(cut.is_empty for cut in found)
    if empty and empty == len(found):
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: no row has a valid time range",
            why="begin and end have to be seconds from 0, and the end behind the begin",
            mend="name in `segments` the columns that hold begin and end in seconds",
        )
    return [f"without a valid time range: {count(empty, 'row')}"] if empty else []


def refuse_missing(at: RepositoryAt, path: str, schema: pa.Schema, names: Sequence[str]) -> None:
    """Raise RequestInvalid if there is no column for the time ranges."""
    missing = [name for name in names if name not in schema.names]
    if missing:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: {path!r} has no column {missing[0]!r}",
            why=f"its rows are said to be time ranges; it has the columns "
            f"{', '.join(map(repr, schema.names))}",
            mend="name the columns that hold begin and end in seconds",
        )


def read_cuts(table: pa.Table, ranges: Ranges, rows: Sequence[int]) -> list[Cut]:
    """The time ranges of some rows of a table; raises ValueError if there is no such column."""
    if ranges.start is None:
        return [Cut("0", None, ranges.channel)] * len(rows)
    lacking = [name for name in ranges.names if name not in table.column_names]
    if lacking:
        raise ValueError(f"there is no column {lacking[0]!r}")
    starts, others = (table.column(name).to_pylist() for name in ranges.names)
    return [to_cut(starts[row], others[row], ranges) for row in rows]


def to_cut(start: object, other: object, ranges: Ranges) -> Cut:
    """A time range of two values of a row: its begin, and its end or duration.

    NO_RANGE if one of them is no number of seconds.
    """
    try:
        begin, second = to_seconds(start), to_seconds(other)
    except ValueError:
        return NO_RANGE
    end = second if ranges.duration is None else str(Decimal(begin) + Decimal(second))
    return Cut(begin, end, ranges.channel)


def in_order(clips: Sequence[PublishedFile | None], cuts: Sequence[Cut]) -> list[int]:
    """The places of time ranges, by recording and then by begin."""
    paths = ["" if clip is None else clip.path for clip in clips]
    return sorted(range(len(cuts)), key=lambda place: (paths[place], cuts[place].order))
