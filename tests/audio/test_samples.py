"""Arrays of samples, and objects that decode themselves."""

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import BLOCK_FRAMES, DEFAULT_RULES
from hugflow.audio.convert import CONVERTED_DECODER, FOUND_DECODER, Converter, make_mp3
from hugflow.audio.mono import to_mono_pcm16
from hugflow.audio.samples import open_array
from hugflow.audio.value import SampledAudio
from tests.audio.clips import decode, tone, write

PCM16 = hnp.arrays(np.int16, st.integers(1, 50))


class Tensor:
    """What torch gives, as far as numpy sees it: it must be detached and brought home first."""

    def __init__(self, array, *, steps=("detach", "cpu")):
        self._array, self._steps = array, steps

    def detach(self):
        return Tensor(self._array, steps=self._steps[1:])

    def cpu(self):
        assert self._steps == ("cpu",)
        return Tensor(self._array, steps=())

    def __array__(self, dtype=None, copy=None):
        assert not self._steps
        return self._array


class Decoder:
    """Behaves like torchcodec's AudioDecoder."""

    def __init__(self, array, rate_hz=16_000):
        self._samples = SimpleNamespace(data=Tensor(array.astype(np.float32)), sample_rate=rate_hz)

    def get_all_samples(self):
        return self._samples


class BrokenDecoder:
    def __init__(self, error):
        self._error = error

    def get_all_samples(self):
        raise self._error


def pcm_of(array):
    """What an encoder is given of an array."""
    blocks = open_array(SampledAudio(array, 16_000), DEFAULT_RULES).blocks
    return np.concatenate([to_mono_pcm16(block) for block in blocks])


def code_of(value):
    with pytest.raises(AudioBad) as caught:
        make_mp3(value, copy_mp3=True)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) <= 300
    return caught.value.code


def test_an_array_becomes_the_mp3_that_a_file_of_it_becomes():
    pcm = (tone(30_000) * 20_000).astype(np.int16)
    value = {"array": pcm[:, 0], "sampling_rate": 16_000, "path": "a.wav"}
    mp3 = make_mp3(value, copy_mp3=True)
    assert mp3.data == make_mp3(write(pcm), copy_mp3=True).data
    assert (mp3.info.source_format, mp3.info.source_path) == ("array", "a.wav")
    assert (mp3.info.num_samples, mp3.info.source_channels, mp3.info.copied) == (30_000, 1, False)


@given(pcm=PCM16)
def test_16_bits_are_exact_in_every_type_that_holds_them(pcm):
    wide = pcm.astype(np.int64)
    for array in (
        pcm,
        pcm.astype(">i2"),
        wide,
        pcm.tolist(),
        tuple(pcm.tolist()),
        (wide << 16).astype(np.int32),
        (wide + 2**15).astype(np.uint16),
        (wide + 2**15 << 16).astype(np.uint32),
        pcm.astype(np.float32) / 32768,
        pcm.astype(np.float64) / 32768,
        pcm.astype(">f8") / 32768,
        (pcm.astype(np.float64) / 32768).tolist(),
    ):
        assert np.array_equal(pcm_of(array), pcm)


@given(pcm=hnp.arrays(np.int8, st.integers(1, 50)))
def test_8_bits_are_exact_and_unsigned_ones_are_silent_at_128(pcm):
    expected = pcm.astype(np.int16) * 256
    assert np.array_equal(pcm_of(pcm), expected)
    assert np.array_equal(pcm_of((pcm.astype(np.int16) + 128).astype(np.uint8)), expected)


def test_half_floats_are_read_as_floats():
    assert pcm_of(np.array([0.5, -0.25], np.float16)).tolist() == [16384, -8192]
    assert pcm_of(np.array([0.5, -0.25], np.longdouble)).tolist() == [16384, -8192]


def test_loud_floats_are_clipped_and_what_is_no_number_is_mended():
    array = [2.0, -2.0, 1e300, float("nan"), float("inf"), float("-inf")]
    assert pcm_of(array).tolist() == [32767, -32768, 32767, 0, 32767, -32768]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_a_long_array_is_taken_in_blocks_that_join(dtype):
    array = (tone(2 * BLOCK_FRAMES + 7)[:, 0] * 1000).astype(dtype)
    blocks = [
        block.copy() for block in open_array(SampledAudio(array, 16_000), DEFAULT_RULES).blocks
    ]
    assert [len(block) for block in blocks] == [BLOCK_FRAMES, BLOCK_FRAMES, 7]
    assert np.array_equal(np.concatenate(blocks)[:, 0], array.astype(blocks[0].dtype))


