"""Making the shards of a build: one path for the command line and for Dagster.

For each shard, under its lock: find what exists on disk, then make the rest: fetch, encode, write,
index, mark. The next shards are fetched while this one is encoded.

What runs native code on fetched bytes may crash the process, so it runs in child processes first
(`hugflow.workers`): they read each file, and convert each clip that must be decoded. They are
started when there is something to do for them, and end with the iterator.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from hugflow.activity import count_kept, per_shard
from hugflow.errors import (
    HubUnavailable,
    HugflowError,
    RequestInvalid,
    ShardCorrupt,
    ShardUnreadable,
    StageMissing,
)
from hugflow.exports.index_table import write_index
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Journal, Outcome, RowFailed, RowMade
from hugflow.ledger.markers import Marker, read_marker
from hugflow.ledger.stages import (
    ROW_STAGES,
    SHARD_STAGES,
    StageName,
    find_missing,
    first_row_stage,
    join_names,
    users_of,
)
from hugflow.shards.counts import counted
from hugflow.shards.lost_values import collect_lost
from hugflow.shards.plan import Shard
from hugflow.shards.rehearse import refuse_crashing
from hugflow.shards.taken_lines import collect_taken
from hugflow.stages.build.build import Build
from hugflow.stages.build.still_in_force import refuse_superseded, relocated
from hugflow.stages.making.group_hashes import LAYOUT, write_hashes
from hugflow.stages.making.make_rows import Needs, make_rows
from hugflow.stages.making.mark_stages import (
    audio_marker,
    mark,
    metadata_marker,
    raw_marker,
    unmark,
)
from hugflow.stages.making.quota import Quota, open_quota
from hugflow.stages.making.raw_file import drop_raw, fetch_raw, remove_raw
from hugflow.stages.making.renamed_storage import rename_paths
from hugflow.stages.making.reuse_shards import Reuse
from hugflow.stages.making.row_groups import RowGroups, fetch_groups, find_differing
from hugflow.stages.making.rows_on_disk import ShardOnDisk, read_shard
from hugflow.stages.making.spare_slots import LOOK_EVERY_S, SpareSlots
from hugflow.stages.publishing.publish import find_published
from hugflow.stages.tree.exchange import refuse_linked_folders
from hugflow.stages.tree.flow_files import made_index_file
from hugflow.store.atomic import make_folder
from hugflow.store.links import check_link
from hugflow.workers.by_module import open_workers
from hugflow.workers.pool import WorkerPool

log = logging.getLogger(__name__)

# One failing shard does not stop the others; an unreachable Hub stops all of them.
UNAVAILABLE_IN_A_ROW = 3
# What is known of the rows of prepared shards stays in memory.
MOST_ROWS_AHEAD = 200_000
# How long a shard is waited for while a later one is ready.
LATE_S = 5.0
# How long the threads that prepare shards may take to end.
LEAVE_S = 1.0


@dataclass(frozen=True, slots=True)
class ShardDone:
    """The requested stages are done for this shard.

    markers: of these stages.
    new_rows: rows made now; 0 when all existed.
    """

    shard: Shard
    markers: dict[StageName, Marker]
    new_rows: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class ShardFailed:
    """One shard that could not be made; the others continue."""

    shard: Shard
    error: HugflowError


def make_shards(
    build: Build,
    shards: Sequence[Shard],
    stages: Collection[StageName] = SHARD_STAGES,
    *,
    retry_failed: bool = False,
    force: bool = False,
    on_rows: Callable[[Sequence[Outcome]], None] = lambda outcomes: None,
) -> Iterator[ShardDone | ShardFailed]:
    """Do `stages` for each of `shards`, and yield the result of each shard.

    stages: at least one of SHARD_STAGES.
    retry_failed: retry failed rows of a published dataset too; those of an unpublished one are
    always retried.
    force: make exactly the files of `stages` again; existing ones are replaced file by file.
    on_rows: called, from another thread, with each committed batch of rows.

    Raises at once what concerns every shard: DiskFull, NotAuthorised, Locked, and HubUnavailable
    after some in a row. Closing the iterator stops the work; committed rows stay.
    """
    refuse_linked_folders(build.places, build.folder, build.mp3_folders)
    for folder in (*build.mp3_folders, build.folder.json, build.folder.index):
        make_folder(folder)
    check_link(build.places.link(build.name))
    quota = open_quota(build.places, build.options.storage_quota_bytes)
    unavailable = 0
    wanted = _Wanted(stages, retry_failed or force or find_published(build) is None, force)
    with open_workers(talks=True) as workers, _Ahead(build, shards, wanted) as ahead:
        for _ in shards:
            shard, result = ahead.take()
            try:
                if isinstance(result, BaseException):
                    raise result
                with result as prepared:
                    yield _make(prepared, stages, quota, on_rows, workers)
                unavailable = 0
            except (ShardCorrupt, RequestInvalid, StageMissing, HubUnavailable) as error:
                unavailable = unavailable + 1 if isinstance(error, HubUnavailable) else 0
                if unavailable >= UNAVAILABLE_IN_A_ROW:
                    raise
                # One line only: the caller gets the whole error at the end.
                log.error("shard %s failed: %s", shard.name, error.what)  # noqa: TRY400
                yield ShardFailed(shard, error)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The stages to do. retries: failed rows again; force: existing files again."""

    stages: Collection[StageName]
    retries: bool
    force: bool


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A locked shard, with what it lacks, and its fetched files if they are needed.

    build: with the present path of its tree.
    shard: with its number of rows.
    groups: the row groups of a few lost rows, in place of the files.
    """

    build: Build
    shard: Shard
    disk: ShardOnDisk
    needs: dict[int, Needs]
    markers: dict[StageName, Marker]
    raw_files: tuple[Path, ...] | None
    lock: ExitStack
    groups: RowGroups | None = None

    def __enter__(self) -> "_Prepared":
        return self

    def __exit__(self, *_: object) -> None:
        self.lock.close()


class _Ahead:
    """Prepares the next shards, each in its own thread, while one is being made.

    As many at once as there are download slots, as far ahead as FETCH_AHEAD_GB holds their files;
    the next shard always. One is begun when those before it leave a slot (`SpareSlots`). A shard
    that is late is passed over for one that is ready.

    The threads are daemons, so leaving early does not wait for a download. A partial file stays, and
    the next run resumes it.
    """

    def __init__(self, build: Build, shards: Sequence[Shard], wanted: _Wanted) -> None:
        self._prepare = partial(_prepare, build, Reuse(build), wanted, self._has_ended)
        self._is_done = partial(_is_done, build, wanted)
        self._shards = shards
        self._budget = build.options.fetch_ahead_bytes
        self._spare = SpareSlots(build.download_slots)
        self._changed = threading.Condition()
        self._next = 0
        # Not taken yet: all that were begun, in order, and the results of those that are ready.
        self._begun: list[int] = []
        self._ready: dict[int, _Prepared | BaseException] = {}
        # Begun, and their files may have to be fetched.
        self._fetching: set[int] = set()
        # Of a thread that could not begin a shard.
        self._failure: BaseException | None = None
        self._is_stopped = False
        count = min(build.options.download_slots, len(shards))
        self._threads = [
            threading.Thread(target=self._run, name="prepare", daemon=True) for _ in range(count)
        ]

    def __enter__(self) -> "_Ahead":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
            for left in self._ready.values():
                if isinstance(left, _Prepared):
                    left.lock.close()
        ends_at = time.monotonic() + LEAVE_S
        for thread in self._threads:
            thread.join(max(0.0, ends_at - time.monotonic()))

    def take(self) -> tuple[Shard, "_Prepared | BaseException"]:
        """The next shard and the result of preparing it; a later one if the next is late.

        Raises what kept a shard from being begun.
        """
        with self._changed:
            late_at = time.monotonic() + LATE_S
            while (at := self._find_ready(is_late=time.monotonic() >= late_at)) is None:
                if self._failure is not None:
                    raise self._failure
                self._changed.wait(1.0)
            self._begun.remove(at)
            self._changed.notify_all()
            return self._shards[at], self._ready.pop(at)

    def _find_ready(self, *, is_late: bool) -> int | None:
        first = min(self._ready, default=None)
        return first if is_late or first in self._begun[:1] else None

    def _has_ended(self) -> bool:
        return self._is_stopped

    def _run(self) -> None:
        try:
            self._prepare_all()
        except BaseException as error:  # noqa: BLE001  # raised where a shard is taken
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _prepare_all(self) -> None:
        while (at := self._begin()) is not None:
            try:
                prepared: _Prepared | BaseException = self._prepare(self._shards[at])
            except BaseException as error:  # noqa: BLE001  # raised where the shard is taken
                prepared = error
            # A shard that is ready after the end would never be taken, and would stay locked.
            with self._changed:
                self._fetching.discard(at)
                if not self._is_stopped:
                    self._ready[at] = prepared
                    self._changed.notify_all()
                elif isinstance(prepared, _Prepared):
                    prepared.lock.close()

    def _begin(self) -> int | None:
        """Wait for the turn of the next shard; None when there is no more to do."""
        with self._changed:
            while not self._is_stopped and self._next < len(self._shards):
                is_wanted = self._is_within_budget(self._shards[self._next])
                fetching = (self._shards[at] for at in self._fetching)
                if is_wanted and self._spare.are_left(fetching):
                    at, self._next = self._next, self._next + 1
                    self._begun.append(at)
                    if not self._is_done(self._shards[at]):
                        self._fetching.add(at)
                    return at
                self._changed.wait(LOOK_EVERY_S if is_wanted else None)
            return None

    def _is_within_budget(self, shard: Shard) -> bool:
        """Whether one more shard may be ahead; the next one always may."""
        ahead = [self._shards[at] for at in self._begun] + [shard]
        rows = sum(each.rows or 0 for each in ahead)
        size = sum(each.size_bytes for each in ahead)
        is_few = len(ahead) <= 2 * len(self._threads) and rows <= MOST_ROWS_AHEAD
        return len(ahead) == 1 or (size <= self._budget and is_few)


def _is_done(build: Build, wanted: _Wanted, shard: Shard) -> bool:
    """Whether the stages are marked, so that few bytes, if any, are to be fetched."""
    markers = (read_marker(build.state.marker(shard.name, stage)) for stage in wanted.stages)
    return not wanted.force and all(marker is not None for marker in markers)


def _prepare(
    build: Build, reuse: Reuse, wanted: _Wanted, is_stopped: Callable[[], bool], shard: Shard
) -> _Prepared:
    """Lock a shard, find what it lacks, and fetch its files if they are needed."""
    stages = wanted.stages
    lock = ExitStack()
    with lock:
        lock.enter_context(build.hold_shard(shard))
        refuse_superseded(build)
        _refuse_odd(build, shard)
        build = relocated(build)
        reuse.take(shard)
        shard, raw_files = _count(build, shard, stages, is_stopped)
        disk = rename_paths(build, shard, read_shard(build, shard))
        markers = _read_markers(build, shard, disk)
        # A forced run fetches and verifies the files, so `raw` counts as done, even for a new plan.
        done: set[StageName] = {*markers, "raw"} if wanted.force else set(markers)
        _refuse_missing_stage(build, shard, stages, done)
        needs = _find_needs(build, shard, disk, wanted)
        lacks_index = "metadata" in stages and not _has_index(build, shard, markers)
        lacks_raw = "raw" in stages and ("raw" not in markers or wanted.force)
        if lacks_raw and wanted.force and raw_files is None:
            remove_raw(build, shard)
        groups = None
        is_finished = users_of("raw") <= markers.keys() and not (lacks_index or lacks_raw)
        if raw_files is None and is_finished and needs and all(n.made for n in needs.values()):
            groups = fetch_groups(build, shard, needs, is_stopped)
        if raw_files is None and groups is None and (needs or lacks_index or lacks_raw):
            raw_files = fetch_raw(build, shard, is_stopped)
        if raw_files is None and "metadata" not in markers:
            count_kept(shard.size_bytes)
        return _Prepared(build, shard, disk, needs, markers, raw_files, lock.pop_all(), groups)


def _count(
    build: Build, shard: Shard, stages: Collection[StageName], is_stopped: Callable[[], bool]
) -> tuple[Shard, tuple[Path, ...] | None]:
    """The shard with its number of rows, and its files if counting had to fetch them."""
    known = counted(build.state, shard)
    if known.rows is not None:
        return known, None
    _refuse_missing_stage(build, shard, stages, ())
    raw_files = fetch_raw(build, shard, is_stopped)
    return counted(build.state, shard), raw_files


def _refuse_odd(build: Build, shard: Shard) -> None:
    """Raise ShardUnreadable for a file whose columns differ from the other files'."""
    if shard.odd is not None:
        where = f"{build.request.hf_id}@{build.plan.files_commit}:{shard.label}"
        raise ShardUnreadable(
            f"{where} cannot be made, because it does not agree with the other files",
            why=f"{shard.odd}; its rows would lack values that theirs have",
            mend="report it to the dataset's owner, or request a revision whose files agree",
        )


