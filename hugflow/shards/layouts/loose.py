"""Rows whose clips are files of the repository; a shard is a slice of them, in order.

A slice is about SLICE_BYTES or SLICE_ROWS. Its files are the table, if there is one, and then the
clips, so its digest covers all of them. `detail` of a shard:

    {"table": "train/metadata.csv",     absent without a table: `values` holds the columns then
     "header": true, "rows": [0, 2000], the first row in the table, and their number
     "columns": ["audio", "text"],      in order
     "audio": "audio",                  the column that holds the clips; null: there are none
     "from": "file_name",               the table's column that names them
     "rename": {"audio": "audio_source"},
     "named": [{"field": ["turns", "file_name"], "new": "audio",   other fields that name clips
                "words": {"noisy/a.wav": 3}}],   each clip's place in the files, as in `clips`, or
                                                 two of the clips that the word may mean
     "clips": [1, 2, null],             for each row: its clip's place in the files; null: none
     "texts": {"text": [3, null, 4]},   columns of which values are files: their places; null: `values`
     "unclear": {"2": ["a/1.wav", "b/1.wav"]},   rows whose word may mean several clips: two of them
    "cuts": [["0.5", "2.25", null], null],   for each row: the part of its clip; null: all of it
    "form": {"header": ["id", "text"]},      what a recipe or the request says of the table
    "whole": ["id"], "joined": "text"}       see `whole`
"""

import codecs
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa

from hugflow.audio.cut import Cut
from hugflow.clients.repository import PublishedFile
from hugflow.errors import ShardUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.requests.sources import TableForm
from hugflow.shards.failed_clips import to_clips, unclear_clip
from hugflow.shards.layouts.batch_size import BATCH_BYTES, BATCH_ROWS
from hugflow.shards.layouts.clips import Same, join_path
from hugflow.shards.layouts.layout import Contents, RepositoryAt, unreadable
from hugflow.shards.layouts.named_clips import FILE_NAME, Place, list_words, to_audio
from hugflow.shards.layouts.segments import Pieces, missing_recording
from hugflow.shards.layouts.table_file import TableFile
from hugflow.shards.layouts.tables import (
    ANY_FORM,
    TableUnreadable,
    folder_of,
    refuse_large_text,
    table_form,
)
from hugflow.shards.layouts.whole import join_rows
from hugflow.shards.plan import Shard, to_detail
from hugflow.shards.stems import to_filenames
from hugflow.store.atomic import disk_errors

SLICE_BYTES: Final = 256 << 20
SLICE_ROWS: Final = 2_000
AUDIO: Final = "audio"
# Of the clips that one row names beside its main one.
MOST_MORE_BYTES: Final = 512 << 20
MOST_TEXT_BYTES: Final = 1 << 20
LINES: Final = TableForm(format="lines")
# Of a piece before it is cut: 16 bits, two channels, 48 kHz.
_PIECE_BYTES_PER_S: Final = 192_000


