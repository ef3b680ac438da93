"""Bytes that lie: nothing crashes, and nothing is made shorter in silence.

What holds when a file is cut anywhere: of wav, flac, aiff, au, ogg and opus, and of an MP3 with a
Xing or Info tag, nothing is made. Of an MP3 without a tag nothing is made either, unless the cut
falls between two frames; then the file is a whole one that says nothing of the rest.
"""

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugflow.audio.bad import REASONS, AudioBad
from hugflow.audio.convert import make_mp3
from hugflow.audio.mp3_frames import read_mp3
from tests.audio.clips import FORMATS, decode, id3v2, tone, write, write_bare_mp3

SOURCES = {
    f"{name} {subtype}": write(tone(8000), format=name, subtype=subtype)
    for name, subtype in FORMATS
}
BARE = write_bare_mp3(tone(8000))


def try_to_make(data, *, copy_mp3=True):
    """The MP3, or the error that says why there is none."""
    try:
        return make_mp3({"bytes": data, "path": None}, copy_mp3=copy_mp3)
    except AudioBad as bad:
        error = bad
    assert error.code in REASONS
    assert error.message.isprintable()
    assert len(error.message) <= 300
    return error


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(SOURCES)), share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_not_made(name, share):
    source = SOURCES[name]
    made = try_to_make(source[: int(share * len(source))])
    # Behind the samples may stand chunks, or the byte that makes one even.
    if not isinstance(made, AudioBad):
        assert made.info.num_samples == len(decode(source))


@pytest.mark.parametrize("name", sorted(SOURCES))
@pytest.mark.parametrize("lost", [1, 2, 3, 5, 100])
def test_a_file_without_its_last_bytes_is_not_made(name, lost):
    made = try_to_make(SOURCES[name][:-lost])
    assert isinstance(made, AudioBad) or made.info.num_samples == 8000


@settings(max_examples=100, deadline=None)
@given(kept=st.integers(0, len(BARE) - 1), copy_mp3=st.booleans())
def test_an_mp3_without_a_tag_is_made_when_the_cut_is_between_frames(kept, copy_mp3):
    made = try_to_make(BARE[:kept], copy_mp3=copy_mp3)
    if kept % read_mp3(BARE).streams[0].first.size:
        assert isinstance(made, AudioBad)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("WAV PCM_16", "audio_truncated"),
        ("AIFF PCM_16", "audio_truncated"),
        ("AU PCM_16", "audio_truncated"),
        ("OGG VORBIS", "audio_truncated"),
        ("OGG OPUS", "audio_truncated"),
        ("MP3 MPEG_LAYER_III", "audio_truncated"),
        ("FLAC PCM_16", "audio_undecodable"),
    ],
)
def test_half_a_file_has_a_code(name, code):
    assert try_to_make(SOURCES[name][: len(SOURCES[name]) // 2]).code == code


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_are_bad_audio(data):
    assert isinstance(try_to_make(data), AudioBad)


@pytest.mark.parametrize(
    "magic",
    [b"RIFF....WAVE", b"RF64....WAVE", b"FORM....AIFF", b".snd", b"dns.", b"OggS", b"fLaC",
     b"\xff\xfb\x90\xc4", b"\xff\xf3\xe8\xc4", id3v2(20), b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f"],
)  # fmt: skip
def test_arbitrary_bytes_behind_a_good_beginning_are_bad_audio(magic):
    randomness = random.Random(magic)  # noqa: S311
    for size in (0, 1, 7, 30, 200, 3000):
        assert isinstance(try_to_make(magic + randomness.randbytes(size)), AudioBad)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_damaged_files_are_made_or_named_and_what_is_made_decodes(name, capfd):
    randomness = random.Random(name)  # noqa: S311
    for _ in range(12):
        damaged = bytearray(SOURCES[name])
        for _ in range(randomness.choice((1, 4, 30))):
            reach = randomness.choice((64, len(damaged)))
            damaged[randomness.randrange(reach)] = randomness.randrange(256)
        made = try_to_make(bytes(damaged))
        if not isinstance(made, AudioBad):
            assert len(decode(made.data)) == made.info.num_samples
    # An exception in the file that libsndfile reads could not be caught, only seen here.
    assert "cffi" not in capfd.readouterr().err


@pytest.mark.parametrize("tail", [bytes(20_000), random.Random(1).randbytes(20_000)])  # noqa: S311
def test_an_mp3_that_is_mostly_something_else_is_bad(tail):
    assert try_to_make(BARE[: 8 * read_mp3(BARE).streams[0].first.size] + tail).code == (
        "audio_undecodable"
    )


def test_a_message_never_holds_the_audio():
    secret = b"hf_secretsecretsecret"
    for data in (secret * 20, b"RIFF" + secret * 20, b"fLaC" + secret * 20, b".snd" + secret * 20):
        error = try_to_make(data)
        assert "secret" not in f"{error} {error.message}"


def test_the_bytes_handed_in_are_never_written_to():
    source = bytearray(SOURCES["WAV PCM_16"])
    before = io.BytesIO(source).getvalue()
    try_to_make(source)
    assert source == before