def _read_markers(build: Build, shard: Shard, disk: ShardOnDisk) -> dict[StageName, Marker]:
    """The markers of a shard; a marker that disagrees with the journal is deleted.

    A run that was killed while it retried rows has written only to the journal.
    """
    found = {stage: read_marker(build.state.marker(shard.name, stage)) for stage in SHARD_STAGES}
    markers = {stage: marker for stage, marker in found.items() if marker is not None}
    standing = (len(disk.made), tuple(sorted(disk.failed)))
    for stage, marker in list(markers.items()):
        if stage in ROW_STAGES and (marker.rows, marker.failed_rows) != standing:
            unmark(build, shard, stage)
            del markers[stage]
    return markers


def _find_needs(build: Build, shard: Shard, disk: ShardOnDisk, wanted: _Wanted) -> dict[int, Needs]:
    """The missing files by row, of those that the stages make.

    A JSON names its MP3, so the stage `metadata` makes a lost MP3 again.
    """
    has_audio = build.plan.audio_column is not None
    stages = wanted.stages
    wants_json = "metadata" in stages
    wants_mp3 = has_audio and ("audio" in stages or wants_json)
    retries = wanted.retries and first_row_stage(has_audio=has_audio) in stages
    forces_json = wanted.force and wants_json
    forces_mp3 = wanted.force and has_audio and "audio" in stages
    needs: dict[int, Needs] = {}
    for row in build.rows_of(shard):
        made = disk.made.get(row)
        if made is None and row in disk.failed and not retries:
            continue
        lacks_mp3 = forces_mp3 or (wants_mp3 and (made is None or made.mp3_bytes is None))
        lacks_json = forces_json or (wants_json and (made is None or made.json_bytes is None))
        if lacks_mp3 or lacks_json:
            needs[row] = Needs(lacks_mp3, lacks_json, made)
    return needs


