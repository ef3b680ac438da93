"""Kept versions: a dataset goes back and forth between whole trees, and no reader sees a mix."""

import errno
import json
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from hugflow.errors import StateUnreadable, UsageWrong
from hugflow.shards.plans import read_current_id
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.publishing.rollback import roll_back
from hugflow.stages.standing.measure import measure_storage
from hugflow.stages.sync import sync_dataset
from hugflow.stages.tree import exchange
from hugflow.stages.tree import manifest as manifests
from hugflow.stages.tree.manifest import read_manifest
from hugflow.stages.tree.versions import (
    keep_replaced,
    list_versions,
    read_version,
    shelve_replaced,
)
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.builds import OpenFor
from tests.trees import read_tree

pytestmark = pytest.mark.slow

KEEP_TWO = Options(keep_versions=2)


def make_again(hub: LoopbackHub, build: Build, rows: int) -> Build:
    """The next version: as many rows, at a new commit."""
    publish_text(hub, build.request.hf_id, rows=rows, shards=1)
    again = open_build(build.request, build.places, build.hub, build.options, update=True)
    return sync_dataset(again).published.build


def rows_of(build: Build) -> int:
    manifest = read_manifest(build.places.dataset(build.name).manifest)
    assert manifest is not None
    return manifest.rows.made


@pytest.fixture
def two(hub: LoopbackHub, open_for: OpenFor) -> Build:
    """A dataset of three rows, of which an earlier version had two."""
    publish_text(hub, "versions/two", rows=2, shards=1)
    build = open_for("versions/two", KEEP_TWO)
    sync_dataset(build)
    return make_again(hub, build, 3)


def test_a_replaced_tree_is_kept_and_used_again_at_once(two: Build, hub: LoopbackHub):
    places = two.places
    (kept,) = list_versions(places, two.name)
    old = read_tree(kept.folder.root)
    hub.clear_requests()
    assert roll_back(places, two.name, None, actor="ada").id == kept.id
    assert rows_of(two) == 2
    assert read_tree(places.dataset(two.name).root) == old
    assert read_current_id(places, two.name) == kept.manifest.plan
    # The next sync has nothing to do, and the Hub is not asked.
    again = open_build(two.request, places, two.hub, two.options)
    assert sync_dataset(again).was_complete
    assert not list(hub.requests)
    (other,) = list_versions(places, two.name)
    roll_back(places, two.name, other.id[:6], actor="ada")
    assert rows_of(two) == 3


def test_planning_a_kept_version_again_uses_it_instead_of_making_it(two: Build, hub: LoopbackHub):
    roll_back(two.places, two.name, None, actor="ada")
    hub.clear_requests()
    build = open_build(two.request, two.places, two.hub, two.options, update=True)
    synced = sync_dataset(build)
    assert (synced.new_rows, rows_of(two)) == (0, 3)
    assert not [ask for ask in hub.requests if ask.port == "storage" and ask.range is None]


def test_only_so_many_versions_are_kept_and_none_without_the_setting(two: Build, hub: LoopbackHub):
    build = make_again(hub, two, 4)
    assert len(list_versions(build.places, build.name)) == 2
    build = make_again(hub, build, 5)
    assert [each.manifest.rows.made for each in list_versions(build.places, build.name)] == [4, 3]
    assert measure_storage(build.places) > build.stored.manifest.size_bytes  # type: ignore[union-attr]
    without = open_build(build.request, build.places, build.hub, Options())
    make_again(hub, without, 6)
    assert not list_versions(build.places, build.name)


def test_a_version_that_is_not_there_is_refused_by_name(two: Build):
    with pytest.raises(UsageWrong, match="no version 'zz'"):
        roll_back(two.places, two.name, "zz", actor="ada")
    assert rows_of(two) == 3


