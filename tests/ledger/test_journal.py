"""The journal: what was appended is read back, whatever happens to the file."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.audio.mp3 import AudioInfo
from hugflow.errors import DiskFull
from hugflow.ledger.journal import Journal, Outcome, RowFailed, RowMade, read_journal

words = st.text(min_size=1, max_size=12)
stems = words.filter(lambda text: "/" not in text)
audio_infos = st.builds(
    AudioInfo,
    sampling_rate=st.integers(1, 400_000),
    num_samples=st.integers(0, 2**40),
    source_format=words,
    source_sampling_rate=st.integers(1, 400_000),
    source_channels=st.integers(1, 8),
    bitrate_kbps=st.integers(8, 320),
    copied=st.booleans(),
    source_path=st.none() | st.text(max_size=20),
    repaired=st.lists(words, max_size=3).map(tuple),
    level=st.none() | words,
)
sizes = st.none() | st.integers(0, 2**40)
rows = st.integers(0, 30)
outcomes = st.one_of(
    st.builds(RowMade, rows, stems, sizes, sizes, st.none() | audio_infos),
    st.builds(RowFailed, rows, words, st.text(max_size=30)),
)


def made(row: int) -> RowMade:
    info = AudioInfo(16_000, 40_000, "flac", 16_000, 1, 160, False, f"clips/{row}.flac")
    return RowMade(row, f"clip {row}", 40_812 + row, 371, info)


def write(path: Path, *batches: list[Outcome]) -> None:
    for batch in batches:
        with Journal(path) as journal:
            journal.append(batch)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of a property."""
    return tmp_path_factory.mktemp("journal")


@given(batches=st.lists(st.lists(outcomes, max_size=5), max_size=4))
def test_whatever_was_appended_is_read_back_and_the_last_line_of_a_row_counts(
    folder: Path, batches: list[list[Outcome]]
):
    path = folder / "any.jsonl"
    path.unlink(missing_ok=True)
    write(path, *batches)
    assert read_journal(path) == {each.row: each for batch in batches for each in batch}


def test_a_shard_that_was_never_begun_has_no_outcomes(tmp_path: Path):
    assert read_journal(tmp_path / "none.jsonl") == {}


def test_a_journal_cut_at_any_byte_loses_only_what_was_cut_off(tmp_path: Path):
    path = tmp_path / "cut.jsonl"
    write(path, [made(row) for row in range(4)])
    whole = path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        # A line is whole also where only its end-of-line is missing.
        lines = sum(cut >= end - 1 for end in ends)
        assert sorted(read_journal(path)) == list(range(max(0, lines - 1)))


def test_after_a_torn_line_the_next_begins_anew(tmp_path: Path):
    path = tmp_path / "torn.jsonl"
    write(path, [made(0), made(1)])
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        before = read_journal(path)
        write(path, [made(7)])
        assert read_journal(path) == {**before, 7: made(7)}


@given(
    line=st.integers(0, 5),
    garbage=st.one_of(
        st.binary(max_size=60),
        st.sampled_from(
            [
                b"null",
                b"{}",
                b"[1,2,3,4,5]",
                b'[3,"a",1,1,["x",0,0,0,0,0,0,0]]',
                b'[3,"a/b",1,1,null]',
                b'[3,"a",1,1,[0,1,"wav",1,1,1,false,null]]',
                b'[3,"a",1,1,[1,1,"wav",1,1,1,false,null,{"repaired":"wav_size"}]]',
                b'[3,"a",1,1,[1,1,"wav",1,1,1,false,null,{"level":7}]]',
                b'[3,"a",1,1,[1,1,"wav",1,1,1,false,null,[]]]',
                b'[3,"a",1,1,[1,1,"wav",1,1,1,false,null,{},{}]]',
                b'[-1,"a","b"]',
                b'[true,"a","b"]',
                b"[" * 20_000,
                b"1e999",
                b"\xff\xfe",
                b"9" * 5_000,
            ]
        ),
    ),
)
def test_a_line_of_garbage_harms_no_other_line(folder: Path, line: int, garbage: bytes):
    path = folder / "garbage.jsonl"
    path.unlink(missing_ok=True)
    write(path, [made(row) for row in range(5)])
    lines = path.read_bytes().splitlines()
    text = garbage.replace(b"\n", b" ").replace(b"\r", b" ")
    lines.insert(line + 1, text)
    path.write_bytes(b"\n".join(lines) + b"\n")
    found = read_journal(path)
    assert {row: found[row] for row in range(5)} == {row: made(row) for row in range(5)}


@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_byte_that_changed_costs_the_lines_it_touches_and_nothing_else(
    folder: Path, at: int, byte: int
):
    path = folder / "flipped.jsonl"
    path.unlink(missing_ok=True)
    write(path, [made(row) for row in range(10, 15)])
    data = bytearray(path.read_bytes())
    at %= len(data)
    data[at] = byte
    path.write_bytes(data)
    found = read_journal(path)
    intact = [row for row in range(10, 15) if found.get(row) == made(row)]
    # Two when it was the line's end, or when one row's number became another's.
    assert len(intact) >= 3


@given(damage=st.binary(max_size=300))
def test_a_file_of_garbage_never_raises(folder: Path, damage: bytes):
    path = folder / "all.jsonl"
    path.write_bytes(damage)
    read_journal(path)
    write(path, [made(1)])
    assert read_journal(path)[1] == made(1)


def test_an_append_that_finds_the_disk_full_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "full.jsonl"
    with Journal(path) as journal:
        journal.append([made(0)])
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fail)
            with pytest.raises(DiskFull):
                journal.append([made(1)])
    assert read_journal(path) == {0: made(0)}


def test_lines_are_on_the_disk_when_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced: list[int] = []
    fdatasync = os.fdatasync

    def record(fd: int) -> None:
        synced.append(os.fstat(fd).st_size)
        fdatasync(fd)

    monkeypatch.setattr(os, "fdatasync", record)
    write(tmp_path / "a.jsonl", [made(0), made(1)])
    assert synced == [(tmp_path / "a.jsonl").stat().st_size]


def test_a_line_with_one_changed_digit_is_not_believed(tmp_path: Path):
    path = tmp_path / "shard.jsonl"
    audio = AudioInfo(16_000, 40_000, "flac", 16_000, 1, 160, False, None)
    with Journal(path) as journal:
        journal.append([RowMade(0, "a", 100, 10, audio), RowMade(1, "b", 100, 10, audio)])
    path.write_bytes(path.read_bytes().replace(b'[0,"a",100,10,[16000', b'[0,"a",100,10,[16200'))
    assert list(read_journal(path)) == [1]
