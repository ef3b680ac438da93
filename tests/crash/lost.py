"""What no crash may do to a dataset: lose a row, double one, or leave one that is no sound."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import soundfile

from hugflow.audit import find_faults
from hugflow.ledger.journal import RowMade, read_journal
from hugflow.store.layout import DatasetFolder
from tests.projects import Project
from tests.trees import read_rows_json, read_tree

# When a file was written, and which one it is: one that is made again is another file.
Stamps = dict[Path, tuple[int, int]]


def check_nothing_lost(project: Project, name: str, finished: dict[str, bytes]) -> Stamps:
    """Look at what a crash left, as it lies there; gives the stamps of every finished row.

    finished: the tree of an undisturbed run, which `check_sound` was made sure of.
    """
    folder = project.dataset(name)
    for path in (path for path in folder.root.rglob("*") if path.is_file()):
        words = path.relative_to(folder.root).as_posix()
        # Not the manifest's `run`, and not what nobody reads under its hidden name.
        if path.name[0] != "." and path != folder.manifest:
            assert path.read_bytes() == finished[words], f"{words} is not what it is to become"
    rows = read_rows_json(folder)
    clips = {row: folder.root / info["path"] for row, info in _audio_infos(rows).items()}
    assert all(clip.is_file() for clip in clips.values()), "a JSON stands without its MP3"
    assert max(Counter(clips.values()).values(), default=1) == 1, "two rows have one MP3"
    for journal in (project.places.state_dir / "ledger" / name).glob("*/*.jsonl"):
        for outcome in read_journal(journal).values():
            if isinstance(outcome, RowMade):
                sizes = [(folder.audio / f"{outcome.stem}.mp3", outcome.mp3_bytes)]
                sizes += [(folder.json / f"{outcome.row}.json", outcome.json_bytes)]
                for path, size in sizes:
                    assert path.stat().st_size == size, "the journal is ahead of the disk"
    if project.places.link(name).is_symlink():
        assert read_tree(folder.root) == finished, "it is published before it is complete"
    return _stamps([*clips.values(), *(folder.json / f"{row}.json" for row in rows)])


def check_recovered(
    project: Project, name: str, finished: dict[str, bytes], before: Stamps | None = None
) -> None:
    """Look at what a run after a crash made: the same tree, and no finished row made again."""
    assert read_tree(project.dataset(name).root) == finished
    assert project.places.link(name).resolve() == project.dataset(name).root
    if before is not None:
        assert _stamps(before) == before, "a finished row was made again"
    # A line that was torn stays torn; none is lost, and none is out of order.
    assert {fault.why for fault in find_faults(project.places)} <= {"it cannot be read"}


def check_sound(folder: DatasetFolder, rows: int) -> None:
    """Decode every MP3 to its end: as many rows, of exactly the lengths that their JSONs say."""
    infos = _audio_infos(read_rows_json(folder))
    assert len(infos) == len(list(folder.audio.iterdir())) == rows
    for info in infos.values():
        # To the last sample: a file that is cut short decodes short, in silence.
        samples, rate = soundfile.read(folder.root / info["path"])
        assert (len(samples), rate) == (info["num_samples"], info["sampling_rate"])


def _audio_infos(rows: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {row: value["audio_info"] for row, value in rows.items()}


def _stamps(paths: Iterable[Path]) -> Stamps:
    found = {path: path.stat() for path in paths}
    return {path: (status.st_ino, status.st_mtime_ns) for path, status in found.items()}
