"""Adopting the results of row steps in a complete tree whose ledger is lost."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from hugflow.stages.build.build import Build
from hugflow.stages.flowing.run_steps import journal_path
from hugflow.stages.flowing.step_journal import RowFlowed, StepJournal
from hugflow.stages.tree.flow_files import DROPPED, errors_file, step_folder, step_kept
from hugflow.stages.tree.manifest import KEEP, Manifest, ManifestStep
from hugflow.store.atomic import read_file

_DROPPED_BYTES: Final = len(json.dumps(DROPPED)) + 1


def adopt_steps(build: Build, manifest: Manifest) -> None:
    """Write missing journals of steps again, under the versions that the manifest has.

    manifest: of the build's tree. Only of a step whose files are as many and as large as the manifest
    says, and none newer than the manifest: files of a later run may be of another version. The
    caller holds the dataset's lock.
    """
    published_at = build.folder.manifest.stat().st_mtime_ns
    for step in manifest.flows.steps if manifest.flows is not None else ():
        if step.flow == KEEP:
            continue
        found = _read_outcomes(build, step, published_at)
        if found is None:
            return
        found |= _read_errors(build, step.name)
        for shard in build.shards:
            path = journal_path(build, shard, step.name)
            if not path.exists():
                rows = sorted(found.keys() & set(shard.row_range))
                with StepJournal(path, step.version) as journal:
                    journal.append((row, found[row]) for row in rows)


def _read_outcomes(
    build: Build, step: ManifestStep, published_at: int
) -> dict[int, RowFlowed] | None:
    """What the step's files say of each row; None where they are not those of the manifest."""
    found: dict[int, RowFlowed] = {}
    with suppress(FileNotFoundError), os.scandir(step_folder(build.folder, step.name)) as entries:
        for entry in entries:
            stem = entry.name.removesuffix(".json")
            if not stem.isdecimal():
                continue
            facts = entry.stat(follow_symlinks=False)
            if facts.st_mtime_ns > published_at:
                return None
            row, size = int(stem), facts.st_size
            is_out = size != _DROPPED_BYTES or step_kept(build.folder, step.name, row)
            found[row] = RowFlowed("out" if is_out else "dropped", size_bytes=size)
    kinds = [each.kind for each in found.values()]
    size_bytes = sum(each.size_bytes for each in found.values())
    told = kinds.count("out"), kinds.count("dropped"), size_bytes
    return found if told == (step.rows, step.dropped, step.bytes) else None


def _read_errors(build: Build, step: str) -> Mapping[int, RowFlowed]:
    """The rows at which a step failed; none if the list cannot be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        lines = map(json.loads, read_file(errors_file(build.folder)).splitlines())
        return {
            line["row"]: RowFlowed("error", line["message"])
            for line in lines
            if line["step"] == step
        }
    return {}
