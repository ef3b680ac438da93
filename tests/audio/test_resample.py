"""What becomes of a sampling rate that MP3 lacks."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugflow.audio.clip import BLOCK_FRAMES
from hugflow.audio.convert import make_mp3
from hugflow.audio.encoding import nearest_rate
from hugflow.audio.resample import resample
from tests.audio.clips import RATES_HZ, decode, tone, write, write_bare_mp3


def encode(samples, rate_hz):
    return make_mp3(write(samples, rate_hz), copy_mp3=False)


def resample_whole(samples, from_hz, to_hz, cuts=()):
    blocks = np.split(samples.astype(np.float32), [cut for cut in cuts if cut < len(samples)])
    return np.concatenate(list(resample(blocks, from_hz, to_hz)))[:, 0]


@pytest.mark.parametrize(
    ("source_hz", "mp3_hz"),
    [
        (768_000, 48_000),
        (384_000, 48_000),
        (96_000, 48_000),
        (88_200, 48_000),
        (48_001, 48_000),
        (47_999, 44_100),
        (37_800, 32_000),
        (31_999, 24_000),
        (15_999, 12_000),
        (7_999, 8_000),
        (6_000, 8_000),
        (1, 8_000),
    ],
)
def test_the_rate_becomes_the_nearest_lower_one_of_mp3_or_else_the_lowest(source_hz, mp3_hz):
    assert nearest_rate(source_hz) == mp3_hz


def test_a_rate_that_mp3_has_is_kept():
    assert [nearest_rate(rate_hz) for rate_hz in RATES_HZ] == list(RATES_HZ)


@settings(max_examples=60, deadline=None)
@given(
    rate_hz=st.sampled_from([96_000, 88_200, 37_800, 44_000, 6_000, 384_000]),
    num_samples=st.integers(1, 30_000),
)
def test_the_decoded_length_is_the_sources_in_the_new_rate(rate_hz, num_samples):
    mp3 = encode(tone(num_samples, rate_hz), rate_hz)
    info = mp3.info
    expected = max(1, round(num_samples * info.sampling_rate / rate_hz))
    assert len(decode(mp3.data)) == info.num_samples == expected
    assert (info.sampling_rate, info.source_sampling_rate) == (nearest_rate(rate_hz), rate_hz)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(96_000, 48_000), (88_200, 48_000), (1, 8_000)])
@pytest.mark.parametrize("num_samples", [1, 2, 3, 5, 101])
def test_the_count_is_that_of_python_at_the_halves_too(from_hz, to_hz, num_samples):
    made = resample_whole(tone(num_samples), from_hz, to_hz)
    assert len(made) == max(1, round(num_samples * to_hz / from_hz))


def test_a_clip_shorter_than_one_sample_of_its_mp3_is_one_sample_long():
    assert encode(tone(3, 384_000), 384_000).info.num_samples == 1


@settings(max_examples=40, deadline=None)
@given(
    rates=st.sampled_from([(96_000, 48_000), (88_200, 48_000), (37_800, 32_000), (6_000, 8_000)]),
    cuts=st.lists(st.integers(0, 20_000), max_size=8).map(sorted),
)
def test_how_the_sound_is_cut_into_blocks_changes_nothing(rates, cuts):
    samples = tone(20_000, rates[0])
    assert np.array_equal(resample_whole(samples, *rates, cuts), resample_whole(samples, *rates))


@pytest.mark.parametrize("rate_hz", [384_000, 96_000, 88_200, 50_000, 37_800, 6_000])
def test_the_sound_stays_where_it_was(rate_hz):
    def clicks(at_s):
        return sum(0.8 * np.exp(-(((at_s - each_s) / 0.002) ** 2)) for each_s in (0.01, 0.5, 0.99))

    mp3_hz = nearest_rate(rate_hz)
    made = resample_whole(clicks(np.arange(rate_hz) / rate_hz)[:, None], rate_hz, mp3_hz)
    wanted = clicks(np.arange(mp3_hz) / mp3_hz)
    shifts = {shift: np.square(np.roll(made, shift) - wanted).mean() for shift in (-1, 0, 1)}
    assert min(shifts, key=shifts.__getitem__) == 0
    assert np.abs(made - wanted).max() < 1e-4


def test_what_the_new_rate_cannot_carry_is_left_out_and_does_not_come_back_lower():
    at_s = np.arange(96_000) / 96_000
    made = resample_whole(np.sin(2 * np.pi * 30_000 * at_s)[:, None], 96_000, 48_000)
    assert np.abs(made[1000:-1000]).max() < 1e-4


def test_loud_samples_are_clipped_behind_the_filter_and_never_wrapped():
    samples = np.clip(tone(96_000, 96_000) * 4, -1, 1)
    before, after = samples[::2, 0], decode(encode(samples, 96_000).data)[:, 0]
    is_loud = np.abs(before) > 0.99
    assert np.all(np.sign(before[is_loud]) == np.sign(after[is_loud]))


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 3e38])
def test_one_sample_that_is_no_sound_does_not_spoil_those_around_it(odd):
    samples = tone(96_000, 96_000).astype(np.float32)
    spoilt = samples.copy()
    spoilt[48_000] = odd
    made, wanted = (resample_whole(each, 96_000, 48_000) for each in (spoilt, samples))
    assert np.isfinite(made).all()
    assert np.abs(made - wanted)[:20_000].max() < 0.01
    assert np.abs(made - wanted)[28_000:].max() < 0.01


def test_channels_become_one_before():
    samples = np.repeat(tone(50_000, 96_000), 2, axis=1)
    assert encode(samples, 96_000).data == encode(samples[:, :1], 96_000).data
    assert encode(samples, 96_000).info.source_channels == 2


def test_the_bitrate_is_that_of_the_new_rate():
    assert encode(tone(9000, 37_800), 37_800).info.bitrate_kbps == 192
    assert encode(tone(9000, 15_000), 15_000).info.bitrate_kbps == 64


def test_a_low_rate_keeps_its_blocks_short():
    blocks = resample([np.zeros((BLOCK_FRAMES, 1), np.float32)], 100, 8_000)
    assert max(len(block) for block in blocks) < 2 * BLOCK_FRAMES


def test_the_same_value_gives_the_same_bytes_in_any_thread():
    rates_hz = (96_000, 88_200, 37_800, 6_000, 192_000)
    sources = [write(tone(40_000, rate_hz), rate_hz) for rate_hz in rates_hz]
    alone = [make_mp3(source, copy_mp3=False).data for source in sources]
    with ThreadPoolExecutor(4) as pool:
        again = pool.map(lambda source: make_mp3(source, copy_mp3=False).data, sources * 5)
        assert list(again) == alone * 5


def test_an_mp3_at_its_own_rate_is_not_resampled():
    bare = write_bare_mp3(tone(9000, 11_025), 11_025)
    assert make_mp3(bare, copy_mp3=False).info.sampling_rate == 11_025
