"""Datasets compared in every way that is possible here."""

from collections.abc import Sequence
from pathlib import Path

from hugflow.audio.fingerprint import check_installed
from hugflow.corpus.sounds import find_alike, read_sounds
from hugflow.errors import UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.statistics.overlaps import (
    KINDS,
    Kind,
    Overlap,
    find_same_audio,
    find_same_speakers,
    find_same_texts,
)
from hugflow.statistics.tables import Table


@dataclass(frozen=True, slots=True)
class Compared:
    """The overlaps by kind, and the kinds that were compared; obstacle: why one was not."""

    overlaps: list[Overlap]
    kinds: tuple[Kind, ...]
    obstacle: UsageWrong | None = None


def compare_tables(tables: Sequence[Table], fingerprints: Path | None, workers: int) -> Compared:
    """Compare all rows of datasets.

    fingerprints: where they are kept; None compares by the indexes alone. Rows with the same
    samples are not listed again as the same sound.
    """
    audio = find_same_audio(tables)
    sound: list[Overlap] = []
    obstacle: UsageWrong | None = None
    if fingerprints is not None:
        try:
            check_installed()
            sound = _find_same_sound(tables, fingerprints, workers, audio)
        except UsageWrong as error:
            obstacle = error
    found = [*audio, *sound, *find_same_texts(tables), *find_same_speakers(tables)]
    is_left_out = fingerprints is None or obstacle is not None
    kinds = tuple(kind for kind in KINDS if kind != "sound" or not is_left_out)
    return Compared(found, kinds, obstacle)


def _find_same_sound(
    tables: Sequence[Table], folder: Path, workers: int, audio: Sequence[Overlap]
) -> list[Overlap]:
    with_audio = [table for table in tables if table.has_audio]
    sounds = [read_sounds(table, folder, workers) for table in with_audio]
    # A row that is a copy of another is compared as that one.
    copies = {(each.other_dataset, each.other_row) for each in audio}
    found: list[Overlap] = []
    for (first, at), (second, other_at) in find_alike(sounds):
        one = with_audio[first].name, int(sounds[first].rows[at])
        other = with_audio[second].name, int(sounds[second].rows[other_at])
        if one not in copies and other not in copies:
            found.append(Overlap("sound", *one, *other))
    return found
