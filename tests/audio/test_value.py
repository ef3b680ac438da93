"""Which shapes of audio value are recognised."""

import pyarrow as pa
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.value import EncodedAudio, read_audio_value


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
        ({"bytes": None, "path": "/etc/passwd"}, "audio_unsupported"),
        ({"array": [0.0], "sampling_rate": 8000}, "audio_unsupported"),
        ({"bytes": "text"}, "audio_unsupported"),
        ("a.wav", "audio_unsupported"),
        (7, "audio_unsupported"),
    ],
)
def test_what_holds_no_bytes_has_a_code_for_it(value, code):
    with pytest.raises(AudioBad) as caught:
        read_audio_value(value)
    assert caught.value.code == code


def test_a_message_is_one_short_printable_line():
    with pytest.raises(AudioBad) as caught:
        read_audio_value({"path": "\x1b[2J\n\u202e" + "x" * 5000})
    assert caught.value.message.isprintable()
    assert len(caught.value.message) <= 300
    assert r"\x1b[2J\n\u202e" in caught.value.message