@dataclass(frozen=True, slots=True)
class WordClip:
    """A word in a field beside the main one, and the clip that it names.

    clip: None if there is no such file, or if the word may mean several; `unclear` has these then.
    """

    place: Place
    word: str
    clip: PublishedFile | None
    unclear: Same = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table, or of a list of clips, before they are cut into slices.

    table: None if there is none; then `values` holds the columns beside the audio.
    clips: of each row; None for a row whose clip does not exist. Empty: the rows have no audio.
    kept: the places of the rows in the table; None for all.
    names: the column `audio_filename`; None if there is none.
    form: what is said of the table.
    cuts: of each row, the part of its clip; None for all of it. Empty: no row is a part.
    unclear: the clips that a row may mean, where it may mean several; `clips` has None for it.
    texts: columns of `values` of which some values are files of text, read with the rows.
    more: of each row, the words that name other clips. Empty: there are none.
    """

    count: int
    table: PublishedFile | None = None
    has_header: bool = True
    source: str | None = None
    clips: Sequence[PublishedFile | None] = ()
    kept: Sequence[int] | None = None
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    names: pa.Array | None = None
    form: TableForm | None = None
    cuts: Sequence[Cut | None] = ()
    texts: Mapping[str, Sequence[PublishedFile | None]] = field(default_factory=dict)
    unclear: Mapping[int, Sequence[str]] = field(default_factory=dict)
    more: Sequence[Sequence[WordClip]] = ()


@contextmanager
def open_table(
    at: RepositoryAt, file: PublishedFile, *, has_header: bool = True, form: TableForm = ANY_FORM
) -> Iterator[TableFile]:
    """A published table, verified; raises ShardUnreadable. It is read within `table_errors`."""
    with TemporaryDirectory(prefix="hugflow-") as folder:
        target = Path(folder) / "table"
        with table_errors(at, file):
            refuse_large_text(file.path, file.size_bytes)
            at.hub.fetch_file(at.repo, at.commit, file, target, durable=False)
            opened = TableFile.open(file, target, has_header=has_header, form=form)
        yield opened


@contextmanager
def table_errors(at: RepositoryAt, file: PublishedFile) -> Iterator[None]:
    """Raises ShardUnreadable for a published table that cannot be read."""
    try:
        yield
    except TableUnreadable as error:
        raise ShardUnreadable(
            f"{at.repo}@{at.commit[:7]}:{file.path} cannot be read as a table",
            why=in_a_line(str(error)),
            mend="report it to the dataset's owner, or request a revision with a sound table",
        ) from error


def fetch_table(
    at: RepositoryAt, file: PublishedFile, *, has_header: bool = True, form: TableForm = ANY_FORM
) -> pa.Table:
    """All rows of a published table; raises ShardUnreadable."""
    with (
        open_table(at, file, has_header=has_header, form=form) as opened,
        table_errors(at, file),
    ):
        return opened.read(opened.schema.names)


def fetch_lines(at: RepositoryAt, file: PublishedFile) -> pa.Table:
    """The lines of a published file, as keys and texts; raises ShardUnreadable."""
    return fetch_table(at, file, form=LINES)


def fetch_text(at: RepositoryAt, file: PublishedFile) -> str:
    """A small text of the repository, verified; raises ShardUnreadable, and fetches no large one."""
    why = f"it is larger than {MOST_TEXT_BYTES:,} bytes"
    if file.size_bytes <= MOST_TEXT_BYTES:
        try:
            # A fetch ends after the bytes that are listed, whatever comes.
            return at.hub.read_small_file(at.repo, at.commit, file).decode("utf-8-sig")
        except UnicodeDecodeError:
            why = "it is not UTF-8"
    raise ShardUnreadable(
        f"{at.repo}@{at.commit[:7]}:{file.path} cannot be read as a transcript",
        why=why,
        mend="report it to the dataset's owner, or request a revision with sound transcripts",
    )


def place_audio(
    columns: Sequence[str], source: str, audio: str
) -> tuple[list[str], dict[str, str]]:
    """The columns with the audio in its place, and those that are renamed for it.

    `file_name` becomes the audio, as in `datasets`; another column stays, and the audio is first.
    """
    rename = {audio: f"{audio}_source"} if audio in columns and audio != source else {}
    named = [rename.get(name, name) for name in columns]
    if source in (audio, FILE_NAME):
        return [audio if name == source else name for name in named], rename
    return [audio, *named], rename


def cut(
    rows: Rows,
    columns: Sequence[str],
    rename: Mapping[str, str],
    schema: pa.Schema,
    audio: str | None,
    named: Mapping[Place, str] | None = None,
) -> Iterator[Contents]:
    """The slices of the rows, as contents of shards.

    named: other fields that name clips, and what they become.
    """
    for first, stop in _slices(rows):
        table = [rows.table] if rows.table is not None else []
        files, places = _number(table, rows.clips[first:stop])
        more = [each for row in rows.more[first:stop] for each in row]
        files, more_places = _number(files, [each.clip for each in more])
        texts: dict[str, list[int | None]] = {}
        for name, column in rows.texts.items():
            files, texts[name] = _number(files, column[first:stop])
        detail: dict[str, Any] = {"columns": list(columns), "audio": audio}
        if rows.table is not None:
            kept = None if rows.kept is None else list(rows.kept[first:stop])
            detail |= {"table": rows.table.path, "header": rows.has_header, "from": rows.source}
            detail |= {"rows": [first, stop - first]} if kept is None else {"kept": kept}
            detail |= table_form(rows.form)
        else:
            values = {name: list(column[first:stop]) for name, column in rows.values.items()}
            detail |= {"values": values, "rows": [first, stop - first]}
        detail |= {"rename": dict(rename)} if rename else {}
        words: dict[Place, dict[str, Any]] = {place: {} for place in named or ()}
        for each, place in zip(more, more_places, strict=True):
            if place is not None or each.unclear:
                words[each.place][each.word] = each.unclear[:2] if place is None else place
        fields = [
            {"field": list(place), "new": new, "words": words[place]}
            for place, new in (named or {}).items()
        ]
        detail |= {"named": fields} if fields else {}
        detail |= {"clips": places} if rows.clips else {}
        detail |= {"texts": texts} if texts else {}
        cuts = [None if each is None else each.to_json() for each in rows.cuts[first:stop]]
        detail |= {"cuts": cuts} if any(cuts) else {}
        unclear = {
            str(row - first): list(paths[:2])
            for row, paths in rows.unclear.items()
            if first <= row < stop
        }
        detail |= {"unclear": unclear} if unclear else {}
        names = None if rows.names is None else rows.names.slice(first, stop - first)
        yield Contents(tuple(files), stop - first, schema, to_detail(detail), names)


def read_rows(
    paths: Sequence[Path],
    shard: Shard,
    *,
    columns: Sequence[str] | None,
    is_wanted: Callable[[range], bool],
) -> Iterator[tuple[range, pa.RecordBatch]]:
    """The rows of a fetched slice in order; see `Layout`. Clips of unwanted rows are not read."""
    detail = json.loads(shard.detail)
    table = _read_slice(paths, shard, detail)
    if "whole" in detail:
        table, detail = join_rows(table, detail)
    if len(table) != shard.rows:
        raise unreadable(shard, f"it has {len(table)} rows, where {shard.rows} were planned")
    names = detail["columns"] if columns is None else list(columns)
    more = _More.of(paths, shard, detail, table)
    batches = list(_batches(shard, detail, is_wanted, more.sizes))
    wanted = [row - shard.first_row for rows in batches for row in rows]
    cuts = detail.get("cuts", [])
    with Pieces(paths, shard, detail.get("clips", []), cuts, wanted) as pieces:
        for rows in batches:
            part = table.slice(rows.start - shard.first_row, len(rows))
            part = _with_texts(paths, shard, detail, part, rows)
            arrays = []
            for name in names:
                if name == detail["audio"]:
                    arrays.append(_clips(paths, shard, detail, part, rows, pieces))
                elif name in more.columns:
                    arrays.append(more.read(part, name, rows.start - shard.first_row))
                else:
                    arrays.append(_array(part, name))
            yield rows, pa.RecordBatch.from_arrays(arrays, names)


def _slices(rows: Rows) -> Iterator[tuple[int, int]]:
    start = size = 0
    before: PublishedFile | None = None
    others: set[str] = set()
    for row in range(rows.count):
        clip = rows.clips[row] if rows.clips else None
        # A clip of which several rows are parts is in one slice.
        is_same = bool(rows.cuts) and clip is not None and clip == before
        more = clip.size_bytes if clip is not None and not is_same else 0
        named = [each.clip for each in rows.more[row]] if rows.more else []
        beside = {file.path: file.size_bytes for file in named if file is not None}
        more += sum(beside[path] for path in beside.keys() - others)
        is_long = row - start >= SLICE_ROWS or len(others) >= SLICE_ROWS
        is_full = is_long and (rows.clips or rows.more)
        if row > start and not is_same and (is_full or size + more > SLICE_BYTES):
            yield start, row
            start, size, others = row, 0, set()
            more = (0 if clip is None else clip.size_bytes) + sum(beside.values())
        size += more
        others |= beside.keys()
        before = clip
    yield start, rows.count


def _number(
    files: list[PublishedFile], clips: Sequence[PublishedFile | None]
) -> tuple[list[PublishedFile], list[int | None]]:
    """The files with the clips behind them, each once, and the place of each row's clip."""
    place_by_path = {file.path: place for place, file in enumerate(files)}
    places: list[int | None] = []
    for clip in clips:
        if clip is None:
            places.append(None)
            continue
        if clip.path not in place_by_path:
            place_by_path[clip.path] = len(files)
            files.append(clip)
        places.append(place_by_path[clip.path])
    return files, places


