"""Our own resolution of files against that of `datasets`: the same files, or `datasets` is asked."""

import logging
from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest
import yaml
from datasets.packaged_modules import (
    _ALL_ALLOWED_EXTENSIONS,
    _EXTENSION_TO_MODULE,
    _MODULE_TO_METADATA_FILE_NAMES,
)

from hugflow.shards.layouts.clips import is_clip
from hugflow.shards.resolution import kinds
from hugflow.shards.resolution.card_configs import parse_card
from hugflow.shards.resolution.patterns import NotKnown
from hugflow.shards.resolution.resolver import resolve, resolve_clips
from tests.shards.resolution.repositories import NAMED, Case, generate

pytestmark = pytest.mark.slow

GENERATED = generate(150)
SUBSETS = (None, "default", "en", "de", "x", "a b")
# What `datasets` resolves, and we leave to it.
ASKED = {
    "a second card",
    "a byte order mark",
    "an empty block",
    "no end of the YAML",
    "the pattern ./en/*",
    "the pattern [!e]*/*",
    "the pattern en//train.parquet",
    "the pattern a[[]b].parquet",
    "a subset twice",
    "unknown settings",
    "splits of nothing",
}
Found = tuple[str, str, dict[str, list[str]]]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    datasets.logging.set_verbosity(logging.ERROR)
    yield
    datasets.logging.set_verbosity_warning()


def text_of(case: Case) -> str | None:
    if case.card is None or isinstance(case.card, str):
        return case.card
    return f"---\n{yaml.safe_dump(case.card, sort_keys=False)}---\n"


def write(case: Case, folder: Path) -> None:
    folder.mkdir()
    for path in case.paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"")
    if (text := text_of(case)) is not None:
        (folder / "README.md").write_bytes(text.encode())


def by_datasets(folder: Path, subset: str | None, cache: Path) -> Found | None:
    """What `datasets` finds in a folder; None if it refuses the folder or the subset."""
    try:
        builder = datasets.load_dataset_builder(str(folder), name=subset, cache_dir=str(cache))
    except Exception:  # noqa: BLE001  # it fails in any way on what a stranger wrote
        return None
    files = builder.config.data_files or {}
    inside = {
        str(split): [Path(url).relative_to(folder).as_posix() for url in urls]
        for split, urls in files.items()
    }
    return builder.config.name, type(builder).__module__.rpartition(".")[2], inside


def by_us(case: Case, folder: Path, subset: str | None) -> Found | None:
    """What our own rules find; None where they ask `datasets`."""
    text = text_of(case)
    paths = (*case.paths, *(() if text is None else ("README.md",)))
    try:
        found = resolve(parse_card(text or ""), paths, subset, f"{folder}/")
    except NotKnown:
        return None
    return found.subset, found.reader, found.files


def differences(cases: list[Case], folder: Path) -> tuple[list[str], int, set[str]]:
    """Cases with different files; how many we resolved, and those that only `datasets` resolved."""
    wrong, known, asked = [], 0, set()
    for number, case in enumerate(cases):
        root = folder / str(number)
        write(case, root)
        for subset in SUBSETS if case.card is not None else SUBSETS[:1]:
            theirs = by_datasets(root, subset, folder / "cache")
            ours = by_us(case, root, subset)
            known += ours is not None
            if ours is None and theirs is not None:
                asked.add(case.name)
            if ours is not None and ours != theirs:
                wrong.append(f"{case.name} [{subset}]: {ours} where datasets has {theirs}")
    return wrong, known, asked


def test_repositories_written_by_hand_have_the_files_that_datasets_finds(tmp_path: Path):
    wrong, known, asked = differences(NAMED, tmp_path)
    assert wrong == []
    assert known > 100
    assert asked == ASKED


def test_generated_repositories_have_the_files_that_datasets_finds(tmp_path: Path):
    wrong, known, asked = differences(GENERATED, tmp_path)
    assert wrong == []
    assert known > 90
    assert asked == set()


def test_clips_alone_are_in_the_splits_that_datasets_gives_them():
    compared = 0
    for case in (*NAMED, *GENERATED):
        found = by_us(case, Path("x"), None)
        if found is None or found[1] != "audiofolder":
            continue
        compared += 1
        theirs = {split: [*filter(is_clip, paths)] for split, paths in found[2].items()}
        ours = resolve_clips(parse_card(text_of(case) or ""), case.paths, None)
        assert ours is not None
        known = {split: [*filter(kinds.is_data, paths)] for split, paths in ours.files.items()}
        assert known == {split: paths for split, paths in theirs.items() if paths}, case.name
    assert compared > 10


def test_the_endings_are_those_of_datasets():
    ours = {f".{ending}": reader for ending, reader in kinds.READERS.items()}
    theirs = {
        ending: reader if not settings else {".tsv": "csv/tab", ".conllu": "conll/comment"}[ending]
        for ending, (reader, settings) in _EXTENSION_TO_MODULE.items()
    }
    assert ours == theirs
    assert {f".{ending}" for ending in kinds.ALLOWED} == {*_ALL_ALLOWED_EXTENSIONS}
    names = {reader: {*names} for reader, names in _MODULE_TO_METADATA_FILE_NAMES.items() if names}
    assert {reader: {*names} for reader, names in kinds._NAMES.items()} == names
