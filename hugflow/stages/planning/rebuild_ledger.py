"""Adopting a complete tree without its ledger: manifest, index and failures have every row."""

import logging
from dataclasses import replace
from pathlib import Path

from hugflow.amounts import count
from hugflow.ledger.journal import Clip, Journal, Outcome, RowMade
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.making.mark_stages import audio_marker, mark, metadata_marker, raw_marker
from hugflow.stages.tree.failures import read_failed_rows
from hugflow.stages.tree.flow_files import made_index_file
from hugflow.stages.tree.index_rows import read_indexed
from hugflow.stages.tree.manifest import read_manifest
from hugflow.store.digest import file_sha256

log = logging.getLogger(__name__)


def adopt_tree(build: Build) -> None:
    """Write a missing ledger again, from a tree that this very plan made.

    Covers only shards without a journal whose index has the hash in the manifest; the rows of other
    shards are made again. Sizes are those on disk. The caller holds the dataset's lock.
    """
    missing = [s for s in build.plan.shards if not build.state.journal(s.name).exists()]
    if not missing:
        return
    is_beside = build.folder != build.stored.folder
    manifest = read_manifest(build.folder.manifest) if is_beside else build.stored.manifest
    if manifest is None or manifest.plan != build.plan.id:
        return
    failed = read_failed_rows(build.folder.failures).rows
    # With row steps or `keep`, the index of the made rows lies beside the published one.
    made = manifest.index if manifest.flows is None else manifest.flows.made_index
    adopted = 0
    for shard in missing:
        index = made_index_file(build.folder, shard.name)
        expected = made.get(f"index/{index.name}")
        if expected is not None and index.is_file() and file_sha256(index) == expected:
            # A row that exists has not failed, whatever a damaged line says.
            outcomes: dict[int, Outcome] = {
                row: failed[row] for row in failed if row in shard.row_range
            }
            outcomes |= _read_index(build, index)
            _write_ledger(build, shard, outcomes, expected, index.stat().st_size)
            adopted += 1
    if adopted and manifest.flows is not None:
        # Imported for a dataset that has steps.
        from hugflow.stages.flowing.adopt_steps import adopt_steps

        adopt_steps(build, manifest)
    if adopted:
        log.info("%s: %s read from its tree again", build.name, count(adopted, "finished shard"))


def _write_ledger(
    build: Build, shard: Shard, outcomes: dict[int, Outcome], index_sha256: str, index_bytes: int
) -> None:
    """Write the journal and the markers of a finished shard. Missing files are found later."""
    by_row = dict(sorted(outcomes.items()))
    with Journal(build.state.journal(shard.name)) as journal:
        journal.append(by_row.values())
    rows = len(by_row) if shard.rows is None else shard.rows
    mark(build, shard, "raw", raw_marker(replace(shard, rows=rows), 0.0))
    mark(build, shard, "audio", audio_marker(by_row, 0.0))
    mark(build, shard, "metadata", metadata_marker(by_row, 0.0, index_sha256, index_bytes))


def _read_index(build: Build, index: Path) -> dict[int, Outcome]:
    """The rows of an index, with the sizes of their files on disk."""
    return {
        made.row: _with_sizes(build, made)
        for piece in read_indexed(index, all_audio=build.plan.all_audio)
        for made in piece
    }


def _with_sizes(build: Build, made: RowMade) -> RowMade:
    sizes = [_size(build.folder.root / path) for path in build.mp3_paths(made.stem)]
    return replace(
        made,
        mp3_bytes=sizes[0] if sizes else None,
        json_bytes=_size(build.folder.json / f"{made.row}.json"),
        other_clips=tuple(map(Clip, sizes[1:], (clip.audio for clip in made.other_clips))),
    )


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
