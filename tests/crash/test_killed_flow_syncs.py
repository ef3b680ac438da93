"""Killing a sync of flow modules at any call to the disk: each module is the old one or the new one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hugflow.flows.module_files import digest_tree, is_ignored, walk_files
from hugflow.flows.records import read_id
from hugflow.testing.hub import LoopbackHub
from tests.crash.disk import ALTERING, Call, failing, read_calls
from tests.flows.hub import asking, publish

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("flow-syncs")]

BASE, TOP = "acme/Base", "acme/Top"
SYNC = """
import sys
from hugflow.flows import flow_verse
entry = {"url": "acme/Top", "revision": sys.argv[2], "overwrite": sys.argv[3] == "overwrite"}
flow_verse.sync_dependencies([entry], endpoint=sys.argv[1])
"""
# Most calls are of the lock's holder file and of files on the stage; one in so many is tried always.
EVERY = 100
POINTS = 130


@dataclass(frozen=True, slots=True)
class World:
    """A Hub with two versions of two modules, and how the second sync ends undisturbed."""

    hub: LoopbackHub
    calls: list[Call]
    whole: dict[str, bytes]


def sync(
    hub: LoopbackHub, root: Path, revision: str, *, overwrite: bool = False, **environment: str
) -> "subprocess.CompletedProcess[str]":
    root.mkdir(exist_ok=True)
    words = [hub.endpoint, revision, "overwrite" if overwrite else ""]
    return subprocess.run(
        [sys.executable, "-c", SYNC, *words],
        cwd=root,
        env=os.environ | {"HF_HUB_OFFLINE": "0"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def read(root: Path) -> dict[str, bytes]:
    """Every file of the modules, hidden ones too."""
    modules = root / "flow_modules"
    found = [path for path in walk_files(modules) if not is_ignored(path)]
    return {path.as_posix(): (modules / path).read_bytes() for path in found}


@pytest.fixture(scope="module")
def world(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with LoopbackHub() as hub:
        for number in (1, 2):
            publish(hub, BASE, {"base.py": f"number = {number}\n", "deep/er/x": f"{number}\n"})
            hub.tag(BASE, f"v{number}", kind="models")
            files = {"top.py": f"{asking(f'{BASE}:v{number}')}number = {number}\n"}
            publish(hub, TOP, files | {f"only_in_{number}": ""}, delete=["only_in_1"])
            hub.tag(TOP, f"v{number}", kind="models")
        folder = tmp_path_factory.mktemp("undisturbed")
        assert sync(hub, folder / "root", "v1").returncode == 0
        watch = failing(shim, folder / "root", kinds=ALTERING, log=folder / "calls")
        done = sync(hub, folder / "root", "v2", **watch)
        assert done.returncode == 0, done.stderr
        yield World(hub, read_calls(folder / "calls"), read(folder / "root"))


def check_whole(root: Path, *, may_be_absent: bool = False) -> set[str]:
    """Each module is whole, by its own record; gives the words that it says it is of."""
    revisions = set()
    for name in (BASE, TOP):
        folder = root / "flow_modules" / name
        if may_be_absent and not folder.exists():
            continue
        synced = read_id(folder)
        assert synced is not None, name
        assert digest_tree(folder) == synced.digest, name
        revisions.add(synced.revision)
    return revisions


def points() -> list[object]:
    return [
        pytest.param(number, marks=() if number % EVERY == EVERY // 2 else pytest.mark.soak)
        for number in range(POINTS)
    ]


def test_the_exchange_of_a_module_is_among_the_calls_that_are_counted(world: World):
    assert POINTS // 2 < len(world.calls) <= POINTS
    renamed = [call.path.as_posix() for call in world.calls if call.kind == "rename"]
    assert [path.rpartition("flow_modules/")[2] for path in renamed if "/acme/" in path] == [
        BASE,
        TOP,
    ]


@pytest.mark.parametrize("number", points())
def test_a_kill_leaves_the_old_module_or_the_new_one_and_the_next_sync_finishes(
    world: World, shim: Path, tmp_path: Path, number: int
):
    root = tmp_path / "root"
    sync(world.hub, root, "v1")
    killed = sync(world.hub, root, "v2", **failing(shim, root, at=number + 1))
    assert killed.returncode == (-signal.SIGKILL if number < len(world.calls) else 0), killed.stderr
    assert check_whole(root) <= {"v1", "v2"}
    again = sync(world.hub, root, "v2")
    assert again.returncode == 0, again.stderr
    assert read(root) == world.whole


@pytest.mark.parametrize("number", points())
def test_a_kill_of_a_first_sync_leaves_whole_modules_or_none(
    world: World, shim: Path, tmp_path: Path, number: int
):
    root = tmp_path / "root"
    sync(world.hub, root, "v2", **failing(shim, root, at=number + 1))
    check_whole(root, may_be_absent=True)
    again = sync(world.hub, root, "v2")
    assert again.returncode == 0, again.stderr
    assert read(root) == world.whole


@pytest.mark.parametrize("number", points())
def test_a_kill_while_local_changes_are_replaced_loses_none_of_them(
    world: World, shim: Path, tmp_path: Path, number: int
):
    root = tmp_path / "root"
    sync(world.hub, root, "v1")
    mine = root / "flow_modules" / TOP / "mine.py"
    mine.write_text("mine = 1\n")
    sync(world.hub, root, "v2", overwrite=True, **failing(shim, root, at=number + 1))
    kept = root / ".hugflow-state" / "flows" / "replaced" / "acme.Top" / "mine.py"
    assert [path.read_text() for path in (mine, kept) if path.exists()][:1] == ["mine = 1\n"]
    assert sync(world.hub, root, "v2", overwrite=True).returncode == 0
    assert kept.read_text() == "mine = 1\n"
    assert read(root) == world.whole


@pytest.mark.parametrize("number", [30, pytest.param(60, marks=pytest.mark.soak)])
def test_a_disk_that_fills_up_leaves_the_old_module_or_the_new_one(
    world: World, shim: Path, tmp_path: Path, number: int
):
    root = tmp_path / "root"
    sync(world.hub, root, "v1")
    full = sync(world.hub, root, "v2", **failing(shim, root, room=number * 20))
    assert "DiskFull" in full.stderr
    assert check_whole(root) <= {"v1", "v2"}
    assert sync(world.hub, root, "v2").returncode == 0
    assert read(root) == world.whole


def test_syncs_at_the_same_time_wait_for_one_another(world: World, tmp_path: Path):
    root = tmp_path / "root"
    root.mkdir()
    command = [sys.executable, "-c", SYNC, world.hub.endpoint, "v2", ""]
    at_once = [subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE) for _ in range(3)]
    for process in at_once:
        _, talk = process.communicate(timeout=60)
        assert process.returncode == 0, talk
    assert read(root) == world.whole


def test_without_an_exchange_in_one_step_a_kill_between_two_renames_is_made_good(
    world: World, tmp_path: Path
):
    root = tmp_path / "root"
    sync(world.hub, root, "v1")
    folder = root / "flow_modules" / TOP
    folder.rename(root / "flow_modules" / ".old-acme.Top")
    (root / "flow_modules" / ".stage-acme.Top").mkdir()
    assert sync(world.hub, root, "v1").returncode == 0
    assert check_whole(root) == {"v1"}
    assert not list((root / "flow_modules").glob(".*-acme*"))


REMOVE = """
import sys
from pathlib import Path
from hugflow.flows.names import parse_module_id
from hugflow.flows.places import FlowPlaces
from hugflow.flows.removing import remove_module
remove_module(FlowPlaces(Path.cwd()), parse_module_id(sys.argv[1]), [])
"""


def remove(root: Path, name: str, **environment: str) -> int:
    command = [sys.executable, "-c", REMOVE, name]
    done = subprocess.run(command, cwd=root, env=os.environ | environment, capture_output=True)
    return done.returncode


@pytest.mark.parametrize(
    "number",
    [pytest.param(n, marks=() if n % 30 == 15 else pytest.mark.soak) for n in range(60)],
)
def test_a_kill_of_a_removal_leaves_the_module_whole_or_a_copy_of_it(
    world: World, shim: Path, tmp_path: Path, number: int
):
    root = tmp_path / "root"
    sync(world.hub, root, "v2")
    (root / "flow_modules" / TOP / "mine.py").write_text("mine = 1\n")
    code = remove(root, TOP, **failing(shim, root, at=number + 1))
    assert code in (0, -signal.SIGKILL)
    place = root / "flow_modules" / TOP / "mine.py"
    copy = root / ".hugflow-state" / "flows" / "replaced" / "acme.Top" / "mine.py"
    assert "mine = 1\n" in [path.read_text() for path in (place, copy) if path.exists()]
    assert remove(root, TOP) in (0, 1)
    assert not (root / "flow_modules" / TOP).exists()
    assert sync(world.hub, root, "v2").returncode == 0
    assert read(root) == world.whole
