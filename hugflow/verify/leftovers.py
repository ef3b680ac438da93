"""Files in a complete tree that no record names."""

import os
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

import numpy as np

from hugflow.exports.recorded import RecordedExport
from hugflow.exports.registry import rendered_exports
from hugflow.late_dataclass import dataclass
from hugflow.stages.tree.flow_files import flows_folder
from hugflow.store.atomic import TEMPORARY_SUFFIX
from hugflow.store.layout import DatasetFolder, Places
from hugflow.store.locks import is_held
from hugflow.verify.differences import Difference, Finder

NAMES_AT_ONCE = 4096


@dataclass(slots=True)
class Names:
    """File names as hashes of eight bytes each; the hashes are valid in this process only."""

    _hashes: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, name: str) -> None:
        """Add a name."""
        self._hashes.append(hash(name))

    def strangers(self, names: Iterable[str]) -> Iterator[str]:
        """The unknown ones of `names`, in order; by a hash, so one may be overlooked."""
        known = np.sort(np.frombuffer(self._hashes, dtype=np.int64))
        piece: list[str] = []
        for name in names:
            piece.append(name)
            if len(piece) == NAMES_AT_ONCE:
                yield from _unknown(known, piece)
                piece = []
        yield from _unknown(known, piece)


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """The file names that rows, index and manifest account for, by folder.

    mp3s: by the folder of each audio column.
    """

    mp3s: dict[Path, Names]
    json: Names = field(default_factory=Names)
    index: Names = field(default_factory=Names)
    exports: dict[Path, Names] = field(default_factory=dict)

    def add_exports(self, folder: DatasetFolder, recorded: Mapping[str, RecordedExport]) -> None:
        """Add the files that the manifest records, and their folders."""
        for export in recorded.values():
            for name in export.files:
                path = folder.root / name
                self.exports.setdefault(path.parent, Names()).add(path.name)
                if folder.root not in (path.parent, path.parent.parent):
                    outer = self.exports.setdefault(path.parent.parent, Names())
                    outer.add(path.parent.name)


def find_leftovers(
    places: Places,
    folder: DatasetFolder,
    find: Finder,
    known: KnownFiles,
    *,
    are_rows_known: bool,
) -> Iterator[Difference]:
    """Temporary files and unknown files.

    are_rows_known: if False, some indexes cannot be read, and MP3s and JSONs may belong to their
        rows. While another process works on the dataset, temporary files are its own.
    """
    locks = places.dataset_lock(find.dataset).parent.glob("*.lock")
    is_busy = any(is_held(lock) for lock in locks)
    for part, names in ((folder.root, _own_names(folder, known)), *_by_folder(folder, known)):
        are_known = are_rows_known or part not in (folder.json, *known.mp3s)
        for name in names.strangers(_names_in(part)):
            is_temporary = name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)
            if is_temporary and not is_busy:
                yield find("temporary_file", part / name, "a run that was stopped left it")
            elif not is_temporary and are_known:
                yield find("unknown_file", part / name, "nothing in the dataset knows of it")


def _own_names(folder: DatasetFolder, known: KnownFiles) -> Names:
    """The names directly in a tree."""
    names = known.exports.get(folder.root, Names())
    reworded = (folder.root / e.reworded.path for e in rendered_exports() if e.reworded is not None)
    parts = (part for part in known.exports if part.parent == folder.root)
    for path in (folder.audio, folder.json, folder.index, flows_folder(folder), *parts):
        names.add(path.name)
    for path in (folder.failures, folder.manifest, *reworded):
        names.add(path.name)
    return names


def _by_folder(folder: DatasetFolder, known: KnownFiles) -> list[tuple[Path, Names]]:
    for path in known.mp3s:
        if path.parent in known.mp3s:
            known.mp3s[path.parent].add(path.name)
    mp3s = known.mp3s if folder.audio in known.mp3s else {folder.audio: Names()}
    rows = [*mp3s.items(), (folder.json, known.json), (folder.index, known.index)]
    return [*rows, *((part, known.exports[part]) for part in known.exports if part != folder.root)]


def _names_in(folder: Path) -> Iterator[str]:
    """The names in a folder; empty if it is missing or a link."""
    if folder.is_symlink() or not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name


def _unknown(known: "np.ndarray[tuple[int], np.dtype[np.int64]]", names: list[str]) -> list[str]:
    if not len(known):
        return names
    hashes = np.fromiter(map(hash, names), dtype=np.int64, count=len(names))
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return [names[at] for at in np.flatnonzero(known[places] != hashes).tolist()]