def test_an_array_of_numpys_is_not_copied():
    array = np.zeros((2, 5000), np.float32)
    assert np.shares_memory(
        next(open_array(SampledAudio(array, 16_000), DEFAULT_RULES).blocks), array
    )


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_the_shorter_axis_is_the_channels(channels):
    samples = tone(9000, channels=channels)
    for array in (samples, samples.T, samples.tolist(), samples.T.tolist(), list(samples.T)):
        info = make_mp3({"array": array, "sampling_rate": 16_000}, copy_mp3=True).info
        assert (info.source_channels, info.num_samples) == (channels, 9000)


def test_of_axes_of_one_length_the_first_is_the_channels():
    assert pcm_of(np.array([[0.5, 0.25], [0.5, 0.75]])).tolist() == [16384, 16384]


def test_an_array_of_arrays_is_of_two_axes():
    rows = np.empty(2, object)
    rows[:] = [np.full(10, 0.5), np.full(10, 0.25)]
    assert pcm_of(rows).tolist() == [12288] * 10


@pytest.mark.parametrize(
    ("array", "code"),
    [
        ([], "audio_empty"),
        ([[], []], "audio_empty"),
        (np.zeros((2, 0), np.int16), "audio_empty"),
        ([[0.1], [0.1, 0.2]], "audio_unsupported"),
        (np.zeros((2, 3, 4)), "audio_unsupported"),
        (np.array(0.5), "audio_unsupported"),
        (np.zeros((65, 70)), "audio_unsupported"),
        ([0.1, None], "audio_unsupported"),
        (["a", "b"], "audio_unsupported"),
        ([1 + 2j], "audio_unsupported"),
        ([True, False], "audio_unsupported"),
        ([2**70], "audio_unsupported"),
        ([32768, 0], "audio_unsupported"),
        ([-32769, 0], "audio_unsupported"),
        (np.zeros(9, "datetime64[s]"), "audio_unsupported"),
        ("0.1 0.2", "audio_unsupported"),
        (b"\0\0", "audio_unsupported"),
        (7, "audio_unsupported"),
        ({"0": 0.1}, "audio_unsupported"),
    ],
)
def test_what_is_no_sound_has_a_code_for_it(array, code):
    assert code_of({"array": array, "sampling_rate": 16_000}) == code


@pytest.mark.parametrize("rate", [16_000, 16_000.0, np.int32(16_000), np.float32(16_000)])
def test_a_sampling_rate_is_a_whole_number_of_any_type(rate):
    info = make_mp3({"array": [0.1] * 90, "sampling_rate": rate}, copy_mp3=True).info
    assert (info.sampling_rate, info.source_sampling_rate) == (16_000, 16_000)
    assert type(info.source_sampling_rate) is int


@pytest.mark.parametrize(
    "rate",
    [None, 0, -8000, 16_000.5, 768_001, float("nan"), float("inf"), 10**400, "16000",
     b"16000", True, [16_000]],
)  # fmt: skip
def test_a_sampling_rate_that_means_nothing_is_named(rate):
    assert code_of({"array": [0.1], "sampling_rate": rate}) == "rate_unsupported"


def test_a_sampling_rate_that_python_refuses_to_show_is_named():
    assert code_of({"array": [0.1], "sampling_rate": 10**5000}) == "rate_unsupported"


def test_an_array_without_a_sampling_rate_is_named():
    assert code_of({"array": [0.1]}) == "rate_unsupported"


def test_an_array_of_days_is_refused():
    array = np.zeros(7 * 3600, np.int16)
    assert code_of({"array": array, "sampling_rate": 1}) == "audio_too_long"


def test_an_array_at_a_rate_that_mp3_lacks_is_resampled():
    array = tone(96_001, 96_000)[:, 0]
    mp3 = make_mp3({"array": array, "sampling_rate": 96_000}, copy_mp3=True)
    assert (mp3.info.sampling_rate, mp3.info.source_sampling_rate) == (48_000, 96_000)
    assert len(decode(mp3.data)) == mp3.info.num_samples == 48_000