def _make(
    prepared: _Prepared,
    stages: Collection[StageName],
    quota: Quota,
    on_rows: Callable[[Sequence[Outcome]], None],
    workers: WorkerPool,
) -> ShardDone:
    """Make what a prepared shard lacks, and mark its stages done."""
    build, shard = prepared.build, prepared.shard
    disk, markers = prepared.disk, prepared.markers
    has_source = prepared.raw_files is not None or prepared.groups is not None
    if not has_source and not disk.found and set(stages) <= markers.keys():
        _drop_raw_when_in(build, shard, markers)
        return ShardDone(shard, {s: markers[s] for s in markers if s in stages}, 0, is_new=False)
    started = time.monotonic()
    if prepared.raw_files is not None and set(stages) != {"raw"}:
        refuse_crashing(workers, prepared.raw_files, shard)
    outcomes: dict[int, Outcome] = {**disk.failed, **disk.made}

    def collect(batch: Sequence[Outcome]) -> None:
        outcomes.update((outcome.row, outcome) for outcome in batch)
        on_rows(batch)

    if any(row in disk.failed for row in prepared.needs):
        # Until the rows are retried, the shard must not count as done.
        for stage in ROW_STAGES:
            unmark(build, shard, stage)
    wanted_rows = prepared.needs
    if wanted_rows or disk.found:
        with Journal(build.state.journal(shard.name)) as journal:

            def write(files: Sequence[Path], needs: dict[int, Needs]) -> None:
                make_rows(build, shard, files, needs, journal, quota, collect, workers=workers)

            if disk.found:
                journal.append(disk.found)
                collect(disk.found)
            if prepared.groups is not None:
                prepared = _make_from_groups(prepared, prepared.groups, write, outcomes, workers)
            if prepared.needs and prepared.raw_files is not None:
                write(prepared.raw_files, prepared.needs)
    if prepared.raw_files is not None and set(stages) != {"raw"}:
        _record_groups(build, shard, prepared.raw_files)
    done = _mark(prepared, stages, outcomes, started)
    # Free the memory that Arrow caches for the next row group: publishing needs memory too.
    pa.default_memory_pool().release_unused()
    new_rows = sum(isinstance(outcomes[row], RowMade) for row in wanted_rows)
    _tell_done(shard, stages, outcomes, new_rows, time.monotonic() - started)
    return ShardDone(shard, done, new_rows, is_new=True)


