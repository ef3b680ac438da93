"""Rows of parquet files that are time ranges of the recordings in them.

A row has one range, or lists of them: then it becomes a row for each, and the lists that hold
ranges and texts, and a list of structs with all of these, have their one value of it.

    audio  start  end  text                         segments: {start: start, end: end}
    audio  segments: [{start, end, text}, ...]      segments: {start: segments.start, end: ...}

`detail` of a shard:

    {"audio": "audio",                  the column of the recordings
     "ranges": {"start": "start", ...}, see `Ranges`
     "lists": ["segments"]}             the columns of lists, of which each row has one value
"""

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.audio.bad import failing_clip
from hugflow.audio.cut import Cut
from hugflow.clients.repository import PublishedFile
from hugflow.errors import RequestInvalid
from hugflow.lean_start import Late
from hugflow.redact import in_a_line
from hugflow.shards.arrow import FILE_TYPE, is_binary, is_list
from hugflow.shards.audio_warnings import audio_columns
from hugflow.shards.declared import declared_features
from hugflow.shards.layouts import parquet
from hugflow.shards.layouts.batch_size import BATCH_BYTES, BATCH_ROWS
from hugflow.shards.layouts.cut_rows import Ranges, refuse_missing, to_cut
from hugflow.shards.layouts.layout import (
    Contents,
    RepositoryAt,
    Split,
    look_at_each,
    no_sample,
    one_file_each,
    unreadable,
)
from hugflow.shards.layouts.parquet_file import read_group
from hugflow.shards.layouts.segments import Recordings
from hugflow.shards.plan import Shard, to_detail
from hugflow.shards.plan_request import PlanRequest
from hugflow.store.atomic import disk_errors

if TYPE_CHECKING:
    import pyarrow.compute as pc
else:
    pc = Late("pyarrow.compute")

NAME: Final = "parquet_cut"
native_reader: Final = parquet.native_reader
read_names = parquet.read_names
read_sample = no_sample
_CUT_BYTES: Final = (
    "name in audio_column a column that holds the recordings, or delete the line with segments"
)
_CANNOT_BE_READ = (pa.ArrowException, OSError)


def takes(path: str) -> bool:
    """Never: it is chosen for parquet files by the request's `segments`."""
    return False


def describe(at: RepositoryAt, files: Sequence[PublishedFile], request: PlanRequest) -> Split:
    """Each file by itself; raises RequestInvalid and ShardUnreadable."""
    bare: dict[str, set[str]] = {}
    look = partial(_look, bare=bare)
    split = look_at_each(at, one_file_each(files), look, part="footer")
    ranges = Ranges.of(request)
    if ranges is None:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: the segments name no columns",
            why="recordings in parquet are cut by columns of their rows",
            mend="name the columns, as segments: {start: begin_time, end: end_time}",
        )
    first = split.shards[0]
    audio = _choose_audio(at, first.schema, request)
    if all(audio in names for names in bare.values()):
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: the column {audio!r} only names its recordings",
            why="segments are cut of recordings in the parquet files, and its rows have no bytes",
            mend=_CUT_BYTES,
        )
    roots = [*dict.fromkeys(name.partition(".")[0] for name in ranges.names)]
    refuse_missing(at, first.files[0].path, first.schema, roots)
    lists = [name for name in roots if is_list(first.schema.field(name).type)]
    if lists and len(lists) < len(roots):
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: only one of {' and '.join(ranges.names)} is a list",
            why="a row has one time range, or as many begins as ends",
            mend="name two columns of numbers, or two of lists",
        )
    text = request.text_column.partition(".")[0]
    if lists and text in first.schema.names and is_list(first.schema.field(text).type):
        lists = [*dict.fromkeys([*lists, text])]
    detail = to_detail({"audio": audio, "ranges": ranges.to_json(), "lists": lists})
    shards = [
        Contents(each.files, None if lists else each.rows, _with_values(each.schema, lists), detail)
        for each in split.shards
    ]
    told = f"rows are time ranges of the recordings in {audio!r}"
    return Split(shards, (*split.warnings, told), audio, layout=NAME)


def count_rows(paths: Sequence[Path], shard: Shard) -> int:
    """The number of time ranges in a fetched file."""
    detail = json.loads(shard.detail)
    return sum(map(sum, _count_ranges(paths[0], shard, detail)))


