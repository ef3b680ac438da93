"""Writing one export of a stored dataset to a folder outside of it."""

import logging
import os
from collections.abc import Collection
from pathlib import Path

from hugflow.errors import StageMissing, StateUnreadable
from hugflow.exports.export import Export, ExportSource
from hugflow.exports.tars import WEBDATASET
from hugflow.shards.plan import Plan
from hugflow.shards.plans import read_plan
from hugflow.stages.publishing.earlier_tars import delete_earlier_tars, read_earlier_tars
from hugflow.stages.publishing.out_folder import refuse_out
from hugflow.stages.publishing.stored_tables import whole_index
from hugflow.stages.publishing.write_exports import write_export_file
from hugflow.stages.tree.manifest import Manifest
from hugflow.stages.tree.stored_dataset import glance_at_dataset
from hugflow.store.layout import Places

log = logging.getLogger(__name__)


def export_stored(
    places: Places,
    name: str,
    export: Export,
    out: Path,
    *,
    description: str | None = None,
    is_absolute: bool = False,
    is_piped: bool = False,
) -> list[Path]:
    """Write an export of a complete dataset into the folder `out`; returns the files, in order.

    Deletes the tars that an earlier export of the dataset wrote there and this one does not. The
    dataset itself does not change. Paths of clips lead from `out` to the dataset.
    description: the request author's text; default: the dataset's name.
    is_absolute: write absolute paths.
    is_piped: write commands where a tool needs them to read MP3.

    Raises StageMissing for a dataset that is not complete, UsageWrong for an `out` in storage, and
    StateUnreadable when its plan is lost, or an index is missing or damaged.
    """
    stored = glance_at_dataset(places, name)
    manifest, root = stored.manifest, stored.folder.root
    if manifest is None:
        raise _incomplete(name)
    refuse_out(places, out)
    if export.is_beside_clips:
        log.warning(
            "`datasets` reads %s only in the folder of its clips, where `exports: [%s]` in the "
            "request puts it; this copy is for other readers",
            export.name,
            export.name,
        )
    way = root.absolute() if is_absolute else Path(os.path.relpath(root.resolve(), out.resolve()))
    source = ExportSource(
        _plan_of_index(places, manifest),
        stored.folder,
        description or name,
        manifest.statistics,
        home=stored.folder,
        index=whole_index(name, root, manifest.index),
        clips=f"{way.as_posix()}/",
        is_piped=is_piped,
        keep=manifest.keep,
    )
    earlier = read_earlier_tars(out, manifest.dataset) if export is WEBDATASET else []
    written: list[Path] = []
    for file in export.render(source) if export.render is not None else ():
        path = out / file.path
        write_export_file(path, file.pieces)
        written.append(path)
    delete_earlier_tars(earlier, written)
    _tell_others(export, out, written)
    return written


def _tell_others(export: Export, out: Path, written: Collection[Path]) -> None:
    """Warn of files with names of the export, in its own folders, that are from something else."""
    others = [
        path
        for folder in export.folders
        for path in sorted((out / folder).glob("*"))
        if path not in written and export.owns(path.relative_to(out))
    ]
    if others:
        log.warning(
            "%s: %d files are not from this export, such as %s: who reads the whole folder "
            "reads them, too",
            out / export.folder,
            len(others),
            others[0].relative_to(out / export.folder),
        )


def open_source(places: Places, name: str) -> ExportSource:
    """A complete dataset as exports read it, with absolute paths of clips.

    Raises StageMissing for one that is not complete, StateUnreadable when its plan is lost,
    or an index is missing or damaged.
    """
    stored = glance_at_dataset(places, name)
    if stored.manifest is None:
        raise _incomplete(name)
    return ExportSource(
        _plan_of_index(places, stored.manifest),
        stored.folder,
        name,
        stored.manifest.statistics,
        home=stored.folder,
        index=whole_index(name, stored.folder.root, stored.manifest.index),
        clips=f"{stored.folder.root.absolute().as_posix()}/",
    )


def _incomplete(name: str) -> StageMissing:
    return StageMissing(
        f"{name} is not complete",
        why="it has no manifest yet, so an export would have some of its rows",
        mend="finish it with `hugflow local-sync FILE`",
    )


def _plan_of_index(places: Places, manifest: Manifest) -> Plan:
    plan = read_plan(places, manifest.dataset, manifest.plan)
    if plan is None:
        raise StateUnreadable(
            f"the plan of {manifest.dataset} is missing",
            why="STATE_DIR does not hold it any more, and it says what the columns are",
            mend="`hugflow local-sync FILE` brings it back",
        )
    return plan if manifest.flows is None else manifest.flows.of_index(plan)