def _read_slice(paths: Sequence[Path], shard: Shard, detail: Mapping[str, Any]) -> pa.Table:
    if "table" not in detail:
        columns = {name: pa.array(of, pa.string()) for name, of in detail["values"].items()}
        count = detail["rows"][1]
        return pa.table({**columns, "__row__": pa.nulls(count)})
    try:
        with disk_errors(paths[0], "read"):
            form = TableForm.from_json(detail.get("form", {}))
            opened = TableFile.open(
                shard.files[0], paths[0], has_header=detail["header"], form=form
            )
            kept: Sequence[int] | None = detail.get("kept")
            first, count = (
                detail["rows"] if kept is None else (min(kept), max(kept) - min(kept) + 1)
            )
            table = opened.slice(first, count)
    except TableUnreadable as error:
        raise unreadable(shard, str(error)) from error
    if kept is not None:
        table = table.take(pa.array([row - first for row in kept], pa.int64()))
    rename = detail.get("rename", {})
    return table.rename_columns([rename.get(name, name) for name in table.column_names])


def _batches(
    shard: Shard,
    detail: Mapping[str, Any],
    is_wanted: Callable[[range], bool],
    more_bytes: Sequence[int],
) -> Iterator[range]:
    """Ranges of wanted rows whose clips are about BATCH_BYTES together.

    more_bytes: of the other clips of each row; empty if there are none.
    """
    places: Sequence[int | None] = detail.get("clips", ())
    cuts: Sequence[Any] = detail.get("cuts", ())
    rows = range(shard.first_row, shard.first_row + (shard.rows or 0))
    start, size = rows.start, 0
    for row in rows:
        place = places[row - rows.start] if places else None
        more = 0 if place is None else shard.files[place].size_bytes
        if cuts and cuts[row - rows.start] is not None:
            seconds = Cut.from_json(cuts[row - rows.start]).seconds
            if seconds is not None:
                more = min(more, int(max(seconds, 0) * _PIECE_BYTES_PER_S))
        more += more_bytes[row - rows.start] if more_bytes else 0
        is_kept = is_wanted(range(row, row + 1))
        is_full = row - start == BATCH_ROWS or size + more > BATCH_BYTES
        if row > start and (is_full or not is_kept):
            yield range(start, row)
            start, size = row, 0
        if is_kept:
            size += more
        else:
            start = row + 1
    if start < rows.stop:
        yield range(start, rows.stop)