def read_rows(
    paths: Sequence[Path],
    shard: Shard,
    *,
    columns: Sequence[str] | None,
    is_wanted: Callable[[range], bool],
) -> Iterator[tuple[range, pa.RecordBatch]]:
    """The rows of a fetched file in order; see `Layout`. Only recordings of wanted rows are cut."""
    [path] = paths
    detail = json.loads(shard.detail)
    counts = _count_ranges(path, shard, detail)
    if sum(map(sum, counts)) != shard.rows:
        raise unreadable(
            shard, f"it has {sum(map(sum, counts))} ranges, where {shard.rows} were counted"
        )
    ranges = Ranges.from_json(detail["ranges"])
    if ranges is None:
        raise AssertionError("a shard of this layout has ranges")
    roots = [name.partition(".")[0] for name in ranges.names]
    needed = None if columns is None else [*dict.fromkeys([*columns, *roots])]
    row = shard.first_row
    with Recordings(path.parent, shard) as recordings, disk_errors(path, "read"):
        metadata = pq.read_metadata(path)
        for group, of_group in enumerate(counts):
            rows = range(row, row + sum(of_group))
            row = rows.stop
            if not rows or not any(is_wanted(range(each, each + 1)) for each in rows):
                continue
            try:
                at = 0
                for batch in read_group(path, metadata, group, needed):
                    lengths = of_group[at : at + batch.num_rows]
                    at += batch.num_rows
                    source = _Source(shard, detail, ranges, recordings, batch, lengths)
                    yield from source.read(rows.start, columns, is_wanted)
                    rows = range(rows.start + sum(lengths), rows.stop)
            except _CANNOT_BE_READ as error:
                raise unreadable(shard, str(error)) from error


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows of a file as they are published, and the number of ranges of each."""

    shard: Shard
    detail: Mapping[str, Any]
    ranges: Ranges
    recordings: Recordings
    batch: pa.RecordBatch
    lengths: Sequence[int]

    def read(
        self, first: int, columns: Sequence[str] | None, is_wanted: Callable[[range], bool]
    ) -> Iterator[tuple[range, pa.RecordBatch]]:
        """The wanted rows, in batches. first: the number of the first row."""
        names = list(self.batch.schema.names if columns is None else columns)
        audio = self.detail["audio"]
        offsets = [0]
        for length in self.lengths:
            offsets.append(offsets[-1] + length)
        values = {name: self._values(name) for name in self.detail["lists"]}
        for at, length in enumerate(self.lengths):
            rows = range(first + offsets[at], first + offsets[at + 1])
            kept = [place for place, row in enumerate(rows) if is_wanted(range(row, row + 1))]
            clips = self._clips(at, offsets[at], length, values, kept) if audio in names else None
            for taken, sounds in _runs(kept, clips):
                arrays = []
                for name in names:
                    if name == audio:
                        arrays.append(pa.array(sounds, FILE_TYPE))
                    elif name in values:
                        picked = pa.array([offsets[at] + place for place in taken], pa.int64())
                        arrays.append(values[name].take(picked))
                    else:
                        same = pa.array([at] * len(taken), pa.int64())
                        arrays.append(self.batch.column(name).take(same))
                numbers = range(rows.start + taken[0], rows.start + taken[-1] + 1)
                yield numbers, pa.RecordBatch.from_arrays(arrays, names)
            if clips is not None:
                clips.close()

    def _values(self, name: str) -> pa.Array:
        """The values of a column of lists, one below the other."""
        column = self.batch.column(self.batch.schema.names.index(name))
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_pylist()
        if lengths != list(self.lengths):
            raise unreadable(self.shard, f"lists of {name!r} have other lengths than the ranges")
        return column.flatten()

    def _clips(
        self, at: int, offset: int, length: int, values: Mapping[str, pa.Array], kept: Sequence[int]
    ) -> Generator[dict[str, Any] | None, None, None]:
        """The pieces of the recording of one row; kept: the ranges that are read."""
        if not kept:
            return
        value = self.batch.column(self.detail["audio"])[at].as_py()
        told = value if isinstance(value, dict) else {"bytes": value, "path": None}
        if told.get("bytes") is None:
            for _ in kept:
                yield _uncut(told.get("path"))
            return
        cuts = self._cuts(at, offset, length, values)
        with self.recordings.cut(told["bytes"], cuts, kept) as pieces:
            for place in kept:
                yield {"bytes": pieces.read(place), "path": told.get("path")}

    def _cuts(self, at: int, offset: int, length: int, values: Mapping[str, pa.Array]) -> list[Cut]:
        if self.ranges.start is None:
            return [Cut("0", None, self.ranges.channel)] * length
        starts, others = (
            self._numbers(name, at, offset, length, values) for name in self.ranges.names
        )
        return [
            to_cut(start, other, self.ranges) for start, other in zip(starts, others, strict=True)
        ]

    def _numbers(
        self, name: str, at: int, offset: int, length: int, values: Mapping[str, pa.Array]
    ) -> list[Any]:
        root, *fields = name.split(".")
        is_list = root in values
        array = (
            values[root].slice(offset, length) if is_list else self.batch.column(root)[at : at + 1]
        )
        found: list[Any] = array.to_pylist()
        for field in fields:
            found = [each.get(field) if isinstance(each, dict) else None for each in found]
        return found


def _uncut(path: str | None) -> dict[str, Any] | None:
    """The clip of a row whose recording is not in the file: the file of `path` would be whole."""
    if not path:
        return None
    message = f"its recording is the file {path!r}, of which no segments are cut"
    return {"bytes": failing_clip("audio_unsupported", message), "path": path}


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
        size += len((sounds[-1] or {}).get("bytes") or b"")
    if places:
        yield places, sounds


def _count_ranges(path: Path, shard: Shard, detail: Mapping[str, Any]) -> list[list[int]]:
    """The number of ranges of each row, by row group."""
    try:
        with disk_errors(path, "read"), pq.ParquetFile(path) as file:
            found: list[list[int]] = []
            for group in range(file.metadata.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if not detail["lists"]:
                    found.append([1] * rows)
                    continue
                column = file.read_row_group(group, columns=detail["lists"][:1]).column(0)
                found.append(pc.fill_null(pc.list_value_length(column), 0).to_pylist())
            return found
    except _CANNOT_BE_READ as error:
        raise unreadable(shard, str(error)) from error


def _choose_audio(at: RepositoryAt, schema: pa.Schema, request: PlanRequest) -> str:
    """The column of the recordings: the asked one, or the only one; raises RequestInvalid."""
    found = list(audio_columns(schema))
    name = request.audio_column
    if name not in schema.names and "audio_column" not in request.asked and found:
        name = found[0]
    if name not in schema.names or request.audio_columns[1:]:
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: no single column holds the recordings to cut",
            why=f"segments cut one column of audio, and the columns are "
            f"{', '.join(map(repr, schema.names))}",
            mend="name it, as audio_column: recording",
        )
    if not _holds_bytes(schema.field(name).type):
        raise RequestInvalid(
            f"{at.repo}@{at.commit[:7]}: the column {name!r} holds no bytes of recordings to cut",
            why=f"segments are cut of bytes, or of a struct that has them in the field 'bytes', "
            f"and its type is {in_a_line(str(schema.field(name).type))}",
            mend=_CUT_BYTES,
        )
    return name


def _holds_bytes(type_: pa.DataType) -> bool:
    if pa.types.is_struct(type_):
        at = type_.get_field_index("bytes")
        return at >= 0 and is_binary(type_.field(at).type)
    return is_binary(type_)


def _look(
    at: RepositoryAt, files: tuple[PublishedFile, ...], bare: dict[str, set[str]]
) -> Contents:
    """What `parquet.look` tells. bare: takes the columns of each file that have only paths."""

    def check(read: pq.ParquetFile) -> None:
        bare[files[0].path] = _bare_columns(read.metadata)

    return parquet.look(at, files, check)


def _bare_columns(metadata: pq.FileMetaData) -> set[str]:
    """The columns whose field `bytes` is null in each row, as the footer says."""
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    columns = [group.column(n) for group in groups for n in range(group.num_columns)]
    found: dict[str, bool] = {}
    for column in columns:
        name, _, field = column.path_in_schema.rpartition(".")
        if field == "bytes":
            about = column.statistics
            is_bare = about is not None and about.has_null_count and not about.num_values
            found[name] = found.get(name, True) and is_bare
    return {name for name, is_bare in found.items() if is_bare}


def _with_values(schema: pa.Schema, lists: Sequence[str]) -> pa.Schema:
    """The schema with the values of the lists in the place of the lists."""
    if not lists:
        return schema
    fields = [
        pa.field(field.name, field.type.value_type) if field.name in lists else field
        for field in schema
    ]
    declared = declared_features(schema)
    told = {name: each for name, each in declared.items() if name not in lists}
    metadata = {b"huggingface": json.dumps({"info": {"features": told}}).encode()}
    return pa.schema(fields, metadata if declared else None)
