"""Levels: how loud a clip is along its way, from no more of it than is shown."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from hugflow.audio.bad import AudioBad
from hugflow.audio.levels import LONGEST_S, read_levels

RATE_HZ = 8_000


def write(path: Path, samples: npt.NDArray[np.float32], subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples, RATE_HZ, subtype=subtype, format="WAV")
    return path


def test_a_clip_that_grows_louder_has_rising_levels(tmp_path: Path):
    ramp = np.linspace(0.0, 0.9, 1_000, dtype=np.float32) * np.tile([1, -1], 500)
    levels = read_levels(write(tmp_path / "ramp.wav", ramp.astype(np.float32)), 10)
    assert len(levels.peaks) == 10
    assert list(levels.peaks) == sorted(levels.peaks)
    assert levels.peaks[-1] == pytest.approx(0.9)
    assert levels.shown_s == levels.total_s == 1_000 / RATE_HZ


def test_the_loudest_channel_counts(tmp_path: Path):
    stereo = np.stack([np.zeros(100), np.full(100, -0.5)], axis=1).astype(np.float32)
    assert set(read_levels(write(tmp_path / "stereo.wav", stereo), 4).peaks) == {0.5}


def test_what_comes_after_half_a_minute_is_not_looked_at(tmp_path: Path):
    samples = np.full(40 * RATE_HZ, 0.1, dtype=np.float32)
    samples[LONGEST_S * RATE_HZ :] = 1.0
    levels = read_levels(write(tmp_path / "long.wav", samples), 60)
    assert max(levels.peaks) == pytest.approx(0.1)
    assert (levels.shown_s, levels.total_s) == (30.0, 40.0)


def test_a_clip_of_few_samples_has_a_level_for_each(tmp_path: Path):
    samples = np.array([0.25, -0.5, 0.75], dtype=np.float32)
    assert read_levels(write(tmp_path / "few.wav", samples), 60).peaks == (0.25, 0.5, 0.75)


def test_a_clip_without_samples_has_no_levels(tmp_path: Path):
    levels = read_levels(write(tmp_path / "none.wav", np.zeros(0, dtype=np.float32)), 60)
    assert (levels.peaks, levels.shown_s, levels.total_s) == ((), 0.0, 0.0)


def test_samples_beyond_full_scale_and_no_numbers_at_all_stay_within_it(tmp_path: Path):
    samples = np.array([7.0, math.nan, -math.inf], dtype=np.float32)
    assert read_levels(write(tmp_path / "wild.wav", samples), 3).peaks == (1.0, 0.0, 1.0)


@pytest.mark.parametrize("content", [b"", b"no audio at all", None])
def test_what_is_no_audio_is_bad_audio(tmp_path: Path, content: bytes | None):
    path = tmp_path / "clip.mp3"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioBad, match="no levels"):
        read_levels(path, 60)
