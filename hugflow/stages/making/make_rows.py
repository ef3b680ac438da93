"""The row path: fetched shard -> MP3 and JSON files, a batch at a time.

Each of some threads makes one row at a time, or a few whose clips are short: a child process
encodes the clips, the thread writes temporary files. Then a batch is committed: MP3s are synced and
renamed, then JSONs, then the journal is written. Encoding continues meanwhile. A kill costs only the
rows that are not committed.

A clip that crashes a codec costs its own row (`hugflow.audio.isolated`).
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import field, replace
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from hugflow.audio.bad import AudioBad
from hugflow.audio.isolated import IsolatedConverter
from hugflow.audio.mp3 import Mp3
from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Clip, Journal, Outcome, RowFailed, RowMade
from hugflow.rows.audio import may_be_path, path_of
from hugflow.rows.record import NOT_TEXT, column_values, render_row
from hugflow.rows.text import text_values
from hugflow.rows.text_quality import with_text_quality
from hugflow.shards.column_path import lift_batches
from hugflow.shards.features import column_features
from hugflow.shards.plan import Plan, Shard
from hugflow.shards.read import read_rows
from hugflow.shards.stems import FILENAME_COLUMN, row_stem, to_filenames
from hugflow.stages.build.build import Build
from hugflow.stages.making.convert_rows import RowConverter, put_together
from hugflow.stages.making.quota import Quota
from hugflow.stages.making.repository_clips import RepositoryFiles
from hugflow.store.atomic import StagedFile, commit, discard, disk_errors, write_temporary
from hugflow.store.sync_disk import WatchedDisk
from hugflow.workers.pool import WorkerPool

BATCH_ROWS = 64
BATCH_BYTES = 32 << 20
BATCH_SECONDS = 2.0
PIECES_AHEAD_PER_WORKER = 4
AHEAD_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Needs:
    """The files to write for a row; `made` is what is known of the row already."""

    mp3: bool
    json: bool
    made: RowMade | None


def make_rows(
    build: Build,
    shard: Shard,
    raw_files: Sequence[Path],
    needs: Mapping[int, Needs],
    journal: Journal,
    quota: Quota,
    on_rows: Callable[[Sequence[Outcome]], None],
    *,
    workers: WorkerPool,
) -> None:
    """Write the files of the rows in `needs`, and a line of the journal for each.

    quota: counts the bytes that are written.
    on_rows: called with the outcomes of each committed batch, in row order.
    workers: of `open_workers`, to encode in; started as they are needed, WORKERS at most.

    A row that cannot be made is a RowFailed among the outcomes. Only problems of all rows raise:
    DiskFull, ShardCorrupt, and the Hub's errors when clips are separate files.
    """
    threads = build.options.workers
    files = RepositoryFiles(build, shard)
    stop = Event()
    has_names = _has_names(build.plan)
    with (
        closing(files),
        WatchedDisk([*build.mp3_folders, build.folder.json]) as disk,
        _Batches(journal, on_rows, quota, disk) as batches,
        ThreadPoolExecutor(threads, "rows") as pool,
    ):
        isolated = IsolatedConverter(
            workers,
            build.plan.request.mp3_source == "copy",
            files.lend,
            build.folder.audio,
            stop,
            build.clip_rules,
        )
        convert = RowConverter(isolated, shard.label)
        places = _RowPlaces(build.folder.root, build.folder.json, build.tree)
        ahead: deque[Future[list[_Row]]] = deque()
        try:
            for rows, batch in read_rows(
                raw_files, shard, is_wanted=lambda rows: any(row in needs for row in rows)
            ):
                columns, row_bytes = (
                    _Columns.of(build.plan, batch, has_names=has_names),
                    batch.nbytes // len(rows),
                )
                wanted = [(at, row) for at, row in enumerate(rows) if row in needs]
                paths = columns.paths([at for at, row in wanted if needs[row].mp3])
                files.look_up(paths)
                # Clips that are separate files are fetched as many at once as there are threads.
                types = () if paths else tuple(column.type for column in columns.audio)
                for piece in put_together(wanted, types, row_bytes, threads):
                    ahead.append(
                        pool.submit(_make_piece, build, places, convert, piece, needs, columns)
                    )
                    while len(ahead) > rows_ahead(threads, row_bytes * len(piece)):
                        batches.add(ahead.popleft().result())
            while ahead:
                batches.add(ahead.popleft().result())
        except BaseException:
            stop.set()
            _abandon(ahead)
            raise
        finally:
            convert.notes.tell(shard)


def _has_names(plan: Plan) -> bool:
    """Whether rows name their clips; not with rows numbered by shard: names could repeat unseen."""
    is_named = plan.audio_column is not None and FILENAME_COLUMN in plan.columns
    return is_named and plan.numbering == "through"


def rows_ahead(workers: int, piece_bytes: int) -> int:
    """The number of pieces in flight: enough to keep the workers busy, fewer if pieces are large."""
    most = AHEAD_BYTES // max(piece_bytes, 1)
    return min(workers * PIECES_AHEAD_PER_WORKER, max(workers - 1, most))


@dataclass(frozen=True, slots=True)
class _Row:
    """The result of a row. outdated: files of an earlier run that the row no longer has."""

    outcome: Outcome
    written: tuple[StagedFile, ...] = ()
    outdated: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class _Columns:
    """One Arrow batch by columns: audio stays in Arrow's buffers, the rest is plain values.

    audio: the audio columns, the main one first.
    """

    audio: tuple[pa.Array, ...]
    filenames: Sequence[Any] | None
    texts: Sequence[Any] | None
    values: Mapping[str, Sequence[Any]]

    @classmethod
    def of(cls, plan: Plan, batch: pa.RecordBatch, *, has_names: bool) -> Self:
        batch = lift_batches(batch, plan.all_audio)
        # Every stage reads all of it, so that all stages judge a row alike.
        others = [name for name in plan.columns if name not in plan.all_audio]
        features = column_features(plan)
        values = {name: column_values(batch.column(name), features[name]) for name in others}
        filenames: Sequence[Any] | None = None
        if has_names:
            filenames = to_filenames(batch.column(FILENAME_COLUMN))
        audio = tuple(batch.column(name) for name in plan.all_audio)
        return cls(audio, filenames, text_values(plan, batch, values), values)

    def paths(self, positions: Sequence[int]) -> list[str]:
        """The paths of the rows whose audio is a separate file."""
        columns = [column for column in self.audio if may_be_path(column.type)]
        found = (path_of(column[position]) for column in columns for position in positions)
        return [path for path in found if path is not None]


@dataclass(frozen=True, slots=True)
class _RowPlaces:
    """Where the rows of a build go, worked out once. tree: as `Build.tree`."""

    root: Path
    json: Path
    tree: str


def _make_piece(
    build: Build,
    places: _RowPlaces,
    convert: RowConverter,
    piece: Sequence[tuple[int, int]],
    needs: Mapping[int, Needs],
    columns: _Columns,
) -> list[_Row]:
    """Encode some rows and write their temporary files; runs in a worker thread.

    piece: of each row, its position in the columns and its number.
    """
    without_mp3 = [(at, row) for at, row in piece if needs[row].mp3]
    clips = [[audio[at] for at, _ in without_mp3] for audio in columns.audio]
    made = convert.make_together([row for _, row in without_mp3], clips)
    rows: list[_Row] = []
    try:
        for at, row in piece:
            mp3s = [made.get((row, place)) for place in range(len(clips))]
            rows.append(_make_row(build, places, convert, row, needs[row], columns, at, mp3s))
    except BaseException:
        _discard_all(rows)
        raise
    return rows


def _make_row(
    build: Build,
    places: _RowPlaces,
    convert: RowConverter,
    row: int,
    needs: Needs,
    columns: _Columns,
    position: int,
    made_mp3s: Sequence[Mp3 | None],
) -> _Row:
    """Encode one row and write its temporary files. made_mp3s: by audio column, what is made."""
    filename = columns.filenames[position] if columns.filenames is not None else None
    stem = row_stem(row, filename, build.plan.stem_suffixes)
    values = {name: column[position] for name, column in columns.values.items()}
    not_text = [name for name, value in values.items() if value is NOT_TEXT]
    # Ignore a journal line that names another row's file.
    made = needs.made if needs.made is not None and needs.made.stem == stem else None
    outdated = _files_of(build, made) if made is not None else ()
    if not_text:
        failed = RowFailed(row, "text_not_utf8", f"the column {not_text[0]!r} is not UTF-8")
        return _Row(failed, outdated=outdated)
    written: list[StagedFile] = []
    try:
        if columns.audio and (needs.mp3 or made is None or made.audio is None):
            json_bytes = made.json_bytes if made is not None else None
            clips: list[Clip] = []
            names = build.mp3_paths(stem)
            for name, audio, made_mp3 in zip(names, columns.audio, made_mp3s, strict=True):
                try:
                    path = places.root / name
                    # A long MP3 is held in a file on the same disk.
                    with disk_errors(path), convert(row, audio[position], made_mp3) as mp3:
                        written.append(write_temporary(path, mp3.pieces()))
                except AudioBad as bad:
                    discard(written)
                    message = _name_column(build.plan, len(clips), bad.message)
                    return _Row(RowFailed(row, bad.code, message), outdated=outdated)
                clips.append(Clip(mp3.size_bytes, mp3.info))
            main, others = clips[0], tuple(clips[1:])
            made = RowMade(row, stem, main.mp3_bytes, json_bytes, main.audio, others)
        elif made is None:
            made = RowMade(row, stem, None, None, None)
        if needs.json:
            own = {} if columns.texts is None else {"text": columns.texts[position]}
            if build.plan.is_measured:
                text = values.get(build.plan.text_column or "")
                made = with_text_quality(made, own.get("text", text))
            content = render_row(build.plan, places.tree, made, values, **own)
            written.append(write_temporary(places.json / f"{row}.json", content))
            made = replace(made, json_bytes=len(content))
    except BaseException:
        discard(written)
        raise
    return _Row(made, tuple(written))


def _name_column(plan: Plan, place: int, message: str) -> str:
    """The message of a bad clip, with its column where a row has several."""
    return f"{plan.all_audio[place]}: {message}" if plan.all_audio[1:] else message


def _files_of(build: Build, made: RowMade) -> tuple[Path, ...]:
    mp3s = (build.folder.root / name for name in build.mp3_paths(made.stem))
    return (build.folder.json / f"{made.row}.json", *mp3s)


def _abandon(ahead: deque["Future[list[_Row]]"]) -> None:
    """Drop rows that were begun and will not be committed."""
    for future in ahead:
        future.cancel()
    for future in ahead:
        if not future.cancelled() and future.exception() is None:
            _discard_all(future.result())


def _discard_all(rows: Iterable[_Row]) -> None:
    for row in rows:
        discard(row.written)


@dataclass(slots=True)
class _Batches:
    """Rows gathered until they are worth a commit; one commit runs beside the encoding."""

    journal: Journal
    on_rows: Callable[[Sequence[Outcome]], None]
    quota: Quota
    disk: WatchedDisk
    rows: list[_Row] = field(default_factory=list)
    size_bytes: int = 0
    began_at: float = field(default_factory=time.monotonic)
    committer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "commit"))
    running: "Future[None] | None" = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            # Commit what was made before the error, of a row or of the Hub.
            if error is None or isinstance(error, HugflowError):
                self._start_commit()
            self._wait()
        finally:
            self.committer.shutdown()
            _discard_all(self.rows)

    def add(self, rows: Iterable[_Row]) -> None:
        left = iter(rows)
        try:
            for row in left:
                self._add(row)
        except BaseException:
            _discard_all(left)
            raise

    def _add(self, row: _Row) -> None:
        size_bytes = sum(file.size_bytes for file in row.written)
        try:
            self.quota.take(size_bytes)
        except HugflowError:
            discard(row.written)
            raise
        self.rows.append(row)
        self.size_bytes += size_bytes
        is_old = time.monotonic() - self.began_at > BATCH_SECONDS
        if len(self.rows) >= BATCH_ROWS or self.size_bytes >= BATCH_BYTES or is_old:
            self._start_commit()

    def _start_commit(self) -> None:
        self._wait()
        rows, self.rows = self.rows, []
        self.size_bytes, self.began_at = 0, time.monotonic()
        if rows:
            self.running = self.committer.submit(self._commit, rows)

    def _wait(self) -> None:
        running, self.running = self.running, None
        if running is not None:
            running.result()

    def _commit(self, rows: list[_Row]) -> None:
        files = [file for row in rows for file in row.written]
        # By folder, because a folder is synced before the next one.
        files.sort(key=lambda file: (file.path.suffix != ".mp3", file.folder))
        commit(files, self.disk)
        for path in (path for row in rows for path in row.outdated):
            path.unlink(missing_ok=True)
        outcomes = [row.outcome for row in rows]
        self.journal.append(outcomes)
        self.on_rows(outcomes)
