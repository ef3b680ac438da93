"""Preparing a shard: under its lock, what it lacks, and its fetched files if they are needed."""

from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path

from hugflow.activity import count_kept
from hugflow.errors import ShardUnreadable, StageMissing
from hugflow.late_dataclass import dataclass
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
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.build.still_in_force import refuse_superseded, relocated
from hugflow.stages.making.make_rows import Needs
from hugflow.stages.making.mark_stages import unmark
from hugflow.stages.making.raw_file import fetch_raw, remove_raw
from hugflow.stages.making.renamed_storage import rename_paths
from hugflow.stages.making.reuse_shards import Reuse
from hugflow.stages.making.row_groups import RowGroups, fetch_groups
from hugflow.stages.making.rows_on_disk import ShardOnDisk, read_shard
from hugflow.stages.tree.flow_files import made_index_file


@dataclass(frozen=True, slots=True)
class Wanted:
    """The stages to do. retries: failed rows again; force: existing files again."""

    stages: Collection[StageName]
    retries: bool
    force: bool


@dataclass(frozen=True, slots=True)
class Prepared:
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

    def __enter__(self) -> "Prepared":
        return self

    def __exit__(self, *_: object) -> None:
        self.lock.close()


def is_done(build: Build, wanted: Wanted, shard: Shard) -> bool:
    """Whether the stages are marked, so that few bytes, if any, are to be fetched."""
    markers = (read_marker(build.state.marker(shard.name, stage)) for stage in wanted.stages)
    return not wanted.force and all(marker is not None for marker in markers)


def prepare(
    build: Build, reuse: Reuse, wanted: Wanted, is_stopped: Callable[[], bool], shard: Shard
) -> Prepared:
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
        return Prepared(build, shard, disk, needs, markers, raw_files, lock.pop_all(), groups)


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


def _find_needs(build: Build, shard: Shard, disk: ShardOnDisk, wanted: Wanted) -> dict[int, Needs]:
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
