"""Members of a tar are listed in every format that Python writes, and damage is an error."""

import gzip
import io
import tarfile
from contextlib import suppress
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hugflow.shards.layouts.tar_members import (
    ArchiveDamaged,
    _parse_pax,
    is_safe_name,
    list_members,
    read_member,
)
from tests.shards.layouts.tars import make_tar

LONG = "f" * 90 + "/" + "ä" * 120 + ".wav"


def read(tar: bytes) -> list[tuple[str, str, bytes]]:
    file = io.BytesIO(tar)
    return [
        (member.name, member.kind, read_member(file, member))
        for member in list_members(file, len(tar))
    ]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_and_contents_are_those_that_tarfile_reads(form: int):
    out = io.BytesIO()
    names = ["a.wav", "b/c.txt", *([LONG] if form != tarfile.USTAR_FORMAT else ["d" * 90 + "/e"])]
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for at, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size = at * 700
            tar.addfile(info, io.BytesIO(bytes(at * 700)))
    found = read(out.getvalue())
    assert [(name, len(data)) for name, _, data in found] == [
        (name, at * 700) for at, name in enumerate(names)
    ]


def test_members_of_tars_that_were_joined_by_cat_are_all_read():
    one, other = make_tar([("a.wav", b"x" * 700)]), make_tar([("b.wav", b"y"), ("c.wav", b"z")])
    assert [name for name, _, _ in read(one + other + one)] == ["a.wav", "b.wav", "c.wav", "a.wav"]
    packed = gzip.compress(one) + gzip.compress(other)
    file = cast(BinaryIO, gzip.GzipFile(fileobj=io.BytesIO(packed)))
    assert [member.name for member in list_members(file, None)] == ["a.wav", "b.wav", "c.wav"]


def test_bytes_behind_the_end_that_are_no_member_are_damage():
    tar = make_tar([("a.wav", b"x")])
    with pytest.raises(ArchiveDamaged, match=f"follow its end, at byte {len(tar):,}"):
        read(tar + b"x" * 512)
    with pytest.raises(ArchiveDamaged, match="follow its end"):
        read(tar + b"x")
    assert len(read(tar + bytes(100))) == 1


def test_a_tar_without_an_end_is_read_and_told():
    tar, notes = make_tar([("a.wav", b"x")]), list[str]()
    for size in (len(tar), 1_024):
        members = list_members(io.BytesIO(tar[:size]), size, note=notes.append)
        assert [member.name for member in members] == ["a.wav"]
        assert bool(notes) is (size == 1_024)


@given(st.integers(1, 3_000))
@example(1_512)
def test_a_tar_cut_anywhere_in_its_members_is_damaged_or_shorter(size: int):
    tar = make_tar([("a.wav", b"x" * 1_000), ("b.wav", b"y" * 400)])
    whole = [name for name, _, _ in read(tar)]
    try:
        found = [name for name, _, _ in read(tar[:size])]
    except ArchiveDamaged:
        return
    # Only at the border of two members is there nothing to notice.
    assert found == whole[: len(found)]
    assert size % 512 == 0 or size > 512 + 1_024 + 512 + 400


@given(st.binary(max_size=2_000))
def test_any_bytes_are_members_or_damage(data: bytes):
    with suppress(ArchiveDamaged):
        read(data)


@pytest.mark.parametrize(
    ("name", "is_safe"),
    [
        ("a/b.wav", True),
        ("./a.wav", True),
        ("a..b.wav", True),
        ("../a.wav", False),
        ("a/../../b.wav", False),
        ("/a.wav", False),
        ("C:\\a.wav", False),
        ("a\\..\\..\\b", False),
        ("", False),
    ],
)
def test_a_name_that_leads_out_of_the_archive_is_known(name: str, is_safe: bool):
    assert is_safe_name(name) is is_safe


def test_a_name_as_long_as_a_bomb_is_refused():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("n" * 100_000))
    with pytest.raises(ArchiveDamaged, match="takes"):
        read(out.getvalue())


def header(size: bytes, flag: bytes = b"0") -> bytes:
    """A header with these bytes as its size, and a right checksum."""
    block = bytearray(512)
    block[:5], block[124 : 124 + len(size)], block[156:157] = b"a.wav", size, flag
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize("size", [b"-1000", b"-1", b"+7", b"1_0"])
@pytest.mark.parametrize("flag", [b"0", b"L"])
def test_a_size_with_a_sign_is_damage_and_no_circle(size: bytes, flag: bytes):
    with pytest.raises(ArchiveDamaged, match="no number"):
        next(list_members(io.BytesIO(header(size, flag) + bytes(1_024)), 1_536))


def test_a_pax_size_of_thousands_of_digits_is_damage():
    record = b"5011 size=" + b"9" * 5_000 + b"\n"
    tar = header(b"%o" % len(record), b"x") + record + bytes(-len(record) % 512) + header(b"0")
    with pytest.raises(ArchiveDamaged, match="pax"):
        read(tar)


def record(name: str, value: str) -> bytes:
    """One record of a pax header, which begins with its own length."""
    rest = f" {name}={value}\n".encode()
    length = len(rest) + 1
    while len(rest) + len(str(length)) > length:
        length += 1
    return f"{length}".encode() + rest


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.text("xy=\n ä", max_size=120)), min_size=1, max_size=9
    )
)
def test_every_record_of_a_pax_header_is_read(records: list[tuple[str, str]]):
    data = b"".join(record(*each) for each in records)
    assert _parse_pax(data + bytes(7)) == dict(records)
    for damaged in (b"\0" + data, data + b"9", data + b"4 x\n", data + b"3 =", data + b" 5 a=\n"):
        with pytest.raises(ArchiveDamaged, match="pax"):
            _parse_pax(damaged)


def test_a_header_of_a_hundred_thousand_records_is_copied_once():
    copied = 0

    class Counted(bytes):
        def __getitem__(self, key: Any) -> Any:
            nonlocal copied
            found = super().__getitem__(key)
            copied += len(found)
            return found

        def partition(self, sep: Any) -> Any:
            raise AssertionError("it copies all that is left")

    data = Counted(record("a", "") * 100_000)
    assert _parse_pax(data) == {"a": ""}
    assert copied < 2 * len(data)


def test_headers_that_unpack_to_more_than_allowed_are_refused_without_a_member():
    block = header(b"0", b"g")
    with pytest.raises(ArchiveDamaged, match="unpacks to more than 5,000 bytes"):
        list(list_members(io.BytesIO(block * 100), None, 5_000))
    assert list(list_members(io.BytesIO(header(b"0") * 9), None, 5_000))
