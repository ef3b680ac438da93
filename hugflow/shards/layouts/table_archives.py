"""Tables whose rows name members of archives (tar, tar.gz, zip) of the same repository.

Each archive is a shard, whose files are the archive, or its parts, and then the tables. Its rows are
the members that a table names, in the archive's order; they are known once it is fetched. A member
means the rows whose word is its path, or ends with it, or is its name without ending. If there is
only one archive, rows without a member come last, and fail. A word that fits members in several
folders is unclear, unless it is the path of the first, and its row fails. `detail` of a shard:

    {"tables": ["train.tsv"], "headers": [true], "from": "path", "audio": "audio",
     "columns": ["audio", "path", "sentence"], "rename": {}, "is_alone": true,
     "lines": [5],                      if there are several archives: the rows of each table
     "archive": "clips.zip", "parts": 3,  if the archive is in parts: its path as one file
     "by_archive": true,                if folders in the words are names of archives
     "form": {"header": ["id", "text"]},  what a recipe or the request says of the tables
     "ranges": {"start": "begin", ...},   if rows are time ranges of members; see `Ranges`
     "inside": {...}}                   if the tables are in the archive; see `inner_tables`
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from hugflow.audio.cut import Cut
from hugflow.requests.sources import TableForm
from hugflow.shards.failed_clips import ClipBytes, FailedClip, size_of, to_clips, unclear_clip
from hugflow.shards.layouts.archive_plans import NAME, describe, describe_beside
from hugflow.shards.layouts.archives import (
    Read,
    is_archive,
    walk,
)
from hugflow.shards.layouts.batch_size import BATCH_BYTES, BATCH_ROWS
from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.layouts.cut_rows import Ranges, read_cuts
from hugflow.shards.layouts.inner_tables import (
    is_inner_clip,
    read_inner_tables,
)
from hugflow.shards.layouts.last_table import read_table_of
from hugflow.shards.layouts.layout import (
    no_names,
    no_sample,
    unreadable,
)
from hugflow.shards.layouts.left_out import LeftOut
from hugflow.shards.layouts.member_words import (
    ExactMembers,
    WordLines,
    clip_lines,
    find_unclear,
    without_ending,
)
from hugflow.shards.layouts.segments import Recordings, missing_recording
from hugflow.shards.layouts.split_archives import is_part
from hugflow.shards.layouts.tables import (
    TableUnreadable,
    conform,
    is_table,
    join_schemas,
)
from hugflow.shards.layouts.tar_members import ArchiveDamaged
from hugflow.shards.plan import Shard
from hugflow.shards.stems import to_filenames
from hugflow.shards.taken_lines import note_taken
from hugflow.store.atomic import disk_errors

__all__ = [
    "NAME",
    "count_rows",
    "describe",
    "describe_beside",
    "listed_rows",
    "native_reader",
    "read_names",
    "read_rows",
    "read_sample",
    "takes",
]

native_reader: Final = None
read_names = no_names
read_sample = no_sample


def takes(path: str) -> bool:
    """Whether the path is that of an archive or a table; the registry asks other layouts first."""
    return is_archive(path) or is_part(path) or is_table(path)


def listed_rows(shard: Shard) -> list[tuple[str, int]]:
    """The tables beside several archives, with their numbers of rows; empty if a plan is older."""
    detail = json.loads(shard.detail or "{}")
    return list(zip(detail.get("tables", ()), detail.get("lines", ()), strict=False))


def count_rows(paths: Sequence[Path], shard: Shard) -> int:
    """The number of rows of a fetched archive; the log says what was left out of it."""
    detail, left_out = json.loads(shard.detail), LeftOut()
    table = _read_tables(paths, shard, detail)
    cuts = _cuts(table, shard, detail)
    rows = sum(len(lines) for lines, _, _ in _matches(paths, shard, detail, table, left_out, cuts))
    left_out.tell(_archive(shard, detail))
    return rows


def read_rows(
    paths: Sequence[Path],
    shard: Shard,
    *,
    columns: Sequence[str] | None,
    is_wanted: Callable[[range], bool],
) -> Iterator[tuple[range, pa.RecordBatch]]:
    """The rows of a fetched archive in order; see `Layout`. Unwanted members are not read."""
    detail = json.loads(shard.detail)
    table = _read_tables(paths, shard, detail)
    names: Sequence[str] = detail["columns"] if columns is None else list(columns)
    has_audio = detail["audio"] in names
    words = _words(table, detail)
    unclear = _find_unclear(paths, shard, detail, words) if has_audio else {}
    lines: list[int] = []
    clips: list[dict[str, Any]] = []
    first, size = shard.first_row, 0

    def batch() -> tuple[range, pa.RecordBatch]:
        part = table.take(pa.array(lines, pa.int64()))
        arrays = [
            to_clips(clips) if name == detail["audio"] else _column(part, name) for name in names
        ]
        found = range(first, first + len(lines)), pa.RecordBatch.from_arrays(arrays, list(names))
        lines.clear()
        clips.clear()
        return found

    cuts = _cuts(table, shard, detail)
    row = shard.first_row
    with Recordings(paths[0].parent, shard) as recordings:
        for meant, member, read in _matches(paths, shard, detail, table, LeftOut(), cuts):
            rows = range(row, row + len(meant))
            row = rows.stop
            are_kept = [is_wanted(range(each, each + 1)) for each in rows]
            wanted = zip(meant, are_kept, strict=True)
            kept = [
                at for at, (line, is_kept) in enumerate(wanted) if is_kept and line not in unclear
            ]
            of_member = None if cuts is None else [cuts[line] for line in meant]
            opened = read if has_audio else None
            with _open_clip(recordings, opened, of_member, kept) as read_clip:
                for at, (line, is_kept) in enumerate(zip(meant, are_kept, strict=True)):
                    is_full = len(lines) == BATCH_ROWS or size > BATCH_BYTES
                    if lines and (not is_kept or is_full):
                        yield batch()
                        size = 0
                    if not is_kept:
                        continue
                    first = first if lines else rows[at]
                    lines.append(line)
                    why = unclear.get(line)
                    path = words[line] if why is not None else member or words[line]
                    data: ClipBytes = why or read_clip(at)
                    if data is None and has_audio and cuts is not None and path:
                        # A file of this path in the repository would be made whole.
                        data = missing_recording(path)
                    size += size_of(data)
                    clips.append({"bytes": data, "path": path})
    if lines:
        yield batch()
    if row - shard.first_row != shard.rows:
        raise unreadable(
            shard, f"it has {row - shard.first_row} rows, where {shard.rows} were counted"
        )


@contextmanager
def _open_clip(
    recordings: Recordings, read: Read | None, cuts: Sequence[Cut] | None, kept: Sequence[int]
) -> Iterator[Callable[[int], ClipBytes]]:
    """Reads the clip of a row of one member, or its piece; the argument is a place in `cuts`.

    read: reads the member; None if it is not there, or not wanted.
    """
    if read is None or not kept:
        yield lambda at: None
    elif cuts is None:
        once = cache(read)
        yield lambda at: once()
    else:
        with recordings.cut(read(), cuts, kept) as pieces:
            yield pieces.read


def _cuts(table: pa.Table, shard: Shard, detail: Mapping[str, Any]) -> list[Cut] | None:
    """The time range of each line of the tables; None if rows are whole members."""
    ranges = Ranges.from_json(detail.get("ranges"))
    if ranges is None:
        return None
    try:
        return read_cuts(table, ranges, range(len(table)))
    except ValueError as error:
        raise unreadable(shard, str(error)) from error


def _archive(shard: Shard, detail: Mapping[str, Any]) -> str:
    """The path of the archive in the repository, as one file."""
    path: str = detail.get("archive", shard.files[0].path)
    return path


def _read_inside(paths: Sequence[Path], shard: Shard, detail: Mapping[str, Any]) -> pa.Table:
    """The rows of the tables in an archive, with the planned names."""
    try:
        with disk_errors(paths[0], "read"):
            table = read_inner_tables(paths, _archive(shard, detail), detail)
    except (TableUnreadable, ArchiveDamaged) as error:
        raise unreadable(shard, str(error)) from error
    rename = detail["rename"]
    table = table.rename_columns([rename.get(name, name) for name in table.column_names])
    key = rename.get(detail["from"], detail["from"])
    needed = [name for name in detail["columns"] if name != detail["audio"]]
    lacking = [name for name in (key, *needed) if name not in table.column_names]
    if lacking:
        raise unreadable(shard, f"its table lacks the column {lacking[0]!r}, which was planned")
    return table


def _read_tables(paths: Sequence[Path], shard: Shard, detail: Mapping[str, Any]) -> pa.Table:
    """The rows of all tables, with the planned names, one below the other."""
    if "inside" in detail:
        return _read_inside(paths, shard, detail)
    read = []
    form = TableForm.from_json(detail.get("form", {}))
    first = detail.get("parts", 1)
    tables = zip(shard.files[first:], paths[first:], detail["headers"], strict=True)
    for file, path, has_header in tables:
        try:
            with disk_errors(path, "read"):
                read.append(read_table_of(file, path, has_header=has_header, form=form))
        except TableUnreadable as error:
            raise unreadable(shard, str(error)) from error
    schema = join_schemas([table.schema for table in read], detail["tables"])
    table = pa.concat_tables(
        [conform(each, schema) for each in read], promote_options="permissive"
    ).combine_chunks()
    rename = detail["rename"]
    return table.rename_columns([rename.get(name, name) for name in table.column_names])


def _words(table: pa.Table, detail: Mapping[str, Any]) -> list[str | None]:
    name = detail["from"]
    return to_filenames(table.column(detail["rename"].get(name, name)))


def _matches(
    paths: Sequence[Path],
    shard: Shard,
    detail: Mapping[str, Any],
    table: pa.Table,
    left_out: LeftOut,
    cuts: Sequence[Cut] | None = None,
) -> Iterator[tuple[Sequence[int], str | None, Read | None]]:
    """The rows of an archive, as (lines of the tables, their member, function that reads it).

    cuts: of each line; lines of one member are in their order.
    """
    words = _words(table, detail)
    is_taken = bytearray(len(words))
    for member, read, lines in _members(paths, shard, detail, words, left_out):
        free = [line for line in lines if not is_taken[line]]
        if lines and not free:
            left_out.add("are named by rows that have a clip already", member)
        for line in free:
            is_taken[line] = 1
        if cuts is not None:
            free.sort(key=lambda line: cuts[line].order)
        if free:
            yield free, member, _named(shard, read)
    if "lines" in detail:
        note_taken(is_taken)
    if detail["is_alone"]:
        for line in range(len(words)):
            if not is_taken[line]:
                yield [line], None, None


def _members(
    paths: Sequence[Path],
    shard: Shard,
    detail: Mapping[str, Any],
    words: Sequence[str | None],
    left_out: LeftOut,
) -> Iterator[tuple[str, Read, list[int]]]:
    """The clips of an archive in order, as (member, function that reads it, lines that mean it)."""
    word_lines, is_by_archive = WordLines(words), bool(detail.get("by_archive"))
    name, parts = _archive(shard, detail), paths[: detail.get("parts", 1)]
    archive = without_ending(name)
    is_inner = is_inner_clip(detail)
    exact = ExactMembers(lambda: (member for member, _ in walk(parts, name, LeftOut())))
    try:
        with disk_errors(paths[0], "read"):
            for member, read in walk(parts, name, left_out):
                if not is_clip(member):
                    left_out.add("are no audio files", member)
                    continue
                if not is_inner(member):
                    left_out.add("match no pattern of the source", member)
                    continue
                meant, lines = clip_lines(member, words, word_lines, archive, is_by_archive)
                kept = exact.keep(member, meant, words)
                if len(kept) < len(meant):
                    meant, lines = kept, exact.keep(member, lines, words)
                if not meant:
                    left_out.add("are in no row of the tables", member)
                elif not lines:
                    left_out.add("may be those of rows in several folders", member)
                yield member, read, lines
    except ArchiveDamaged as damaged:
        raise unreadable(shard, str(damaged)) from damaged


def _find_unclear(
    paths: Sequence[Path], shard: Shard, detail: Mapping[str, Any], words: Sequence[str | None]
) -> dict[int, FailedClip]:
    """Why lines fail whose word fits clips in several folders of the archive.

    The archive is walked once more for that: which members follow is not known before.
    """
    members = _members(paths, shard, detail, words, LeftOut())
    found = find_unclear(((member, lines) for member, _, lines in members), words)
    return {line: unclear_clip(words[line] or "", two) for line, two in found.items()}


def _named(shard: Shard, read: Read) -> Read:
    """Reads a member; raises ShardUnreadable if it is damaged."""

    def read_it() -> bytes:
        try:
            return read()
        except ArchiveDamaged as damaged:
            raise unreadable(shard, str(damaged)) from damaged

    return read_it


def _column(part: pa.Table, name: str) -> pa.Array:
    column = part.column(name).combine_chunks()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
