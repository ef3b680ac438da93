"""Which shapes of audio value are recognised."""

import pyarrow as pa
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.value import (
    DecoderAudio,
    EncodedAudio,
    NamedAudio,
    SampledAudio,
    read_audio_value,
)


@pytest.mark.parametrize(
    "raw", [b"abc", bytearray(b"abc"), memoryview(b"abc"), pa.py_buffer(b"abc")]
)
def test_bytes_are_taken_raw_or_in_a_struct(raw):
    assert bytes(read_audio_value(raw).data) == b"abc"
    assert bytes(read_audio_value({"bytes": raw, "path": None}).data) == b"abc"


def test_an_arrow_buffer_is_not_copied():
    buffer = pa.array([b"abc"], pa.binary())[0].as_buffer()
    view = read_audio_value({"bytes": buffer, "path": "a.wav"}).data
    assert isinstance(view, memoryview)
    assert view.format == "B"
    assert pa.py_buffer(view).address == buffer.address


def test_the_path_is_carried_along_as_text():
    assert read_audio_value({"bytes": b"abc", "path": "../../etc/passwd"}) == EncodedAudio(
        b"abc", "../../etc/passwd"
    )
    assert read_audio_value({"bytes": b"abc"}).path is None
    assert read_audio_value({"bytes": b"abc", "path": 7}).path is None


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "audio_missing"),
        ({}, "audio_missing"),
        ({"bytes": None, "path": None}, "audio_missing"),
        ({"bytes": None, "path": ""}, "audio_missing"),
        (b"", "audio_empty"),
        ({"bytes": b"", "path": "a.wav"}, "audio_empty"),
        ({"bytes": None, "path": 7}, "audio_missing"),
        ({"bytes": None, "array": None, "sampling_rate": 8000, "path": None}, "audio_missing"),
        ({"bytes": "text"}, "audio_unsupported"),
        ("a.wav", "audio_unsupported"),
        (7, "audio_unsupported"),
    ],
)
def test_what_holds_no_audio_has_a_code_for_it(value, code):
    with pytest.raises(AudioBad) as caught:
        read_audio_value(value)
    assert caught.value.code == code


def test_bytes_win_over_an_array_and_an_array_over_a_path():
    array, path = [0.5], "a.wav"
    whole = {"bytes": b"abc", "array": array, "sampling_rate": 8000, "path": path}
    assert read_audio_value(whole) == EncodedAudio(b"abc", path)
    assert read_audio_value(whole | {"bytes": None}) == SampledAudio(array, 8000, path)
    assert read_audio_value(whole | {"bytes": None, "array": None}) == NamedAudio(path)


def test_what_decodes_itself_is_not_asked_yet():
    class Decoder:
        def get_all_samples(self):
            raise AssertionError

    decoder = Decoder()
    assert read_audio_value(decoder) == DecoderAudio(decoder)


def test_what_was_recognised_is_recognised_again():
    for value in (b"abc", {"path": "a.wav"}, {"array": [0.5], "sampling_rate": 8000}):
        audio = read_audio_value(value)
        assert read_audio_value(audio) is audio
