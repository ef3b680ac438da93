"""The size of each dataset: rows, files, bytes and seconds.

A tree is measured by its manifest or its ledger, so millions of files cost nothing. Other trees
of a dataset are few and small, or exist for a short time, and are measured file by file.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Self

from hugflow.errors import StateUnreadable
from hugflow.exports.registry import export_folders
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import RowMade, read_journal
from hugflow.ledger.markers import Marker, read_marker
from hugflow.shards.plan import Plan, Shard
from hugflow.shards.plans import read_current_id, read_plan
from hugflow.stages.tree.exchange import read_standing
from hugflow.stages.tree.flow_files import flows_folder, made_rows_folder, next_steps_folder
from hugflow.stages.tree.manifest import KEEP, Manifest, read_manifest
from hugflow.store.layout import DatasetFolder, DatasetState, Places


@dataclass(frozen=True, slots=True)
class Measured:
    """What exists of a dataset or a shard.

    bytes: of MP3 and JSON files.
    other_bytes: of the exports, the files beside the rows, and the dataset's other trees.
    files: the number of all these files.
    seconds: of audio.
    """

    rows: int = 0
    failed_rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    shards_done: int = 0
    files: int = 0
    other_bytes: int = 0

    @property
    def all_bytes(self) -> int:
        """All its bytes on disk."""
        return self.bytes + self.other_bytes

    def __add__(self, other: Self) -> "Measured":
        """The sum of both."""
        return Measured(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def measure_storage(places: Places) -> int:
    """Bytes of all datasets below STORAGE_ROOT, finished or not, without the trash."""
    roots = [places.storage_root, places.next_trees("any").parent, places.samples("any").parent]
    names = {path.name for root in roots for path in _folders(root)} - {roots[-1].name}
    measured = (
        measure_dataset(places, name, read_manifest(places.dataset(name).manifest))
        for name in names
    )
    return sum(each.all_bytes for each in measured)


def measure_dataset(places: Places, name: str, manifest: Manifest | None) -> Measured:
    """The size of a dataset below STORAGE_ROOT: its tree, its next trees, its samples.

    manifest: of its tree. Rows and seconds are those of the tree; 0 without manifest and ledger.
    """
    folder = places.dataset(name)
    measured = Measured()
    if manifest is not None:
        measured = measure_manifest(manifest) + _measure_beside_rows(folder)
    elif plan := _read_standing_plan(places, name):
        measured = measure_plan(places, plan) + _measure_beside_rows(folder)
        measured += _measure_steps(folder)
    beside = (places.next_trees(name), places.samples(name), places.versions(name))
    return sum(map(_measure_files, beside), measured)


def all_bytes_of(places: Places, name: str, manifest: Manifest | None, unfinished: Measured) -> int:
    """All bytes of a dataset below STORAGE_ROOT, without walking through a tree of rows.

    manifest: of its tree. unfinished: what exists of the plan's rows, where those are not its rows.
    """
    folder = places.dataset(name)
    measured = unfinished
    if folder.root.is_dir():
        measured += _measure_beside_rows(folder)
        measured += measure_manifest(manifest) if manifest is not None else _measure_steps(folder)
    return (measured + _measure_files(places.samples(name))).all_bytes


def measure_manifest(manifest: Manifest) -> Measured:
    """The rows of a complete tree, and the files of its steps."""
    steps = manifest.flows.steps if manifest.flows is not None else ()
    # `keep` has no file for each row.
    steps = tuple(step for step in steps if step.flow != KEEP)
    return Measured(
        rows=manifest.rows.made,
        failed_rows=manifest.rows.failed,
        bytes=manifest.size_bytes,
        seconds=manifest.audio.seconds,
        shards_done=manifest.source.shard_count,
        files=manifest.audio.files
        + manifest.json.files
        + sum(step.rows + step.dropped for step in steps),
        other_bytes=sum(step.bytes for step in steps),
    )


def measure_plan(places: Places, plan: Plan) -> Measured:
    """What exists of a plan's rows, by its ledger: markers, and journals of begun shards."""
    return sum((measure_shard(places, plan, shard) for shard in plan.shards), Measured())


def measure_shard(places: Places, plan: Plan, shard: Shard) -> Measured:
    """What exists of the rows of one shard."""
    state = places.state(plan.dataset, plan.id)
    audio = read_marker(state.marker(shard.name, "audio"))
    metadata = read_marker(state.marker(shard.name, "metadata"))
    if audio is None or metadata is None:
        return _measure_begun(state, shard)
    return _measure_done(audio, metadata, columns=len(plan.all_audio))


def _measure_done(audio: Marker, metadata: Marker, *, columns: int) -> Measured:
    return Measured(
        rows=metadata.rows,
        failed_rows=len(metadata.failed_rows),
        bytes=audio.bytes + metadata.bytes,
        seconds=audio.audio_seconds,
        shards_done=1,
        files=metadata.rows + audio.rows * columns,
    )


def _measure_begun(state: DatasetState, shard: Shard) -> Measured:
    outcomes = read_journal(state.journal(shard.name)).values()
    made = [outcome for outcome in outcomes if isinstance(outcome, RowMade)]
    mp3s = [clip.mp3_bytes for row in made for clip in row.clips]
    sizes = [size for size in (*mp3s, *(row.json_bytes for row in made)) if size is not None]
    return Measured(
        rows=sum(row.json_bytes is not None for row in made),
        failed_rows=len(outcomes) - len(made),
        bytes=sum(sizes),
        seconds=sum(row.audio.duration for row in made if row.audio is not None),
        files=len(sizes),
    )


def _read_standing_plan(places: Places, name: str) -> Plan | None:
    """The plan whose rows are in an unfinished tree; None if unknown."""
    try:
        current = read_current_id(places, name)
        standing = read_standing(places, name, None, current) if current is not None else None
        return read_plan(places, name, standing) if standing is not None else None
    except StateUnreadable:
        return None


def _measure_beside_rows(folder: DatasetFolder) -> Measured:
    """The exports of a tree, such as its index and its card, its manifest and failures.

    And results of changed steps that are not published yet.
    """
    of_steps = (flows_folder(folder), made_rows_folder(folder))
    parts = [part for part in (folder.root, *export_folders(folder), *of_steps) if part.is_dir()]
    found = _stat_each(path for part in parts for path in part.iterdir())
    sizes = [status.st_size for status in found if stat.S_ISREG(status.st_mode)]
    next_steps = _measure_files(next_steps_folder(folder))
    return Measured(files=len(sizes), other_bytes=sum(sizes)) + next_steps


def _measure_steps(folder: DatasetFolder) -> Measured:
    """The rows' files of the steps of an unfinished tree, file by file."""
    steps = _folders(flows_folder(folder))
    return sum(map(_measure_files, steps), Measured())


def _measure_files(tree: Path) -> Measured:
    """The size of all files below a folder, file by file.

    A file that two trees share counts only for the older tree.
    """
    paths = (Path(folder, name) for folder, _, names in os.walk(tree) for name in names)
    sizes = [status.st_size for status in _stat_each(paths) if status.st_nlink == 1]
    return Measured(files=len(sizes), other_bytes=sum(sizes))


def _stat_each(paths: Iterable[Path]) -> Iterator[os.stat_result]:
    """The files that still exist: another process may be at work in the tree."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield path.lstat()


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return [path for path in root.iterdir() if path.name[0] != "." and path.is_dir()]
