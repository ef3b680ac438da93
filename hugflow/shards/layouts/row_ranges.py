"""Rows that are time ranges of the recordings in the rows of another layout.

A row has one range, or lists of them: then it becomes a row for each, and the lists that hold
ranges and texts, and a list of structs with all of these, have their one value of it.

    audio  start  end  text                         segments: {start: start, end: end}
    audio  segments: [{start, end, text}, ...]      segments: {start: segments.start, end: ...}

A row whose lists differ in length is one row, which fails. `detail` of a shard:

    {"audio": "audio",                  the column of the recordings
     "ranges": {"start": "start", ...}, see `Ranges`
     "lists": ["segments"],             of which each row has one value; see `list_values`
     "columns": ["a.b"],                those with ranges and lists, if their names have dots
     "rows": "{...}"}                   the detail of the other layout, if it has one
"""

import json
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa

from hugflow.amounts import count
from hugflow.audio.cut import Cut
from hugflow.clients.hub import ReadBudget
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.shards.arrow import is_binary
from hugflow.shards.audio_warnings import audio_columns
from hugflow.shards.declared import declared_features
from hugflow.shards.failed_clips import FailedClip, size_of, to_clips
from hugflow.shards.layouts.batch_size import BATCH_BYTES, BATCH_ROWS
from hugflow.shards.layouts.cut_rows import Ranges, refuse_missing, to_cut
from hugflow.shards.layouts.layout import (
    Contents,
    Layout,
    RepositoryAt,
    SampledRows,
    Split,
    unreadable,
)
from hugflow.shards.layouts.list_values import FieldPlace, RowLists, locate, value_type
from hugflow.shards.layouts.registry import find_layout
from hugflow.shards.layouts.segments import Recordings
from hugflow.shards.plan import Shard, to_detail
from hugflow.shards.plan_request import PlanRequest

log = logging.getLogger(__name__)

CUT_BYTES: Final = (
    "name in audio_column a column that holds the recordings, or delete the line with segments"
)


class RowRanges:
    """A `Layout` of the time ranges in the rows of another one."""

    def __init__(self, of: str) -> None:
        """of: the name of the other layout."""
        self.name, self._of = f"{of}_cut", of

    @property
    def native_reader(self) -> str | None:
        """That of the other layout."""
        return self._layout.native_reader

    def takes(self, path: str) -> bool:
        """Never: it is chosen by the request's `segments`."""
        return False

    def describe(
        self, at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest
    ) -> Split:
        """The split of the other layout; raises RequestInvalid and ShardUnreadable."""
        what, ranges = f"{at.repo}@{at.commit[:7]}", Ranges.of(request)
        split, bare = self.describe_rows(at, files, request)
        if split.layout is not None:
            # A third layout reads the files, and the time ranges.
            return split
        if ranges is None:
            raise RequestInvalid(
                f"{what}: the segments name no columns",
                why="recordings in rows are cut by columns of these rows",
                mend="name the columns, as segments: {start: begin_time, end: end_time}",
            )
        first = split.shards[0]
        audio = _choose_audio(what, first.schema, request, split.audio_column)
        if audio in bare:
            raise RequestInvalid(
                f"{what}: the column {audio!r} only names its recordings",
                why="segments are cut of recordings in the files, and its rows have no bytes",
                mend=CUT_BYTES,
            )
        text = request.text_column
        if split.text_column is not None and "text_column" not in request.asked:
            text = split.text_column
        lists = _find_lists(at, first, ranges, text)
        told = f"rows are time ranges of the recordings in {audio!r}"
        return replace(
            split,
            shards=[_to_ranges(each, audio, ranges, lists) for each in split.shards],
            warnings=(*split.warnings, told),
            audio_column=audio,
            layout=self.name,
            listed_rows=None,
        )

    def describe_rows(
        self, at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest
    ) -> tuple[Split, frozenset[str]]:
        """The split of the other layout, and the columns that surely hold no bytes."""
        return self._layout.describe(at, files, request), frozenset()

    def read_names(self, at: RepositoryAt, files: tuple[PublishedFile, ...]) -> pa.Array:
        """Those of the other layout."""
        return self._layout.read_names(at, files)

    def read_sample(
        self,
        at: RepositoryAt,
        files: tuple[PublishedFile, ...],
        budget: ReadBudget,
        *,
        audio_column: str | None,
        text_column: str | None,
    ) -> SampledRows | None:
        """None: estimates do without."""
        return None

    def count_rows(self, paths: Sequence[Path], shard: Shard) -> int:
        """The number of time ranges in a fetched shard."""
        detail = _Detail.of(shard)
        if not detail.lists:
            return self._layout.count_rows(paths, detail.other)
        counts = [*self._count_ranges(paths, shard, detail)]
        if bare := counts.count(0):
            log.warning("%s: without a time range: %s", in_a_line(shard.label), count(bare, "row"))
        return sum(counts)

    def read_rows(
        self,
        paths: Sequence[Path],
        shard: Shard,
        *,
        columns: Sequence[str] | None,
        is_wanted: Callable[[range], bool],
    ) -> Iterator[tuple[range, pa.RecordBatch]]:
        """The rows of a fetched shard; see `Layout`. Only recordings of wanted rows are cut."""
        detail = _Detail.of(shard)
        starts: list[int] | None = None
        if detail.lists:
            starts = [0, *accumulate(self._count_ranges(paths, shard, detail))]
            if starts[-1] != shard.rows:
                why = f"it has {starts[-1]} ranges, where {shard.rows} were counted"
                raise unreadable(shard, why)

        def number_of(row: int) -> int:
            return shard.first_row + (row if starts is None else starts[row])

        def is_any_wanted(rows: range) -> bool:
            ranges = range(number_of(rows.start), number_of(rows.stop))
            return any(is_wanted(range(each, each + 1)) for each in ranges)

        needed = None if columns is None else [*dict.fromkeys([*columns, *detail.columns])]
        other = detail.other if starts is not None else replace(detail.other, rows=shard.rows)
        with Recordings(paths[0].parent, shard) as recordings:
            for rows, batch in self._layout.read_rows(
                paths, other, columns=needed, is_wanted=is_any_wanted
            ):
                source = _Source(shard, detail, recordings, _lists_of(shard, detail, batch))
                yield from source.read(number_of(rows.start), columns, is_wanted)

    @property
    def _layout(self) -> Layout:
        return find_layout(self._of)

    def _count_ranges(
        self, paths: Sequence[Path], shard: Shard, detail: "_Detail"
    ) -> Iterator[int]:
        """The number of time ranges of each row; a row whose lists differ in length is one."""
        for _, batch in self._layout.read_rows(
            paths, detail.other, columns=detail.columns, is_wanted=lambda rows: True
        ):
            lengths = _lists_of(shard, detail, batch).lengths
            yield from (1 if length is None else length for length in lengths)