def _with_texts(
    paths: Sequence[Path], shard: Shard, detail: Mapping[str, Any], part: pa.Table, rows: range
) -> pa.Table:
    """Some rows with the texts that are files."""
    first = rows.start - shard.first_row
    for name, places in detail.get("texts", {}).items():
        values = [each and each.encode() for each in part.column(name).to_pylist()]
        for at, place in enumerate(places[first : first + len(rows)]):
            if place is not None:
                values[at] = _read_text(paths[place], shard, shard.files[place].path)
        # Not checked: a text that is not UTF-8 fails its own row, later.
        column = pa.array(values, pa.binary()).view(pa.string())
        part = part.set_column(part.column_names.index(name), name, column)
    return part


def _read_text(path: Path, shard: Shard, published: str) -> bytes:
    """A transcript without the line breaks at its end; raises ShardUnreadable for a large one."""
    with disk_errors(path, "read"), path.open("rb") as file:
        data = file.read(MOST_TEXT_BYTES + 1)
    if len(data) <= MOST_TEXT_BYTES:
        return data.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n")
    why = f"it is larger than {MOST_TEXT_BYTES:,} bytes"
    raise unreadable(shard, f"the transcript {published!r} cannot be read: {why}")


def _clips(
    paths: Sequence[Path],
    shard: Shard,
    detail: Mapping[str, Any],
    part: pa.Table,
    rows: range,
    pieces: Pieces,
) -> pa.Array:
    """The clips of some rows: bytes and path; of a clip that does not exist, the word for it."""
    first = rows.start - shard.first_row
    words = _array(part, detail["from"]).to_pylist() if detail.get("from") else [None] * len(rows)
    cuts, unclear = detail.get("cuts"), detail.get("unclear", {})
    # A file name means nothing at the root of the repository.
    folder = folder_of(detail["table"]) if detail.get("from") == FILE_NAME else None
    values: list[dict[str, Any] | None] = []
    clips = detail["clips"][first : first + len(rows)]
    for at, (place, word) in enumerate(zip(clips, words, strict=True), first):
        if place is not None and cuts is not None and cuts[at] is not None:
            path = shard.files[place].path
            values.append({"bytes": pieces.read(at), "path": path})
        elif place is not None:
            with disk_errors(paths[place], "read"):
                data = paths[place].read_bytes()
            values.append({"bytes": data, "path": shard.files[place].path})
        elif word and (paths_of := unclear.get(str(at))):
            values.append({"bytes": unclear_clip(word, paths_of), "path": word})
        elif word and cuts is not None and cuts[at] is not None:
            # A file that is no clip of the plan would be made whole.
            values.append({"bytes": missing_recording(word), "path": word})
        else:
            path = word if not word or folder is None else join_path(folder, word) or word
            values.append(None if not word else {"bytes": None, "path": path})
    return to_clips(values)