def forked(work: Callable[[], object]) -> bool:
    """Do something in a child process; whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def refuse_swap(first: Path, second: Path) -> bool:
    """What a file system answers that cannot exchange two names in one call."""
    return False


def test_without_an_exchange_in_one_call_versions_are_kept_as_well(
    two: Build, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exchange, "swap", refuse_swap)
    places, name = two.places, two.name
    for rows in (2, 3, 2):
        roll_back(places, name, None, actor="ada")
        assert rows_of(two) == rows
        assert [version.manifest.rows.made for version in list_versions(places, name)] == [5 - rows]
        assert not places.replaced_tree(name).exists()
    build = make_again(hub, two, 4)
    assert rows_of(build) == 4
    assert sorted(each.manifest.rows.made for each in list_versions(places, name)) == [2, 3]


def test_a_replaced_tree_that_a_kill_left_is_kept_by_the_next_update(
    two: Build, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exchange, "swap", refuse_swap)
    (kept,) = list_versions(two.places, two.name)
    # A rollback that was killed before the replaced tree was among the versions.
    exchange.swap_trees(two.places, two.name, kept.folder.root)
    assert rows_of(two) == 2
    make_again(hub, two, 4)
    kept_rows = [each.manifest.rows.made for each in list_versions(two.places, two.name)]
    assert sorted(kept_rows) == [2, 3]


@pytest.mark.parametrize(
    ("has_swap", "is_repeated"), [(True, False), (False, False), (False, True)]
)
def test_killed_at_any_rename_a_rollback_leaves_the_old_tree_or_the_new_one_and_goes_on(
    two: Build, monkeypatch: pytest.MonkeyPatch, has_swap: bool, is_repeated: bool
):
    places, name = two.places, two.name
    rename = Path.rename
    swap = exchange.swap if has_swap else refuse_swap
    monkeypatch.setattr(exchange, "swap", swap)
    for fatal in range(60):
        before = rows_of(two)
        calls = [0]

        def tick(calls: list[int] = calls, fatal: int = fatal) -> None:
            if calls[0] == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            calls[0] += 1

        def killed_rename(self: Path, target: Path) -> Path:
            tick()
            done = rename(self, target)
            tick()
            return done

        def killed_swap(first: Path, second: Path) -> bool:
            tick()
            done = swap(first, second)
            tick()
            return done

        def work() -> None:
            monkeypatch.setattr(Path, "rename", killed_rename)
            monkeypatch.setattr(exchange, "swap", killed_swap)
            roll_back(places, name, None, actor="ada")

        if not forked(work):
            assert rows_of(two) == 5 - before
            break
        found = read_version(places.dataset(name), name)
        if has_swap:
            assert found is not None
        # What comes next finishes it or begins again; both versions are there.
        if is_repeated:
            roll_back(places, name, None, actor="ada")
        else:
            build = open_build(two.request, places, two.hub, two.options)
            assert sync_dataset(build).new_rows == 0
        assert {rows_of(two), *(v.manifest.rows.made for v in list_versions(places, name))} == {
            2,
            3,
        }
    else:
        pytest.fail("it never came to its end")


@pytest.mark.parametrize("updates", [2, pytest.param(5, marks=pytest.mark.soak)])
def test_a_reader_that_loops_over_the_link_during_updates_and_rollbacks_sees_whole_versions(
    two: Build, hub: LoopbackHub, updates: int
):
    places, name = two.places, two.name
    wrong: list[str] = []
    seen: set[int] = set()
    is_over = threading.Event()

    def read() -> None:
        # One handle a pass: whatever replaces the tree, it reads on in this one.
        folder = os.open(places.link(name), os.O_RDONLY | os.O_DIRECTORY)
        try:
            rows = json.loads(_read(folder, "manifest.json"))["rows"]["made"]
            for row in range(rows):
                json.loads(_read(folder, f"json/{row}.json"))
            if sorted(_list(folder, "json")) != sorted(f"{row}.json" for row in range(rows)):
                wrong.append("files of another version")
            seen.add(rows)
        finally:
            os.close(folder)

    def loop() -> None:
        while not is_over.is_set():
            try:
                read()
            except (OSError, ValueError) as error:
                wrong.append(repr(error))

    reader = threading.Thread(target=loop)
    reader.start()
    build = two
    try:
        for rows in range(4, 4 + updates):
            build = make_again(hub, build, rows)
            for _ in range(9):
                roll_back(places, name, None, actor="ada")
    finally:
        is_over.set()
        reader.join()
    assert not wrong
    assert len(seen) > 2


def _list(folder: int, name: str) -> list[str]:
    handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
    try:
        return os.listdir(handle)  # noqa: PTH208  # by handle
    finally:
        os.close(handle)


def _read(folder: int, name: str) -> bytes:
    with open(os.open(name, os.O_RDONLY, dir_fd=folder), "rb") as file:  # noqa: PTH123  # by handle
        return file.read()


def read_bytes(root: Path) -> dict[str, bytes]:
    """Every file of a tree as it is; a damaged manifest too."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def let_no_manifest_be_read(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Reading any manifest fails, as on a disk that is going."""

    def refuse(path: Path, most_bytes: int) -> bytes:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(manifests, "read_file", refuse)


def lose_into_replaced(build: Build) -> Path:
    """What a kill in the middle of an exchange leaves: a complete tree at `replaced_tree`."""
    replaced = build.places.replaced_tree(build.name)
    replaced.parent.mkdir(parents=True, exist_ok=True)
    (kept,) = list_versions(build.places, build.name)
    kept.folder.root.rename(replaced)
    return replaced


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
def test_a_replaced_tree_whose_manifest_the_disk_does_not_give_is_not_deleted(
    two: Build, monkeypatch: pytest.MonkeyPatch, number: int
):
    replaced = lose_into_replaced(two)
    whole = read_bytes(replaced)
    let_no_manifest_be_read(monkeypatch, number)
    for shelve in (shelve_replaced, partial(keep_replaced, keep=2)):
        with pytest.raises(StateUnreadable, match=r"manifest\.json"):
            shelve(two.places, two.name)
        assert read_bytes(replaced) == whole


@pytest.mark.parametrize("shelve", [shelve_replaced, partial(keep_replaced, keep=2)])
@pytest.mark.parametrize("text", [b"", b'{"version": 1, "dataset"', b'{"version": 99}'])
def test_a_replaced_tree_whose_manifest_is_damaged_is_kept_under_another_name(
    two: Build, text: bytes, shelve: Callable[[Places, str], object]
):
    replaced = lose_into_replaced(two)
    (replaced / "manifest.json").write_bytes(text)
    whole = read_bytes(replaced)
    shelve(two.places, two.name)
    assert not replaced.exists()
    assert read_bytes(two.places.versions(two.name) / "unreadable-1") == whole
    assert list_versions(two.places, two.name) == []
    # It stays there, and the next one gets the next number.
    replaced.mkdir(parents=True)
    (replaced / "manifest.json").mkdir()
    shelve(two.places, two.name)
    assert read_bytes(two.places.versions(two.name) / "unreadable-1") == whole
    assert (two.places.versions(two.name) / "unreadable-2/manifest.json").is_dir()


def test_an_update_keeps_a_replaced_tree_whose_manifest_is_damaged(two: Build, hub: LoopbackHub):
    folder = two.places.dataset(two.name)
    folder.manifest.write_bytes(folder.manifest.read_bytes()[:-20])
    before = read_bytes(folder.root)
    make_again(hub, two, 4)
    assert rows_of(two) == 4
    assert read_bytes(two.places.versions(two.name) / "unreadable-1") == before