def _make_from_groups(
    prepared: _Prepared,
    groups: RowGroups,
    write: Callable[[Sequence[Path], dict[int, Needs]], None],
    outcomes: Mapping[int, Outcome],
    workers: WorkerPool,
) -> _Prepared:
    """Make the rows in `needs` from their row groups alone.

    Returns what is left to do. Where rows come out otherwise than recorded, as by another encoder,
    the whole file is fetched: their index is written again. Until it agrees with the rows, it does
    not count as done.
    """
    build, shard, needs = prepared.build, prepared.shard, prepared.needs
    unmark(build, shard, "metadata")
    try:
        refuse_crashing(workers, [groups.path], shard, groups.numbers)
        write([groups.path], needs)
        known = {row: need.made for row, need in needs.items()}
        left = find_differing(build.plan, known, outcomes)
    except ShardCorrupt:
        left = list(needs)
    finally:
        groups.remove()
    if not left:
        return replace(prepared, needs={})
    log.warning("shard %s: its rows differ from the recorded ones; fetching all of it", shard.name)
    raw_files = fetch_raw(build, shard)
    refuse_crashing(workers, raw_files, shard)
    again = {row: Needs(mp3=True, json=True, made=None) for row in left}
    markers = dict(prepared.markers)
    del markers["metadata"]
    return replace(prepared, needs=again, raw_files=raw_files, markers=markers)


