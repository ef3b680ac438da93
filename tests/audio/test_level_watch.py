"""Clips that do not come out as they went in are noticed, and no others."""

import numpy as np
import numpy.typing as npt
import pytest

from hugflow.audio.convert import make_mp3
from hugflow.audio.level_watch import LevelWatch
from tests.audio.clips import tone, write

SOUND = tone(20_000)


def level_of(*blocks: npt.NDArray[np.float32] | npt.NDArray[np.int16], name: str = "wav"):
    watch = LevelWatch(blocks, name)
    assert all(seen is block for seen, block in zip(watch, blocks, strict=True))
    return watch.level


def level_of_bytes(data):
    with make_mp3({"bytes": data, "path": None}, copy_mp3=True) as mp3:
        return mp3.info.level


def level_of_array(array):
    with make_mp3({"array": array, "sampling_rate": 16_000}, copy_mp3=True) as mp3:
        return mp3.info.level


def test_channels_that_cancel_each_other_out_are_noticed():
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, (5000, 1)).astype(np.float32)
    opposite = np.hstack([sound, -sound])
    broken = opposite.copy()
    broken[7, 0] = np.nan
    for blocks in (
        (opposite,),
        (opposite[:2000], opposite[2000:]),
        ((opposite * 32_767).astype(np.int16),),
        (np.hstack([sound, -0.9 * sound]),),
        (broken,),
    ):
        assert level_of(*blocks) == "anti_phase"


def test_channels_that_do_not_are_not():
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (5000, 2)).astype(np.float32)
    one = noise[:, :1]
    for block in (noise, one, np.hstack([one, one]), np.hstack([one, one * 0]), noise * 0):
        assert level_of(block) is None


@pytest.mark.parametrize("scale", [32_767, 100, 2**23, 2**31])
@pytest.mark.parametrize("pause", [0, 60_000])
def test_floats_that_were_never_divided_are_noticed(scale, pause):
    loud = np.concatenate([SOUND * scale, np.zeros((pause, 1))]).astype(np.float32)
    assert level_of_bytes(write(loud, subtype="FLOAT")) == "beyond_full_scale"
    assert level_of_array(loud[:, 0]) == "beyond_full_scale"
    assert level_of_array(loud[:, 0].astype(np.float64).tolist()) == "beyond_full_scale"


@pytest.mark.parametrize("scale", [1.0, 1.5, 0.01, 1e-4])
@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16", "PCM_24", "PCM_32"])
def test_a_loud_or_a_quiet_clip_is_as_it_was(scale, subtype):
    assert level_of_bytes(write(SOUND * scale, subtype=subtype)) is None


def test_a_few_samples_beyond_full_scale_are_no_other_units():
    spiky = SOUND.astype(np.float32)
    spiky[::3] *= 100
    spiky[5] = np.inf
    assert level_of_bytes(write(spiky, subtype="FLOAT")) is None


@pytest.mark.parametrize("scale", [32_767, 1000, 100])
@pytest.mark.parametrize("channels", [1, 2])
def test_16_bit_samples_in_a_type_of_32_bits_are_noticed(scale, channels):
    numbers = (np.clip(np.repeat(SOUND, channels, axis=1), -1, 1) * scale).astype(np.int32)
    assert level_of_array(numbers) == "silent_after_scaling"
    wav = write(numbers / 2.0**31, subtype="PCM_32")
    assert level_of_bytes(wav) == "silent_after_scaling"


@pytest.mark.parametrize("scale", [2**23 - 1, 2**22, 2**21])
@pytest.mark.parametrize("channels", [1, 2])
def test_24_bit_samples_in_a_type_of_32_bits_are_noticed(scale, channels):
    numbers = (np.clip(np.repeat(SOUND, channels, axis=1), -1, 1) * scale).astype(np.int32)
    assert level_of_array(numbers) == "quiet_after_scaling"
    assert level_of_bytes(write(numbers / 2.0**31, subtype="PCM_32")) == "quiet_after_scaling"


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16", "PCM_24"])
def test_a_quiet_clip_that_is_not_of_32_bits_is_as_it_was(subtype):
    assert level_of_bytes(write(SOUND / 2**9, subtype=subtype)) is None
    assert level_of_array((SOUND / 2**9)[:, 0]) is None


@pytest.mark.parametrize("share", [0.02, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_samples_that_are_no_numbers_are_noticed(share, dtype):
    sound = SOUND[:, 0].astype(dtype)
    sound[: int(share * len(sound))] = np.nan
    assert level_of_array(sound) == "not_numbers"
    assert level_of_bytes(write(sound.astype(np.float32), subtype="FLOAT")) == "not_numbers"


@pytest.mark.parametrize("format_name", ["WAV", "FLAC", "OGG", "MP3"])
def test_silence_is_silence(format_name):
    assert level_of_bytes(write(np.zeros((20_000, 1)), format=format_name)) is None
    assert level_of_array(np.zeros(20_000)) is None


def test_one_loud_block_makes_a_clip_of_quiet_ones_no_silence():
    quiet, loud = np.full((5000, 1), 1e-6, np.float32), np.full((5000, 1), 0.1, np.float32)
    assert level_of(quiet, quiet) == "silent_after_scaling"
    assert level_of(quiet, loud, quiet) is None
    assert level_of(quiet, quiet, name="opus") is None


def test_what_is_no_number_is_left_aside():
    holes = (SOUND * 32_767).astype(np.float32)
    holes[::5] = np.nan
    assert level_of(holes) == "beyond_full_scale"
    holes[: len(holes) * 3 // 4] = np.nan
    assert level_of(holes) == "beyond_full_scale"


def test_a_few_samples_that_are_no_numbers_are_no_matter():
    holes = SOUND.astype(np.float32)
    holes[::1000] = np.nan
    assert level_of(holes) is None
