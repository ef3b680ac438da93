"""A rollback on a disk that is full: the old version or the new one, whole, and it can go on."""

import errno
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hugflow.errors import DiskFull
from hugflow.shards.plans import read_current_id
from hugflow.stages.build.build import Build
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.publishing.rollback import roll_back
from hugflow.stages.sync import sync_dataset
from hugflow.stages.tree import exchange
from hugflow.stages.tree.versions import list_versions, read_version
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.builds import OpenFor
from tests.stages.publishing.test_versions import KEEP_TWO, make_again, refuse_swap
from tests.trees import read_tree

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class Disk:
    """What is written below a folder; once nothing is left, every write is refused."""

    root: Path | None = None
    left: int = 0
    refused: list[str] = field(default_factory=list)

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        is_write = event in ("os.mkdir", "os.rename", "os.symlink", "os.link")
        is_write = is_write or (event == "open" and bool((arguments[2] or 0) & WRITING))
        if self.root is None or not is_write:
            return
        # Of two names the second is made.
        path = str(arguments[0] if event in ("open", "os.mkdir") else arguments[1])
        if not path.startswith(str(self.root)) or path.endswith(".lock"):
            return
        if self.left == 0:
            self.refused.append(f"{event} {path}")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        self.left -= 1


DISK = Disk()
# A hook stays for good; without a root it does nothing.
sys.addaudithook(DISK.see)


@pytest.fixture
def two(hub: LoopbackHub, open_for: OpenFor) -> Build:
    publish_text(hub, "versions/full", rows=2, shards=1)
    build = open_for("versions/full", KEEP_TWO)
    sync_dataset(build)
    return make_again(hub, build, 3)


@pytest.mark.parametrize("has_swap", [True, False])
def test_wherever_the_disk_is_full_the_versions_stay_whole_and_room_lets_it_go_on(
    two: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_swap: bool
):
    if not has_swap:
        monkeypatch.setattr(exchange, "swap", refuse_swap)
    places, name = two.places, two.name
    folder = places.dataset(name)
    (kept,) = list_versions(places, name)
    current = read_version(folder, name)
    assert current is not None
    trees = {each.id: read_tree(each.folder.root) for each in (kept, current)}
    for room in range(60):
        DISK.root, DISK.left = tmp_path, room
        try:
            roll_back(places, name, None, actor="ada")
            break
        except DiskFull:
            pass
        finally:
            DISK.root = None
        if has_swap:
            after = read_version(folder, name)
            assert after is not None
            assert read_tree(folder.root) == trees[after.id]
        # With room again the next sync finishes or reverts it, and makes no row.
        build = open_build(two.request, places, two.hub, two.options)
        assert sync_dataset(build).new_rows == 0
        used = read_version(folder, name)
        assert used is not None
        assert used.manifest.plan == read_current_id(places, name)
        assert places.link(name).resolve() == folder.root.resolve()
        found = {used.id: used, **{each.id: each for each in list_versions(places, name)}}
        assert {key: read_tree(each.folder.root) for key, each in found.items()} == trees
    else:
        pytest.fail("it never came to its end")
    assert len(DISK.refused) >= room
