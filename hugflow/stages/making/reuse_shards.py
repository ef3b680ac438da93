"""Reusing shards of the existing tree whose published file is unchanged.

Files are linked, not copied: both trees share them until one tree is deleted.
"""

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path, PurePosixPath
from threading import Lock

from hugflow.clients.repository import RepoId
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Journal, Outcome, RowMade
from hugflow.ledger.markers import read_marker
from hugflow.shards.counts import counted
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.making.mark_stages import audio_marker, mark, metadata_marker, raw_marker
from hugflow.stages.making.rows_on_disk import read_shard
from hugflow.stages.tree.flow_files import made_index_file

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Reuse:
    """Reuses shards of the predecessor's tree, for one run. Safe to use from threads."""

    build: Build
    _changed: frozenset[str] | None = None
    _asking: Lock = field(default_factory=Lock)

    def take(self, shard: Shard) -> None:
        """Link the files of a shard from the predecessor's tree, and write its ledger.

        Does nothing for a shard that was begun. A row is not reused if its clip is a separate file
        that changed between the commits. If the disk does not support links, the rows are made
        again. The caller holds the shard's lock.
        """
        build, before = self.build, self.build.predecessor
        old = before.shard_by_name.get(shard.name) if before is not None else None
        if before is None or old is None or build.state.journal(shard.name).exists():
            return
        with self._asking:
            changed = self._find_changed(before.plan.commit)
        standing = replace(
            build, plan=before.plan, folder=build.places.dataset(build.name), predecessor=None
        )
        old = counted(standing.state, old)
        disk = read_shard(standing, old)
        # A row may have failed because of a file that has changed since.
        outcomes: dict[int, Outcome] = {} if changed else {**disk.failed}
        try:
            for row, made in disk.made.items():
                if _may_be_changed(build, made, changed):
                    continue
                taken = _link_row(build, standing, made, with_json=before.has_same_json)
                if taken is not None:
                    outcomes[row] = taken
        except OSError as error:
            log.info("%s: shard %s is made again: %s", build.name, shard.name, error.strerror)
            return
        with Journal(build.state.journal(shard.name)) as journal:
            journal.append(outcomes.values())
        if len(outcomes) == old.rows and before.has_same_json:
            _take_markers(build, shard, standing, old, outcomes)
        log.info("%s: took over %d rows of shard %s", build.name, len(outcomes), shard.name)

    def _find_changed(self, old_commit: str) -> frozenset[str]:
        """The files that were changed or deleted in the repository since the old commit."""
        plan = self.build.plan
        if self._changed is None and old_commit == plan.commit:
            self._changed = frozenset()
        if self._changed is None:
            hub, repo = self.build.hub, RepoId.dataset(plan.request.hf_id)
            new = {file.path: file.digest for file in hub.list_files(repo, plan.commit, "")}
            self._changed = frozenset(
                file.path
                for file in hub.list_files(repo, old_commit, "")
                if new.get(file.path) != file.digest
            )
        return self._changed


def _may_be_changed(build: Build, made: RowMade, changed: frozenset[str]) -> bool:
    """Whether a row's path may mean a changed file."""
    paths = [clip.audio.source_path for clip in made.clips if clip.audio.source_path is not None]
    own = (re.sub(r"\Ahf://datasets/[^@]+@[0-9a-f]{40}/", "", path) for path in paths)
    return bool(changed) and any(PurePosixPath(path).as_posix() in changed for path in own)


def _link_row(build: Build, standing: Build, made: RowMade, *, with_json: bool) -> RowMade | None:
    """Link a row's files; None when there is nothing to link."""
    if build.plan.audio_column is not None:
        if made.mp3_bytes is None:
            return None
        for mp3 in build.mp3_paths(made.stem):
            _link(standing.folder.root / mp3, build.folder.root / mp3)
    if not with_json or made.json_bytes is None:
        return replace(made, json_bytes=None) if made.audio is not None else None
    name = f"{made.row}.json"
    _link(standing.folder.json / name, build.folder.json / name)
    return made


def _take_markers(
    build: Build, shard: Shard, standing: Build, old: Shard, outcomes: Mapping[int, Outcome]
) -> None:
    """Reuse a finished shard as finished, with its index."""
    marker = read_marker(standing.state.marker(old.name, "metadata"))
    is_whole = all(not isinstance(row, RowMade) or row.json_bytes for row in outcomes.values())
    if marker is None or not is_whole:
        return
    if marker.index_sha256 is not None:
        index = made_index_file(standing.folder, old.name)
        if not index.is_file() or index.stat().st_size != marker.index_bytes:
            return
        _link(index, made_index_file(build.folder, shard.name))
    digest, size = marker.index_sha256, marker.index_bytes
    mark(build, shard, "raw", raw_marker(replace(shard, rows=old.rows), 0.0))
    mark(build, shard, "audio", audio_marker(outcomes, 0.0))
    mark(build, shard, "metadata", metadata_marker(outcomes, 0.0, digest, size))


def _link(source: Path, target: Path) -> None:
    """Make `target` a link to the file `source`, replacing what a killed call left there."""
    try:
        os.link(source, target)
    except FileExistsError:
        if not target.samefile(source):
            target.unlink()
            os.link(source, target)
