"""Many files are brought to the disk by one call, where it does what an `fsync` for each does."""

import errno
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from hugflow.store import sync_disk as module
from hugflow.store.sync_disk import AGAIN_AFTER_S, LONGEST_S, WatchedDisk
from tests.own_time import give_own_time

IN_MEMORY = Path("/dev/shm")  # noqa: S108  # nothing is written there
ON_LINUX = pytest.mark.skipif(platform.system() != "Linux", reason="only Linux has syncfs")


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every file system counts as a local one; the descriptors that were synced as a whole."""
    calls, synced = module._find_calls(), list[int]()
    assert calls is not None

    def syncfs(opened: int) -> int:
        synced.append(opened)
        return 0

    monkeypatch.setattr(module, "_find_calls", lambda: replace(calls, syncfs=syncfs))
    monkeypatch.setattr(module, "_kind", lambda calls, opened: 0xEF53)
    return synced


@ON_LINUX
@pytest.mark.skipif(not IN_MEMORY.is_mount(), reason="no tmpfs is mounted here")
def test_a_local_file_system_is_synced_as_a_whole():
    with WatchedDisk([IN_MEMORY]) as disk:
        assert disk.sync()


@ON_LINUX
def test_a_file_system_that_is_no_disk_of_this_host_is_left_to_an_fsync_for_each_file():
    with WatchedDisk([Path("/proc")]) as disk:
        assert not disk.sync()


@ON_LINUX
def test_where_others_write_much_each_file_is_synced_by_itself_for_a_while(
    tmp_path: Path, local: list[int], monkeypatch: pytest.MonkeyPatch
):
    times = iter([0.0, LONGEST_S + 1, LONGEST_S + 2, LONGEST_S + 2 + AGAIN_AFTER_S, 200.0])
    give_own_time(monkeypatch, module, monotonic=lambda: next(times))
    monkeypatch.setattr(module, "_patience", module._Patience())
    with WatchedDisk([tmp_path]) as disk:
        assert [disk.sync(), disk.sync(), disk.sync()] == [True, False, True]
    assert len(local) == 2


@ON_LINUX
def test_each_writer_has_a_descriptor_of_its_own_from_before_it_writes(
    tmp_path: Path, local: list[int]
):
    # The system tells each of lost bytes once, and of none that were lost before it was opened.
    (tmp_path / "other").mkdir()
    with WatchedDisk([tmp_path, tmp_path / "other"]) as one, WatchedDisk([tmp_path]) as other:
        opened = {*Path("/proc/self/fd").iterdir()}
        one.sync()
        other.sync()
        one.sync()
        assert {*Path("/proc/self/fd").iterdir()} <= opened, "nothing is opened to sync"
    assert local[0] == local[2] != local[1]


@ON_LINUX
def test_bytes_that_do_not_reach_the_disk_are_an_error(
    tmp_path: Path, local: list[int], monkeypatch: pytest.MonkeyPatch
):
    calls = module._find_calls()
    assert calls is not None

    def syncfs(opened: int) -> int:
        module.ctypes.set_errno(errno.ENOSPC)
        return -1

    monkeypatch.setattr(module, "_find_calls", lambda: replace(calls, syncfs=syncfs))
    with WatchedDisk([tmp_path]) as disk, pytest.raises(OSError, match="No space left") as caught:
        disk.sync()
    assert caught.value.errno == errno.ENOSPC


def test_a_folder_that_is_gone_is_not_watched(tmp_path: Path):
    with WatchedDisk([tmp_path / "missing"]) as disk:
        assert not disk.sync()