@dataclass(frozen=True, slots=True)
class _More:
    """Other fields of a slice that name clips.

    names: what they become. columns: those that hold them, by their planned name.
    words: of each field, the place of the clip in the files, or the clips that it may mean.
    sizes: of the clips of each row, in bytes.
    """

    paths: Sequence[Path]
    files: Sequence[PublishedFile]
    folder: str
    names: Mapping[Place, str]
    columns: Mapping[str, str]
    words: Mapping[Place, Mapping[str, Any]]
    sizes: Sequence[int]

    @classmethod
    def of(
        cls, paths: Sequence[Path], shard: Shard, detail: Mapping[str, Any], table: pa.Table
    ) -> Self:
        """What the detail says of a slice; table: its rows."""
        told = {tuple(each["field"]): each for each in detail.get("named", ())}
        names = {place: each["new"] for place, each in told.items()}
        words = {place: each["words"] for place, each in told.items()}
        columns = {new if len(place) == 1 else place[0]: place[0] for place, new in names.items()}
        sizes = np.zeros(len(table) if told else 0, np.int64)
        for name in {*columns.values()} & {*table.column_names}:
            rows = np.arange(len(table))
            for place, array, inside in list_words(_array(table, name), names, (name,), rows):
                known = [words[place].get(word or "") for word in to_filenames(array)]
                found = [shard.files[at].size_bytes if isinstance(at, int) else 0 for at in known]
                np.add.at(sizes, inside, np.array(found, np.int64))
        folder = folder_of(detail["table"]) if told else ""
        return cls(paths, shard.files, folder, names, columns, words, sizes.tolist())

    def read(self, part: pa.Table, name: str, first: int) -> pa.Array:
        """A column of some rows with the clips that its words name.

        first: the place of the first row in the slice. Of a row that names more than fits in memory,
        which is a batch by itself, the clips have their paths, and no bytes.
        """
        column = self.columns[name]
        size = sum(self.sizes[first : first + len(part)])
        read = partial(self._to_clips, has_bytes=size <= MOST_MORE_BYTES)
        return to_audio(_array(part, column), self.names, (column,), read)

    def _to_clips(self, place: Place, words: pa.Array, *, has_bytes: bool) -> pa.Array:
        found = (self._to_clip(place, word, has_bytes=has_bytes) for word in to_filenames(words))
        return to_clips(list(found))

    def _to_clip(self, place: Place, word: str | None, *, has_bytes: bool) -> dict[str, Any] | None:
        if not word:
            return None
        match self.words[place].get(word):
            case int(at) if not has_bytes:
                return {"bytes": None, "path": self.files[at].path}
            case int(at):
                with disk_errors(self.paths[at], "read"):
                    data = self.paths[at].read_bytes()
                return {"bytes": data, "path": self.files[at].path}
            case list(paths):
                return {"bytes": unclear_clip(word, paths), "path": word}
            case _:
                # It is refused, or not found, when its MP3 is made.
                return {"bytes": None, "path": join_path(self.folder, word) or word}


def _array(part: pa.Table, name: str) -> pa.Array:
    if name not in part.column_names:
        return pa.nulls(len(part))
    column = part.column(name).combine_chunks()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