def _record_groups(build: Build, shard: Shard, raw_files: Sequence[Path]) -> None:
    """Record the hashes by which single row groups can be verified later."""
    if shard.layout == LAYOUT and len(shard.files) == 1:
        write_hashes(build, shard, raw_files[0])


def _tell_done(
    shard: Shard,
    stages: Collection[StageName],
    outcomes: dict[int, Outcome],
    new_rows: int,
    seconds: float,
) -> None:
    if set(stages) == {"raw"}:
        log.info("shard %s is here", shard.name, extra=per_shard())
        return
    failed = sum(isinstance(outcome, RowFailed) for outcome in outcomes.values())
    log.info(
        "shard %s is done: %d rows, %d of them new, %d failed, in %.1f s",
        shard.name,
        len(outcomes) - failed,
        new_rows,
        failed,
        seconds,
        extra=per_shard(),
    )


def _mark(
    prepared: _Prepared,
    stages: Collection[StageName],
    outcomes: dict[int, Outcome],
    started: float,
) -> dict[StageName, Marker]:
    """Mark the stages that are done now, the index before its own."""
    build, shard = prepared.build, prepared.shard
    seconds = round(time.monotonic() - started, 3)
    done: dict[StageName, Marker] = {}
    if "raw" in stages:
        done["raw"] = read_marker(build.state.marker(shard.name, "raw")) or raw_marker(shard, 0.0)
    if "audio" in stages:
        done["audio"] = audio_marker(outcomes, seconds)
    if "metadata" in stages:
        index = made_index_file(build.folder, shard.name)
        if prepared.raw_files is not None:
            made = {row: made for row, made in outcomes.items() if isinstance(made, RowMade)}
            with collect_lost() as collected, collect_taken() as lines:
                digest = write_index(index, build.plan, shard, prepared.raw_files, made)
            lost = dict(sorted(collected.items()))
            taken = lines[-1] if lines else ""
        else:
            digest = prepared.markers["metadata"].index_sha256
            lost = dict(prepared.markers["metadata"].lost)
            taken = prepared.markers["metadata"].taken
        size = index.stat().st_size if digest is not None else 0
        done["metadata"] = metadata_marker(outcomes, seconds, digest, size, lost, taken)
    for stage, marker in done.items():
        mark(build, shard, stage, marker)
    standing = prepared.markers | done
    if "metadata" not in done and "metadata" in standing:
        before = standing["metadata"]
        now = metadata_marker(
            outcomes,
            before.seconds,
            before.index_sha256,
            before.index_bytes,
            before.lost,
            before.taken,
        )
        if now == before:
            mark(build, shard, "metadata", before)
        else:
            # A row that had failed is made now, and its JSON is still missing.
            unmark(build, shard, "metadata")
            del standing["metadata"]
    _drop_raw_when_in(build, shard, standing)
    return done


def _drop_raw_when_in(build: Build, shard: Shard, markers: dict[StageName, Marker]) -> None:
    """Remove the fetched bytes once every possible row is made."""
    if users_of("raw") <= markers.keys():
        drop_raw(build, shard)


def _has_index(build: Build, shard: Shard, markers: dict[StageName, Marker]) -> bool:
    """Whether the index of a shard exists as its marker says."""
    marker = markers.get("metadata")
    if marker is None:
        return False
    index = made_index_file(build.folder, shard.name)
    size = index.stat().st_size if index.is_file() else 0
    return size == marker.index_bytes


def _refuse_missing_stage(
    build: Build, shard: Shard, stages: Collection[StageName], done: Collection[StageName]
) -> None:
    """Refuse a stage whose earlier stages are neither requested nor done."""
    last, missing = find_missing(stages, done)
    if missing:
        raise StageMissing(
            f"shard {shard.name} of {build.name}: {join_names(missing)} not done",
            why=f"{last} is made from what the earlier stages leave",
            mend=f"materialize {join_names(missing)} of this partition too",
        )
