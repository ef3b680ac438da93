"""What somebody plants in STORAGE_ROOT leads nothing out of it, and hinders nobody for ever."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hugflow.errors import CannotWrite
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.sample import make_sample, open_sample
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.builds import OpenFor
from tests.trees import read_tree

pytestmark = pytest.mark.slow

ROWS = 6
TEMPORARY = (
    "audio/.clip-00001.mp3.tmp",
    "json/.1.json.tmp",
    "index/.00000-of-00002.parquet.tmp",
    ".README.md.tmp",
    ".failures.jsonl.tmp",
    ".manifest.json.tmp",
)
Open = Callable[[], Build]


@pytest.fixture
def opened(hub: LoopbackHub, open_for: OpenFor) -> Open:
    publish_speech(hub, "planted/speech", rows=ROWS, shards=2, seconds=0.1)
    return lambda: open_for("planted/speech")


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of somebody else's, with a file in it."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "kept.txt").write_text("kept")
    (folder / ".kept.tmp").write_text("kept too")
    return folder


def is_untouched(foreign: Path) -> bool:
    return {path.name: path.read_text() for path in foreign.iterdir()} == {
        "kept.txt": "kept",
        ".kept.tmp": "kept too",
    }


@pytest.mark.parametrize("part", [".", "audio", "json", "index"])
@pytest.mark.parametrize("is_made", [False, True])
def test_a_link_in_the_place_of_a_folder_is_refused(
    opened: Open, foreign: Path, places: Places, part: str, is_made: bool
):
    build = opened()
    if is_made:
        sync_dataset(build)
    folder = build.folder.root / part
    if folder.exists():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to(foreign)
    with pytest.raises(CannotWrite, match="is a link"):
        sync_dataset(opened())
    assert is_untouched(foreign)
    folder.unlink()
    sync_dataset(opened())
    assert is_untouched(foreign)


@pytest.mark.parametrize("part", [".", "audio", "json", "index"])
def test_a_link_in_a_sample_is_refused_as_well(
    opened: Open, foreign: Path, places: Places, part: str
):
    build = opened()
    folder = places.sample(build.name, 2).root / part
    folder.parent.mkdir(parents=True, exist_ok=True)
    sample = build.request, places, build.hub, Options()
    if part != ".":
        make_sample(open_sample(*sample, rows=2))
        shutil.rmtree(folder)
    folder.symlink_to(foreign)
    with pytest.raises(CannotWrite, match="is a link"):
        make_sample(open_sample(*sample, rows=2))
    assert is_untouched(foreign)


@pytest.mark.parametrize("name", TEMPORARY)
@pytest.mark.parametrize("plant", ["link", "link to nothing", "pipe"])
def test_what_stands_at_a_temporary_name_is_not_written_through(
    opened: Open, foreign: Path, name: str, plant: str
):
    build = opened()
    sync_dataset(build)
    expected = read_tree(build.folder.root)
    temporary = build.folder.root / name
    final = temporary.with_name(temporary.name[1:].removesuffix(".tmp"))
    final.unlink()
    match plant:
        case "link":
            temporary.symlink_to(foreign / "kept.txt")
        case "link to nothing":
            temporary.symlink_to(foreign / "new.txt")
        case _:
            os.mkfifo(temporary)
    sync_dataset(opened())
    assert is_untouched(foreign)
    assert not final.is_symlink()
    assert read_tree(build.folder.root) == expected


@pytest.mark.parametrize("name", ["README.md", "failures.jsonl", "manifest.json"])
def test_a_link_to_the_same_words_is_replaced_by_a_file(opened: Open, foreign: Path, name: str):
    build = opened()
    sync_dataset(build)
    path = build.folder.root / name
    words = path.read_text()
    moved = foreign.parent / "moved"
    path.rename(moved)
    path.symlink_to(moved)
    sync_dataset(opened())
    assert not path.is_symlink()
    assert moved.read_text() == words
