"""Samples of a dataset whose JSON files name another STORAGE_ROOT."""

import json
from collections.abc import Iterator
from pathlib import Path

from hugflow.rows.record import json_names
from hugflow.stages.tree.manifest import read_manifest
from hugflow.store.atomic import read_file
from hugflow.store.layout import DatasetFolder, Places
from hugflow.verify.differences import Difference, Finder


def find_stale_samples(places: Places, find: Finder) -> Iterator[Difference]:
    """A difference for each sample below STORAGE_ROOT whose rows name it by another name.

    One row of each is read: all were written at once. What is unfinished is passed over.
    """
    samples = places.samples(find.dataset)
    for tree in sorted(samples.glob("first_*")) if samples.is_dir() else ():
        folder = DatasetFolder(tree)
        row = next(folder.json.glob("[0-9]*.json"), None)
        told = None if row is None else _read_path(folder, row)
        if row is None or told is None:
            continue
        root, _, below = told.partition("/")
        if root != places.storage_root.name:
            number = tree.name.removeprefix("first_")
            message = (
                f"it names {told!r}, where {f'{places.storage_root.name}/{below}'!r} is meant: make "
                f"the sample again with `hugflow local-sync FILE --limit {number}`"
            )
            yield find("json_differs", row, message, row=int(row.stem))


def _read_path(folder: DatasetFolder, row: Path) -> str | None:
    """The path of the main MP3 in a row's JSON; None where it cannot be read, and without audio."""
    manifest = read_manifest(folder.manifest)
    if manifest is None or manifest.audio_column is None:
        return None
    names = json_names(manifest.columns, manifest.all_audio, manifest.text_column)
    try:
        field = names[manifest.columns.index(manifest.audio_column)]
        told = json.loads(read_file(row))[field]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return told if isinstance(told, str) else None
