"""Archives that could harm: refused as a whole, with nothing left behind."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hugflow.hierarchy import ConfigError, UnsafeArchiveError, lock_project
from tests.hierarchy.worlds import at, write_repository

CONFIG = '{"sources": {}}'
Fill = Callable[[zipfile.ZipFile], None]


def lock_archive(folder: Path, archive: Path) -> None:
    """Lock a child whose parent is the archive."""
    child = write_repository(folder / "child", at({"sources": {}}, p=str(archive)))
    lock_project(child)


def make_zip(folder: Path, fill: Fill) -> Path:
    target = folder / "parent.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hugflow.json", CONFIG)
        fill(archive)
    return target


def member(name: str, mode: int) -> Fill:
    def fill(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, "/etc/passwd")

    return fill


def names(*added: str) -> Fill:
    def fill(archive: zipfile.ZipFile) -> None:
        for name in added:
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, "x")

    return fill


def encrypted(archive: zipfile.ZipFile) -> None:
    archive.writestr("input/x", "x")
    archive.infolist()[-1].flag_bits |= 1


def bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr("input/zeros.json", bytes(64 << 20))


def many(archive: zipfile.ZipFile) -> None:
    for number in range(60_000):
        archive.writestr(zipfile.ZipInfo(f"f{number}"), b"")


HOSTILE: dict[str, tuple[Fill, str]] = {
    "traversal": (names("../evil"), "no plain path"),
    "inner traversal": (names("input/../../evil"), "no plain path"),
    "absolute": (names("/etc/evil"), "absolute"),
    "backslash": (names("input\\..\\evil"), "no plain path"),
    "drive": (names("C:evil"), "no plain path"),
    "line break": (names("input/a\nb"), "no plain path"),
    "nul": (names("input/a\0b"), "no plain path"),
    "empty part": (names("input//a"), "no plain path"),
    "link": (member("input/link", stat.S_IFLNK | 0o777), "link or a device"),
    "device": (member("input/device", stat.S_IFBLK | 0o600), "link or a device"),
    "pipe": (member("input/pipe", stat.S_IFIFO | 0o600), "link or a device"),
    "duplicate": (names("input/a", "input/a"), "there twice"),
    "case": (names("input/a", "input/A"), "differ only in case"),
    "folder case": (names("input/a", "Input/b"), "differ only in case"),
    "form": (names("input/é", "input/e\u0301"), "differ only in case or form"),
    "file and folder": (names("input/a", "input/a/b"), "a file and a folder"),
    "folder and file": (names("input/a/b", "input/a"), "twice|file and a folder"),
    "long": (names("input/" + "a" * 300), "too long"),
    "bomb": (bomb, "grows too much"),
    "60,000 members": (many, "too many members"),
    "encrypted": (encrypted, "encrypted"),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_hostile_member_is_refused(tmp_path: Path, cache: Path, kind: str):
    fill, said = HOSTILE[kind]
    archive = make_zip(tmp_path, fill)
    with pytest.raises(UnsafeArchiveError, match=f"p: .*(?:{said})"):
        lock_archive(tmp_path, archive)
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    assert not (tmp_path / "child" / "hugflow.lock").exists()
    assert not (tmp_path / "evil").exists()


def make_tar(folder: Path, *members: tarfile.TarInfo, data: bytes = b"") -> Path:
    target = folder / "parent.tar.gz"
    with tarfile.open(target, "w:gz") as archive:
        config = tarfile.TarInfo("hugflow.json")
        config.size = len(CONFIG)
        archive.addfile(config, io.BytesIO(CONFIG.encode()))
        for each in members:
            each.size = len(data) if each.isreg() else 0
            archive.addfile(each, io.BytesIO(data) if each.isreg() else None)
    return target


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([tar_member("../evil")], "no plain path"),
        ([tar_member("/etc/evil")], "absolute"),
        ([tar_member("input/l", tarfile.SYMTYPE, "/etc/passwd")], "link or a device"),
        ([tar_member("input/l", tarfile.LNKTYPE, "hugflow.json")], "link or a device"),
        ([tar_member("input/c", tarfile.CHRTYPE)], "link or a device"),
        ([tar_member("input/p", tarfile.FIFOTYPE)], "link or a device"),
        ([tar_member("../d", tarfile.DIRTYPE)], "no plain path"),
        ([tar_member("input/a"), tar_member("input/a")], "there twice"),
        ([tar_member("input/a"), tar_member("input/A")], "differ only in case"),
    ],
)
def test_a_tar_with_a_hostile_member_is_refused(
    tmp_path: Path, cache: Path, members: list[tarfile.TarInfo], said: str
):
    with pytest.raises(UnsafeArchiveError, match=f"p: .*(?:{said})"):
        lock_archive(tmp_path, make_tar(tmp_path, *members))
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_tar_that_grows_too_much_is_refused(tmp_path: Path):
    for name in ("input/zeros.json", "a" * 90):
        archive = make_tar(tmp_path, tar_member(name), data=bytes(64 << 20))
        with pytest.raises(UnsafeArchiveError, match="grows too much"):
            lock_archive(tmp_path, archive)


@pytest.mark.parametrize("data", [b"", b"<html>login</html>", b"PK\x03\x04broken", b"\x1f\x8bxx"])
def test_what_is_no_archive_is_named(tmp_path: Path, data: bytes):
    (tmp_path / "parent.zip").write_bytes(data)
    with pytest.raises(ConfigError, match=r"p: .*(?:archive is damaged|neither a zip)"):
        lock_archive(tmp_path, tmp_path / "parent.zip")


def test_every_cut_of_a_sound_archive_is_named(tmp_path: Path):
    repository = write_repository(
        tmp_path / "p", {"sources": {"s": {"format": "json", "files_list": ["x"]}}}
    )
    whole = make_tar(tmp_path, tar_member("input/s/x.json"), data=b"x" * 3000).read_bytes()
    for cut in (30, len(whole) // 2, len(whole) - 9):
        (tmp_path / "cut.tar.gz").write_bytes(whole[:cut])
        with pytest.raises(ConfigError, match=r"p: .*damaged"):
            lock_archive(tmp_path, tmp_path / "cut.tar.gz")
    assert repository.is_dir()


def test_a_pointer_of_git_lfs_is_no_data(tmp_path: Path):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    archive = make_zip(tmp_path, lambda opened: opened.writestr("input/s/x.json", pointer))
    with pytest.raises(ConfigError, match=r"input/s/x\.json is a pointer of Git LFS"):
        lock_archive(tmp_path, archive)


def test_what_macos_adds_to_an_archive_does_no_harm(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "parent.zip", "w") as archive:
        archive.writestr("parent/hugflow.json", CONFIG)
        archive.writestr("__MACOSX/parent/._hugflow.json", "x")
    lock_archive(tmp_path, tmp_path / "parent.zip")


def test_a_tar_of_too_many_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hugflow.hierarchy.archives.MOST_FILES", 100)
    archive = make_tar(tmp_path, *(tar_member(f"f{number}") for number in range(101)))
    with pytest.raises(UnsafeArchiveError, match="too many members"):
        lock_archive(tmp_path, archive)


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_whose_bytes_were_changed_is_damaged_whatever_its_method(
    tmp_path: Path, compression: int
):
    target = tmp_path / "parent.zip"
    with zipfile.ZipFile(target, "w", compression) as archive:
        archive.writestr("hugflow.json", CONFIG + " " * 1_000)
    data = bytearray(target.read_bytes())
    start = data.index(b"hugflow.json") + len(b"hugflow.json") + 10
    data[start : start + 20] = b"\xff" * 20
    target.write_bytes(data)
    with pytest.raises(ConfigError, match="damaged"):
        lock_archive(tmp_path, target)


def test_a_tar_with_a_wrong_checksum_is_damaged(tmp_path: Path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("hugflow.json")
        info.size = len(CONFIG)
        archive.addfile(info, io.BytesIO(CONFIG.encode()))
    data = bytearray(out.getvalue())
    data[-8:-4] = b"\1\2\3\4"
    target = tmp_path / "parent.tar.gz"
    target.write_bytes(data)
    with pytest.raises(ConfigError, match="damaged"):
        lock_archive(tmp_path, target)
