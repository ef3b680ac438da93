"""Making the shards of a build: one path for the command line and for Dagster.

For each shard, under its lock: find what exists on disk, then make the rest: fetch, encode, write,
index, mark. The next shards are fetched while this one is encoded.

What runs native code on fetched bytes may crash the process, so it runs in child processes first
(`hugflow.workers`): they read each file, and convert each clip that must be decoded. They are
started when there is something to do for them, and end with the iterator.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from hugflow.activity import per_shard
from hugflow.errors import (
    HubUnavailable,
    HugflowError,
    RequestInvalid,
    ShardCorrupt,
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
    users_of,
)
from hugflow.shards.lost_values import collect_lost
from hugflow.shards.plan import Shard
from hugflow.shards.rehearse import refuse_crashing
from hugflow.shards.taken_lines import collect_taken
from hugflow.stages.build.build import Build
from hugflow.stages.making.group_hashes import LAYOUT, write_hashes
from hugflow.stages.making.make_rows import Needs, make_rows
from hugflow.stages.making.mark_stages import (
    audio_marker,
    mark,
    metadata_marker,
    raw_marker,
    unmark,
)
from hugflow.stages.making.prepare_shard import Prepared, Wanted
from hugflow.stages.making.quota import Quota, open_quota
from hugflow.stages.making.raw_file import drop_raw, fetch_raw
from hugflow.stages.making.row_groups import RowGroups, find_differing
from hugflow.stages.making.shards_ahead import ShardsAhead
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
    wanted = Wanted(stages, retry_failed or force or find_published(build) is None, force)
    with open_workers(talks=True) as workers, ShardsAhead(build, shards, wanted) as ahead:
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


def _make(
    prepared: Prepared,
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
    prepared: Prepared,
    groups: RowGroups,
    write: Callable[[Sequence[Path], dict[int, Needs]], None],
    outcomes: Mapping[int, Outcome],
    workers: WorkerPool,
) -> Prepared:
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
    prepared: Prepared,
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
