"""The list of exports, and questions about all of them. A new export is one more line here."""

from collections.abc import Collection, Iterator
from pathlib import Path

from hugflow.exports.card import CARD
from hugflow.exports.croissant import CROISSANT
from hugflow.exports.export import Export, Foreseen, Size
from hugflow.exports.index import INDEX
from hugflow.exports.kaldi import ESPNET, KALDI
from hugflow.exports.lhotse import LHOTSE
from hugflow.exports.metadata import METADATA
from hugflow.exports.nemo import NEMO
from hugflow.exports.speech_tables import COQUI, F5_TTS, LJSPEECH, SPEECHBRAIN
from hugflow.exports.tars import SHAR, WEBDATASET
from hugflow.store.layout import DatasetFolder

EXPORTS: tuple[Export, ...] = (
    INDEX,
    CARD,
    NEMO,
    LHOTSE,
    METADATA,
    KALDI,
    ESPNET,
    LJSPEECH,
    COQUI,
    F5_TTS,
    SPEECHBRAIN,
    CROISSANT,
    WEBDATASET,
    SHAR,
)


def rendered_exports(chosen: Collection[str] = ()) -> Iterator[Export]:
    """The exports that are written when a dataset is published, in the order of the list.

    chosen: names of those that are written only on demand.
    """
    return (
        export
        for export in EXPORTS
        if not export.is_per_shard and (not export.is_chosen or export.name in chosen)
    )


def find_export(path: Path) -> Export | None:
    """The export that a file belongs to, by its path relative to the tree."""
    return next((export for export in EXPORTS if export.owns(path)), None)


def named_export(name: str) -> Export | None:
    """The export of that name, of those that are written on demand."""
    return next((each for each in EXPORTS if each.is_chosen and each.name == name), None)


def export_folders(folder: DatasetFolder) -> list[Path]:
    """The folders of a tree that hold exports."""
    names = dict.fromkeys(name for export in EXPORTS for name in export.folders)
    return [folder.root / name for name in names]


def foresee_exports(foreseen: Foreseen, chosen: Collection[str] = ()) -> Size:
    """The estimated size of the exports of a dataset."""
    sizes = [
        export.foresee(foreseen)
        for export in EXPORTS
        if not export.is_chosen or export.name in chosen
    ]
    return Size(sum(size.files for size in sizes), sum(size.bytes for size in sizes))
