"""Files appear whole or not at all."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hugflow.errors import CannotWrite, DiskFull
from hugflow.store.atomic import (
    commit,
    commit_file,
    discard,
    find_temporary,
    make_folder,
    temporary_path,
    write_file,
    write_if_changed,
    write_json,
    write_temporary,
    write_view,
)
from hugflow.store.sync_disk import WatchedDisk

WRITE_VIEWS = """
import sys
from pathlib import Path
from hugflow.store.atomic import write_view
for _ in range(100):
    write_view(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is asked of the disk, in order: ("fsync" | "rename", name)."""
    seen: list[tuple[str, str]] = []
    fsync, rename = os.fsync, os.rename

    def record_fsync(fd: int) -> None:
        seen.append(("fsync", Path(f"/proc/self/fd/{fd}").readlink().name))
        fsync(fd)

    def record_rename(source: str | Path, target: str | Path) -> None:
        seen.append(("rename", Path(target).name))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "rename", record_rename)
    return seen


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    """Set the umask for one test."""
    old = os.umask(0o022)
    yield os.umask
    os.umask(old)


def fail_with(number: int) -> Callable[..., int]:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_under_its_name_with_all_its_bytes(tmp_path: Path):
    write_file(tmp_path / "deep" / "er" / "a.json", "hëllo")
    assert (tmp_path / "deep" / "er" / "a.json").read_bytes() == "hëllo".encode()
    assert names(tmp_path / "deep" / "er") == ["a.json"]


def test_before_the_commit_nothing_stands_under_the_final_name(tmp_path: Path):
    written = write_temporary(tmp_path / "a", b"new")
    assert names(tmp_path) == [".a.tmp"]
    commit([written])
    assert names(tmp_path) == ["a"]


def test_a_replaced_file_is_the_old_one_until_it_is_the_new_one(tmp_path: Path):
    write_file(tmp_path / "a", b"old")
    written = write_temporary(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    commit([written])
    assert (tmp_path / "a").read_bytes() == b"new"


def test_what_a_killed_run_left_behind_is_overwritten(tmp_path: Path):
    temporary_path(tmp_path / "a").write_bytes(b"left over, and longer")
    write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def test_bytes_are_on_the_disk_before_the_name_and_the_name_before_we_return(
    tmp_path: Path, steps: list[tuple[str, str]]
):
    write_file(tmp_path / "a", b"x")
    assert steps == [("fsync", ".a.tmp"), ("rename", "a"), ("fsync", tmp_path.name)]


def test_every_mp3_is_on_the_disk_under_its_name_before_any_json_gets_one(
    tmp_path: Path, steps: list[tuple[str, str]]
):
    for folder in ("audio", "json"):
        (tmp_path / folder).mkdir()
    paths = ["audio/0.mp3", "audio/1.mp3", "json/0.json", "json/1.json"]
    commit([write_temporary(tmp_path / path, b"x") for path in paths])
    temporaries = {("fsync", f".{Path(path).name}.tmp") for path in paths}
    assert set(steps[:4]) == temporaries
    assert steps[4:] == [
        ("rename", "0.mp3"),
        ("rename", "1.mp3"),
        ("fsync", "audio"),
        ("rename", "0.json"),
        ("rename", "1.json"),
        ("fsync", "json"),
    ]


def test_the_bytes_of_many_files_reach_the_disk_by_one_call_before_any_has_its_name(
    tmp_path: Path, steps: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
):
    paths = [tmp_path / f"{number}.mp3" for number in range(20)]

    def sync(disk: WatchedDisk) -> bool:
        assert all(temporary_path(path).is_file() for path in paths)
        steps.append(("syncfs", "all"))
        return True

    monkeypatch.setattr(WatchedDisk, "sync", sync)
    with WatchedDisk([tmp_path]) as disk:
        commit([write_temporary(path, b"x") for path in paths], disk)
    renames = [("rename", path.name) for path in paths]
    assert steps == [("syncfs", "all"), *renames, ("fsync", tmp_path.name)]


def test_where_the_system_cannot_sync_all_at_once_many_files_are_synced_one_by_one(
    tmp_path: Path, steps: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(WatchedDisk, "sync", lambda disk: False)
    with WatchedDisk([tmp_path]) as disk:
        commit([write_temporary(tmp_path / str(number), b"x") for number in range(20)], disk)
    assert [what for what, _ in steps[:20]] == ["fsync"] * 20


def test_when_many_files_do_not_reach_the_disk_none_of_them_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    batch = [write_temporary(tmp_path / str(number), b"x") for number in range(20)]
    monkeypatch.setattr(WatchedDisk, "sync", fail_with(errno.ENOSPC))
    with pytest.raises(DiskFull), WatchedDisk([tmp_path]) as disk:
        commit(batch, disk)
    assert names(tmp_path) == []


def test_a_system_that_takes_a_few_bytes_at_a_time_gets_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data[:3])))
    write_file(tmp_path / "a", b"0123456789")
    monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == b"0123456789"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_leaves_neither_the_file_nor_a_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
):
    write_file(tmp_path / "a", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail_with(number))
        with pytest.raises(DiskFull, match="free some space") as full:
            write_file(tmp_path / "a", b"new")
    assert full.value.exit_code == 6
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_when_one_file_of_a_batch_does_not_reach_the_disk_none_of_them_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    batch = [write_temporary(tmp_path / name, b"x") for name in ("a", "b", "c")]
    fsync, seen = os.fsync, []

    def second_fails(fd: int) -> None:
        seen.append(fd)
        (fail_with(errno.ENOSPC) if len(seen) == 2 else fsync)(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", second_fails)
        with pytest.raises(DiskFull):
            commit(batch)
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_named_with_a_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    monkeypatch.setattr(os, "write", fail_with(number))
    with pytest.raises(CannotWrite, match=os.strerror(number)):
        write_file(tmp_path / "a", b"x")
    assert names(tmp_path) == []


def test_other_errors_pass_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "write", fail_with(errno.EBADF))
    with pytest.raises(OSError, match="Bad file"):
        write_file(tmp_path / "a", b"x")


def test_discarded_files_leave_nothing(tmp_path: Path):
    discard([write_temporary(tmp_path / name, b"x") for name in ("a", "b")])
    assert names(tmp_path) == []


def test_temporary_files_are_told_from_everything_else(tmp_path: Path):
    for name in ("a.mp3", ".hidden", "a.tmp", "tmp", ".b.mp3.tmp", ".c.tmp"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".folder.tmp").mkdir()
    (tmp_path / ".link.tmp").symlink_to(tmp_path / "a.mp3")
    assert sorted(path.name for path in find_temporary(tmp_path)) == [".b.mp3.tmp", ".c.tmp"]


def test_a_folder_that_is_not_there_has_no_temporary_files(tmp_path: Path):
    assert find_temporary(tmp_path / "none") == []


def test_an_equal_file_is_left_untouched(tmp_path: Path):
    path = tmp_path / "a"
    write_if_changed(path, "same")
    before = path.stat()
    write_if_changed(path, "same")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    write_if_changed(path, "other")
    assert path.read_text() == "other"


def test_json_is_strict(tmp_path: Path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a", {"x": float("nan")})
    assert names(tmp_path) == []


@pytest.mark.parametrize(("mask", "mode"), [(0o002, 0o664), (0o022, 0o644), (0o077, 0o600)])
def test_files_honour_the_umask(tmp_path: Path, umask: Callable[[int], int], mask: int, mode: int):
    umask(mask)
    write_file(tmp_path / "whole", b"x")
    write_view(tmp_path / "view", "x")
    for name in ("whole", "view"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode


def test_a_file_that_a_library_wrote_is_put_under_its_name(tmp_path: Path):
    path = tmp_path / "a.parquet"
    temporary_path(path).write_bytes(b"x")
    commit_file(path)
    assert names(tmp_path) == ["a.parquet"]


def test_a_new_folder_is_on_the_disk_before_anything_is_put_into_it(
    tmp_path: Path, steps: list[tuple[str, str]]
):
    make_folder(tmp_path / "a" / "b")
    assert steps == [("fsync", tmp_path.name), ("fsync", "a")]
    steps.clear()
    make_folder(tmp_path / "a" / "b")
    assert steps == []


def test_a_view_that_many_write_at_once_is_always_one_of_theirs(tmp_path: Path):
    path = tmp_path / "view.json"
    texts = {str(number) * (number + 1) * 1000 for number in range(4)}
    children = [
        subprocess.Popen([sys.executable, "-c", WRITE_VIEWS, str(path), text])
        for text in sorted(texts)
    ]
    assert [child.wait(timeout=30) for child in children] == [0] * len(children)
    assert path.read_text() in texts
    assert names(tmp_path) == ["view.json"]
