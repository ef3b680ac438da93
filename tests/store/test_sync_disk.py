"""Many files are brought to the disk by one call, where it does what an `fsync` for each does."""

import errno
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from hugflow.store import sync_disk as module
from hugflow.store.sync_disk import AGAIN_AFTER_S, LONGEST_S, sync_disk

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
    assert sync_disk(IN_MEMORY)


@ON_LINUX
def test_a_file_system_that_is_no_disk_of_this_host_is_left_to_an_fsync_for_each_file():
    assert not sync_disk(Path("/proc"))


@ON_LINUX
def test_where_others_write_much_each_file_is_synced_by_itself_for_a_while(
    tmp_path: Path, local: list[int], monkeypatch: pytest.MonkeyPatch
):
    times = iter([0.0, LONGEST_S + 1, LONGEST_S + 2, LONGEST_S + 2 + AGAIN_AFTER_S, 200.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(module, "_patience", module._Patience())
    assert [sync_disk(tmp_path), sync_disk(tmp_path), sync_disk(tmp_path)] == [True, False, True]
    assert len(local) == 2


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
    with pytest.raises(OSError, match="No space left") as caught:
        sync_disk(tmp_path)
    assert caught.value.errno == errno.ENOSPC


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        sync_disk(tmp_path / "missing")