def test_a_decoder_object_becomes_the_mp3_of_its_samples():
    samples = tone(9000, channels=2).astype(np.float32)
    mp3 = make_mp3(Decoder(samples.T), copy_mp3=True)
    value = {"array": samples, "sampling_rate": 16_000}
    assert mp3.data == make_mp3(value, copy_mp3=True).data
    assert (mp3.info.source_format, mp3.info.source_channels) == ("decoder", 2)
    assert mp3.info.source_path is None


def test_a_decoder_objects_first_axis_is_the_channels_however_short_the_clip():
    info = make_mp3(Decoder(np.full((8, 3), 0.5)), copy_mp3=True).info
    assert (info.source_channels, info.num_samples) == (8, 3)


def test_a_decoder_object_may_give_any_array_and_rate():
    found = SimpleNamespace(data=[[0.5, 0.5, 0.5]], sample_rate=44_100.0)
    decoder = SimpleNamespace(get_all_samples=lambda: found)
    info = make_mp3(decoder, copy_mp3=True).info
    assert (info.sampling_rate, info.num_samples) == (44_100, 3)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("no\nsuch \x1b[2Jcodec " + "x" * 5000),
        OSError(28, "No space left on device"),
        KeyError("bytes"),
        NotImplementedError(),
        AssertionError(),
    ],
)
def test_whatever_a_decoder_object_raises_is_its_rows_error(error):
    assert code_of(BrokenDecoder(error)) == "audio_undecodable"


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (None, "audio_undecodable"),
        (SimpleNamespace(data=None, sample_rate=8000), "audio_unsupported"),
        (SimpleNamespace(data=[[0.5]], sample_rate=None), "rate_unsupported"),
        (SimpleNamespace(data=np.zeros((1, 0)), sample_rate=8000), "audio_empty"),
        (SimpleNamespace(data=[[0.5], [0.5, 0.5]], sample_rate=8000), "audio_undecodable"),
    ],
)
def test_a_decoder_object_that_gives_nonsense_has_a_code_for_it(found, code):
    assert code_of(SimpleNamespace(get_all_samples=lambda: found)) == code


def test_a_stop_is_no_error_of_a_row():
    with pytest.raises(KeyboardInterrupt):
        make_mp3(BrokenDecoder(KeyboardInterrupt()), copy_mp3=True)


def test_decoder_objects_are_told_once_a_shard_at_info_and_then_at_debug(caplog):
    caplog.set_level(logging.DEBUG, "hugflow.audio")
    convert = Converter(copy_mp3=True)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(convert, [Decoder(tone(200).T) for _ in range(20)]))
    told = Counter((record.levelname, record.getMessage()) for record in caplog.records)
    assert told == {
        (level, words): count
        for level, count in (("INFO", 1), ("DEBUG", 19))
        for words in (FOUND_DECODER, CONVERTED_DECODER)
    }
    Converter(copy_mp3=True)(Decoder(tone(200).T))
    assert [record.levelname for record in caplog.records[-2:]] == ["INFO", "INFO"]


def test_the_words_are_those_that_users_search_for():
    assert FOUND_DECODER == "Found AudioDecoder object, extracting audio"
    assert CONVERTED_DECODER == "Successfully extracted and converted AudioDecoder audio"


def test_a_decoder_object_that_fails_is_found_and_not_converted(caplog):
    caplog.set_level(logging.DEBUG, "hugflow.audio")
    code_of(BrokenDecoder(RuntimeError()))
    assert [record.getMessage() for record in caplog.records] == [FOUND_DECODER]


# torch weighs more than all the rest, and where it is missing there is nothing to try: a test that
# is skipped counts as one that failed.
if find_spec("torchcodec"):

    def test_torchcodecs_own_decoder_becomes_an_mp3():
        from torchcodec.decoders import AudioDecoder

        wav = write(tone(9001, channels=2))
        mp3 = make_mp3(AudioDecoder(wav), copy_mp3=True)
        assert mp3.data == make_mp3(wav, copy_mp3=True).data
        assert (mp3.info.source_format, mp3.info.num_samples) == ("decoder", 9001)