# A plan keeps the names of layouts, so that of parquet is as it was before there were others.
WEBDATASET: Final = RowRanges("webdataset")
ARROW: Final = RowRanges("arrow")


@dataclass(frozen=True, slots=True)
class _Detail:
    """What a shard's detail says. columns: those that hold the ranges and lists.

    other: the shard as the other layout reads it, with its rows from 0.
    """

    audio: str
    ranges: Ranges
    lists: list[str]
    columns: list[str]
    other: Shard

    @classmethod
    def of(cls, shard: Shard) -> Self:
        told = json.loads(shard.detail)
        ranges = Ranges.from_json(told["ranges"])
        if ranges is None:
            raise AssertionError("a shard of this layout has ranges")
        names = [*told["lists"], *ranges.names]
        other = replace(shard, first_row=0, rows=None, detail=told.get("rows", ""))
        columns = told.get("columns", [_root(name) for name in names])
        return cls(told["audio"], ranges, told["lists"], [*dict.fromkeys(columns)], other)


def _root(name: str) -> str:
    return name.partition(".")[0]


def _lists_of(shard: Shard, detail: _Detail, batch: pa.RecordBatch) -> RowLists:
    try:
        return RowLists.of(batch, detail.lists)
    except ValueError as error:
        raise unreadable(shard, str(error)) from error


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows of a batch as they are published."""

    shard: Shard
    detail: _Detail
    recordings: Recordings
    lists: RowLists

    def read(
        self, first: int, columns: Sequence[str] | None, is_wanted: Callable[[range], bool]
    ) -> Iterator[tuple[range, pa.RecordBatch]]:
        """The wanted rows, in batches. first: the number of the first row."""
        batch, audio = self.lists.batch, self.detail.audio
        names = list(batch.schema.names if columns is None else columns)
        for at, length in enumerate(self.lists.lengths):
            rows = range(first, first + (1 if length is None else length))
            first = rows.stop
            kept = [place for place, row in enumerate(rows) if is_wanted(range(row, row + 1))]
            clips = self._clips(at, kept) if audio in names else None
            for taken, sounds in _runs(kept, clips):
                arrays = [
                    to_clips(sounds) if name == audio else self.lists.column(name, at, taken)
                    for name in names
                ]
                numbers = range(rows.start + taken[0], rows.start + taken[-1] + 1)
                yield numbers, pa.RecordBatch.from_arrays(arrays, names)
            if clips is not None:
                clips.close()

    def _clips(self, at: int, kept: Sequence[int]) -> Generator[dict[str, Any] | None, None, None]:
        """The pieces of the recording of one row; kept: the ranges that are read."""
        if not kept:
            return
        value = self.lists.batch.column(self.detail.audio)[at].as_py()
        told = value if isinstance(value, dict) else {"bytes": value, "path": None}
        path = told.get("path")
        if self.lists.lengths[at] is None:
            named = " and ".join(map(repr, self.detail.lists))
            message = f"its lists {named} differ in length"
            yield {"bytes": FailedClip("lists_differ", message), "path": path}
            return
        if told.get("bytes") is None:
            for _ in kept:
                yield _uncut(path)
            return
        with self.recordings.cut(told["bytes"], self._cuts(at), kept) as pieces:
            for place in kept:
                yield {"bytes": pieces.read(place), "path": path}

    def _cuts(self, at: int) -> list[Cut]:
        ranges = self.detail.ranges
        if ranges.start is None:
            return [Cut("0", None, ranges.channel)]
        starts, others = (self.lists.values(self._place(name), at) for name in ranges.names)
        return [to_cut(start, other, ranges) for start, other in zip(starts, others, strict=True)]

    def _place(self, name: str) -> FieldPlace:
        place = locate(self.lists.batch.schema, name)
        if place is None:
            raise unreadable(self.shard, f"there is no column {name!r}")
        return place


def _uncut(path: str | None) -> dict[str, Any] | None:
    """The clip of a row whose recording is not in the file: the file of `path` would be whole."""
    if not path:
        return None
    message = f"its recording is the file {path!r}, of which no segments are cut"
    return {"bytes": FailedClip("audio_unsupported", message), "path": path}


def _runs(
    kept: Sequence[int], clips: Iterator[dict[str, Any] | None] | None
) -> Iterator[tuple[list[int], list[dict[str, Any] | None]]]:
    """Consecutive kept places with their clips, about BATCH_BYTES and at most BATCH_ROWS."""
    places: list[int] = []
    sounds: list[dict[str, Any] | None] = []
    size = 0
    for place in kept:
        is_full = size > BATCH_BYTES or len(places) == BATCH_ROWS
        if places and (is_full or place != places[-1] + 1):
            yield places, sounds
            places, sounds, size = [], [], 0
        places.append(place)
        sounds.append(None if clips is None else next(clips))
        size += size_of((sounds[-1] or {}).get("bytes"))
    if places:
        yield places, sounds


def _find_lists(at: RepositoryAt, first: Contents, ranges: Ranges, text: str) -> list[str]:
    """The lists of which each value is a row; raises RequestInvalid."""
    places = [locate(first.schema, name) for name in ranges.names]
    missing = [name for name, place in zip(ranges.names, places, strict=True) if place is None]
    refuse_missing(at, first.files[0].path, first.schema, missing)
    found = [place.list for place in places if place is not None]
    lists = [*dict.fromkeys(name for name in found if name is not None)]
    if lists and None in found:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: only one of {' and '.join(ranges.names)} is a list",
            why="a row has one time range, or as many begins as ends",
            mend="name two columns of numbers, or two of lists",
        )
    texts = locate(first.schema, text)
    if lists and texts is not None and texts.list is not None:
        lists = [*dict.fromkeys([*lists, texts.list])]
    return lists


def _to_ranges(each: Contents, audio: str, ranges: Ranges, lists: list[str]) -> Contents:
    """A planned shard of recordings as one of time ranges."""
    detail: dict[str, Any] = {"audio": audio, "ranges": ranges.to_json(), "lists": lists}
    names = [*lists, *ranges.names]
    places = (locate(each.schema, name) for name in names)
    columns = [place.column for place in places if place is not None]
    if columns != [_root(name) for name in names]:
        detail["columns"] = columns
    if each.detail:
        detail["rows"] = each.detail
    rows = None if lists else each.rows
    return Contents(each.files, rows, _with_values(each.schema, lists), to_detail(detail))


def _choose_audio(what: str, schema: pa.Schema, request: PlanRequest, usual: str | None) -> str:
    """The column of the recordings: the asked one, or the only one; raises RequestInvalid."""
    found = list(audio_columns(schema))
    name = request.audio_column
    if name not in schema.names and "audio_column" not in request.asked and (usual or found):
        name = usual or found[0]
    if name not in schema.names or request.audio_columns[1:]:
        raise RequestInvalid(
            f"{what}: no single column holds the recordings to cut",
            why=f"segments cut one column of audio, and the columns are "
            f"{', '.join(map(repr, schema.names))}",
            mend="name it, as audio_column: recording",
        )
    if not _holds_bytes(schema.field(name).type):
        raise RequestInvalid(
            f"{what}: the column {name!r} holds no bytes of recordings to cut",
            why=f"segments are cut of bytes, or of a struct that has them in the field 'bytes', "
            f"and its type is {in_a_line(str(schema.field(name).type))}",
            mend=CUT_BYTES,
        )
    return name


def _holds_bytes(type_: pa.DataType) -> bool:
    if pa.types.is_struct(type_):
        at = type_.get_field_index("bytes")
        return at >= 0 and is_binary(type_.field(at).type)
    return is_binary(type_)


def _with_values(schema: pa.Schema, lists: Sequence[str]) -> pa.Schema:
    """The schema with the values of the lists in the place of the lists."""
    if not lists:
        return schema
    types = {field.name: field.type for field in schema}
    changed = set()
    for name in lists:
        place = locate(schema, name)
        if place is not None:
            types[place.column] = value_type(types[place.column], place.fields)
            changed.add(place.column)
    fields = [pa.field(name, type_) for name, type_ in types.items()]
    declared = declared_features(schema)
    told = {name: each for name, each in declared.items() if name not in changed}
    metadata = {b"huggingface": json.dumps({"info": {"features": told}}).encode()}
    return pa.schema(fields, metadata if declared else None)
