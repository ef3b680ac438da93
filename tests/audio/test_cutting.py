"""Pieces of a clip: only whole ones are found, and few are open or on the disk at once."""

import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hugflow.audio import cutting
from hugflow.audio.bad import AudioBad
from hugflow.audio.convert import make_mp3
from hugflow.audio.cut import Cut
from hugflow.audio.cutting import write_pieces
from hugflow.audio.riff import SOURCE_CHUNK
from hugflow.clients.repository import PublishedFile
from hugflow.shards.layouts import segments
from hugflow.shards.layouts.segments import Pieces
from hugflow.shards.plan import Shard
from tests.audio.clips import tone, write
from tests.shards.layouts.recipes import samples

LONG = tone(100_000)


def read_pcm(wav: bytes) -> np.ndarray:
    return np.frombuffer(samples(wav), np.int16)


def unknown_length(flac: bytes) -> bytes:
    data = bytearray(flac)
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    return bytes(data)


def in_process(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


FLAC = write(LONG, format="FLAC")


@pytest.mark.parametrize("flac", [FLAC, unknown_length(FLAC)], ids=["known", "unknown"])
@pytest.mark.parametrize("channel", [None, 0])
def test_half_a_flac_has_no_piece_that_goes_to_its_end(
    tmp_path: Path, flac: bytes, channel: int | None
):
    cuts = [Cut("0", None, channel), Cut("0.5", "1"), Cut("1", "6.2")]
    with pytest.raises(AudioBad):
        write_pieces(flac[: len(flac) // 2], cuts, tmp_path)
    assert {each.name for each in tmp_path.glob("*.wav")} <= {"1.wav"}


@pytest.mark.parametrize("name", ["flac", "wav", "mp3", "aiff"])
def test_an_mp3_of_a_piece_tells_the_format_of_the_recording(tmp_path: Path, name: str):
    write_pieces(write(LONG, format=name.upper()), [Cut("0", "0.5")], tmp_path)
    info = make_mp3((tmp_path / "0.wav").read_bytes(), copy_mp3=True).info
    assert (info.source_format, info.repaired, info.num_samples) == (name, (), 8_000)


def test_a_format_that_is_no_name_is_not_taken_from_a_wav():
    wav = write(LONG)
    for told in (b"", b"no name!", b"x" * 40, b"\xff\xff"):
        chunk = SOURCE_CHUNK + struct.pack("<I", len(told)) + told
        data = wav[:12] + chunk + wav[12:]
        data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
        assert make_mp3(data, copy_mp3=True).info.source_format == "wav"


KILLED = """
import contextlib, os, signal, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from hugflow.audio import cutting
from hugflow.audio.clip import Clip

def blocks():
    for _ in range(3):
        yield np.ones((65_536, 2), np.int16)
    os.kill(os.getpid(), signal.SIGKILL)

@contextlib.contextmanager
def open_bytes(data, container, rules):
    yield Clip("wav", 16_000, 2, None, blocks())

cutting.choose_decoder = lambda data: (SimpleNamespace(open_bytes=open_bytes), "wav")
cuts = [cutting.Cut("0", end or None, 1) for end in sys.argv[2:]]
cutting.write_pieces(b"", cuts, Path(sys.argv[1]))
"""


def test_a_killed_child_leaves_only_the_pieces_that_were_whole(tmp_path: Path):
    assert in_process(KILLED, tmp_path, "20", "4", "100").returncode == -9
    assert [each.name for each in tmp_path.glob("*.wav")] == ["1.wav"]
    assert len(read_pcm((tmp_path / "1.wav").read_bytes())) == 64_000


def test_a_killed_child_leaves_no_piece_that_goes_to_the_end(tmp_path: Path):
    assert in_process(KILLED, tmp_path, "").returncode == -9
    assert [each.name for each in tmp_path.iterdir()] == ["0.part"]


def test_a_piece_to_the_end_holds_all_samples_behind_its_begin(tmp_path: Path):
    pcm = (LONG * 20_000).astype(np.int16)
    for cut, first in [(Cut("0", None), 0), (Cut("1", None, 0), 16_000)]:
        write_pieces(write(pcm), [cut], tmp_path)
        assert np.array_equal(read_pcm((tmp_path / "0.wav").read_bytes()), pcm[first:, 0])


def test_of_two_pieces_to_the_end_one_waits_for_the_next_pass(tmp_path: Path):
    write_pieces(write(LONG), [Cut("0", "1"), Cut("0", None), Cut("1", None)], tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["0.wav", "1.wav"]


def test_a_range_that_no_wav_can_hold_fails_alone(tmp_path: Path):
    write_pieces(write(LONG), [Cut("0", "1"), Cut("0", "999999"), Cut("1", "2")], tmp_path)
    assert sorted(each.name for each in tmp_path.glob("*.wav")) == ["0.wav", "2.wav"]


def test_a_range_of_gigabytes_behind_the_end_is_never_taken_for_a_short_piece(tmp_path: Path):
    write_pieces(write(LONG), [Cut("0", "70000")], tmp_path)
    assert not [*tmp_path.glob("*.wav")]


MANY = """
import resource, sys
from pathlib import Path
from hugflow.audio.bad import AudioBad
from hugflow.audio.cut import Cut
from hugflow.audio.cutting import write_pieces

resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
data, length = Path(sys.argv[1]).read_bytes(), float(sys.argv[3])
cuts = [Cut(f"{n / 1200:.6f}", f"{n / 1200 + length:.6f}") for n in range(1200)]
try:
    write_pieces(data, cuts, Path(sys.argv[2]))
except AudioBad as bad:
    print(bad.message)
"""


@pytest.mark.parametrize(
    ("length", "said", "pieces"),
    [(0.0008, "", 1200), (1, "more than 200 segments are of one moment\n", 0)],
)
def test_many_ranges_of_one_second_open_few_files(
    tmp_path: Path, length: float, said: str, pieces: int
):
    recording = tmp_path / "long.flac"
    recording.write_bytes(write(tone(40_000), format="FLAC"))
    done = in_process(MANY, recording, tmp_path, length)
    assert (done.stdout, done.returncode) == (said, 0), done.stderr
    assert len([*tmp_path.glob("*.wav")]) == pieces


def test_pieces_of_one_recording_are_cut_in_turns_when_they_are_large_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    passes: list[int] = []

    def cut_file(_workers: object, file: Path, cuts: Sequence[Cut], folder: Path) -> None:
        passes.append(len(cuts))
        write_pieces(file.read_bytes(), cuts, folder)

    monkeypatch.setattr(segments, "cut_file", cut_file)
    monkeypatch.setattr(cutting, "MOST_BYTES", 3 * 16_000 * 4)
    recording = tmp_path / "long.wav"
    pcm = (LONG * 20_000).astype(np.int16)
    recording.write_bytes(write(pcm))
    rows = 10
    cuts = [[str(n / 4), str(n / 4 + 1), None] for n in range(rows)]
    shard = Shard(0, 1, (PublishedFile("long.wav", 1, None, "0" * 40),), 0, rows)
    most = 0
    with Pieces([recording], shard, [0] * rows, cuts, range(rows)) as pieces:
        for row in range(rows):
            found = read_pcm(pieces.read(row))
            assert np.array_equal(found, pcm[row * 4_000 : row * 4_000 + 16_000, 0])
            most = max(most, len([*tmp_path.glob("*/*.wav")]))
    assert passes == [10, 7, 4, 1]
    assert most == 2
    assert [*tmp_path.iterdir()] == [recording]
