"""How channels become one, and reals become 16 bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hugflow.audio.mono import to_mono_float32, to_mono_pcm16

FRAMES = st.integers(1, 20)
PCM16 = hnp.arrays(np.int16, FRAMES)
ANY_FLOATS = hnp.arrays(
    np.float32, st.tuples(FRAMES, st.integers(1, 8)), elements=st.floats(width=32)
)


@given(pcm=PCM16)
def test_one_channel_of_16_bits_comes_out_as_it_went_in(pcm):
    assert np.array_equal(to_mono_pcm16(pcm[:, None]), pcm)
    assert np.array_equal(to_mono_pcm16((pcm / 32768).astype(np.float32)[:, None]), pcm)


@given(pcm=PCM16, channels=st.integers(1, 8))
def test_the_mean_of_identical_channels_is_that_channel(pcm, channels):
    repeated = np.repeat(pcm[:, None], channels, axis=1)
    assert np.array_equal(to_mono_pcm16(repeated), pcm)
    assert np.array_equal(to_mono_pcm16((repeated / 32768).astype(np.float32)), pcm)


@given(reals=hnp.arrays(np.float32, FRAMES, elements=st.floats(-100, 100, width=32)))
def test_clipping_never_changes_the_sign(reals):
    pcm = to_mono_pcm16(reals[:, None])
    assert np.all(pcm.astype(np.float32) * reals >= 0)
    assert np.all(pcm[reals >= 1] == 32767)
    assert np.all(pcm[reals <= -1] == -32768)


@given(samples=ANY_FLOATS)
def test_every_float_becomes_a_sample(samples):
    assert to_mono_pcm16(samples).shape == (len(samples),)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ([np.nan], 0),
        ([np.inf], 32767),
        ([-np.inf], -32768),
        ([np.nan, 0.5], 8192),
        ([np.inf, -np.inf], 0),
        ([2.0, 0.0], 32767),
        ([2.0, -2.0], 0),
        ([3e38, 3e38], 32767),
    ],
)
def test_what_is_no_number_is_mended_in_its_own_channel(channels, expected):
    assert to_mono_pcm16(np.array([channels], np.float32)) == [expected]


def test_the_samples_handed_in_are_left_alone():
    samples = np.array([[np.nan, 2.0]], np.float32)
    to_mono_pcm16(samples)
    assert np.array_equal(samples, np.array([[np.nan, 2.0]], np.float32), equal_nan=True)


@given(samples=ANY_FLOATS)
def test_what_a_filter_is_given_is_finite_and_of_the_same_sound(samples):
    mono = to_mono_float32(samples)
    assert np.abs(mono).max() <= 32768
    assert np.array_equal(to_mono_pcm16(mono[:, None]), to_mono_pcm16(samples))


@given(pcm=hnp.arrays(np.int16, st.tuples(FRAMES, st.integers(1, 8))))
def test_a_filter_is_given_16_bits_at_full_scale_one(pcm):
    assert np.array_equal(to_mono_pcm16(to_mono_float32(pcm)[:, None]), to_mono_pcm16(pcm))
