"""Files of any format one behind the other: all of the sound, or a bad clip."""

import subprocess
from itertools import product
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from hugflow.audio.bad import AudioBad
from tests.audio.clips import id3v1, id3v2, tone, write, write_bare_mp3
from tests.audio.making import make

FORMATS = ("WAV", "FLAC", "MP3", "OGG", "AIFF", "AU", "CAF", "W64")
FILES = {name: write(tone(16_000), format=name) for name in FORMATS}
SHORT = {name: write(tone(5_000), format=name) for name in FORMATS}


@pytest.mark.parametrize(("first", "second"), list(product(FORMATS, FORMATS)))
def test_what_stands_behind_a_file_is_decoded_too(first: str, second: str):
    for behind, samples in ((FILES[second], 16_000), (SHORT[second], 5_000)):
        info, sound = make(FILES[first] + behind)
        assert info.num_samples == 16_000 + samples
        assert np.abs(sound[-3_000:-500]).mean() > 0.1


@pytest.mark.parametrize(("first", "second"), list(product(FORMATS, FORMATS)))
def test_a_file_behind_other_bytes_is_decoded_too(first: str, second: str):
    info, sound = make(FILES[first] + b"\1\2\3\4" * 10 + SHORT[second])
    assert info.num_samples == 21_000
    assert np.abs(sound[-3_000:-500]).mean() > 0.1


@pytest.mark.parametrize("middle", FORMATS)
@pytest.mark.parametrize("around", ["MP3", "OGG", "FLAC", "WAV"])
def test_a_file_between_two_of_one_format_is_decoded_too(around: str, middle: str):
    assert make(FILES[around] + SHORT[middle] + FILES[around])[0].num_samples == 37_000


@pytest.mark.parametrize("flac", [FILES["FLAC"], SHORT["FLAC"], write(tone(60), format="FLAC")])
@pytest.mark.parametrize("between", [b"", id3v1(), id3v2(), bytes(500)])
@pytest.mark.parametrize("samples", [2_000, 16_000, 200_000])
def test_an_mp3_behind_a_flac_is_decoded_to_its_end(flac: bytes, between: bytes, samples: int):
    alone, _ = make(flac)
    for mp3 in (write(tone(samples), format="MP3"), write_bare_mp3(tone(samples))):
        behind, _ = make(mp3)
        info, _ = make(flac + between + mp3)
        assert info.num_samples == alone.num_samples + behind.num_samples
        assert info.source_format == "flac"


@pytest.mark.parametrize("second", FORMATS)
@pytest.mark.parametrize("lost", [30, 3_000])
def test_what_stands_behind_a_file_and_was_cut_makes_it_bad(second: str, lost: int):
    for first in ("WAV", "FLAC", "OGG"):
        with pytest.raises(AudioBad):
            make(FILES[first] + FILES[second][:-lost])


@pytest.mark.parametrize("first", FORMATS)
@pytest.mark.parametrize("behind", [id3v1(), bytes(900), b"notes of a person " * 40])
def test_what_is_no_sound_behind_a_file_does_no_harm(first: str, behind: bytes):
    alone, _ = make(FILES[first])
    assert make(FILES[first] + behind)[0].num_samples == alone.num_samples


@pytest.mark.skipif(which("ffmpeg") is None, reason="ffmpeg cuts the pieces")
@pytest.mark.parametrize(("start", "end"), [(0.0, 1.1), (0.7, 1.9), (1.2, 9.0), (0.0, 9.0)])
def test_a_piece_that_ffmpeg_copied_out_of_a_flac_is_as_long_as_ffmpeg_decodes_it(
    start: float, end: float, tmp_path: Path
):
    whole, piece = tmp_path / "whole.flac", tmp_path / "piece.flac"
    whole.write_bytes(write(tone(16_000 * 3 + 17), format="FLAC"))
    base = ["ffmpeg", "-v", "error", "-y"]
    cut = ["-ss", str(start), "-to", str(end), "-i", str(whole), "-c", "copy", str(piece)]
    subprocess.run([*base, *cut], check=True)
    raw = ["-i", str(piece), "-f", "s16le", "-"]
    sound = subprocess.run([*base, *raw], check=True, capture_output=True).stdout
    info, _ = make(piece.read_bytes())
    assert info.num_samples == len(sound) // 2 > 0
