"""The list of exports, and questions about all of them. A new export is one more line here."""

from collections.abc import Iterator
from pathlib import Path

from hugflow.exports.card import CARD
from hugflow.exports.export import Export, Foreseen, Size
from hugflow.exports.index import INDEX
from hugflow.store.layout import DatasetFolder

EXPORTS: tuple[Export, ...] = (INDEX, CARD)


def rendered_exports() -> Iterator[Export]:
    """The exports that are written when a dataset is published, in the order of the list."""
    return (export for export in EXPORTS if not export.is_per_shard)


def find_export(path: Path) -> Export | None:
    """The export that a file belongs to, by its path relative to the tree."""
    return next((export for export in EXPORTS if export.owns(path)), None)


def export_folders(folder: DatasetFolder) -> list[Path]:
    """The folders of a tree that hold exports."""
    names = dict.fromkeys(export.folder for export in EXPORTS if export.folder)
    return [folder.root / name for name in names]


def foresee_exports(foreseen: Foreseen) -> Size:
    """The estimated size of all exports of a dataset."""
    sizes = [export.foresee(foreseen) for export in EXPORTS]
    return Size(sum(size.files for size in sizes), sum(size.bytes for size in sizes))
