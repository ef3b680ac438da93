"""How the frames of an MP3 are counted."""

import pytest

from hugflow.audio.mpeg import parse_frame_header, read_mp3_stream
from tests.audio.clips import decode, id3v1, id3v2, tone, write, write_bare_mp3


@pytest.mark.parametrize(
    ("word", "rate_hz", "kbps", "size"),
    [
        (0xFFFBB4C4, 48_000, 192, 576),
        (0xFFFBB0C4, 44_100, 192, 626),
        (0xFFFBB2C4, 44_100, 192, 627),
        (0xFFF3E8C4, 16_000, 160, 720),
        (0xFFE388C4, 8_000, 64, 576),
    ],
)
def test_a_header_says_how_long_its_frame_is(word, rate_hz, kbps, size):
    header = parse_frame_header(word)
    assert (header.sampling_rate, header.bitrate_kbps, header.size) == (rate_hz, kbps, size)
    assert header.channels == 1


@pytest.mark.parametrize(
    "word",
    [
        0x00000000,
        0xFFFFFFFF,
        0xFFFDB4C4,  # layer II
        0xFFEBB4C4,  # a version that does not exist
        0xFFFB04C4,  # a free bitrate
        0xFFFBF4C4,  # a bitrate that does not exist
        0xFFFBBCC4,  # a rate that does not exist
    ],
)
def test_what_is_no_header_of_layer_three_is_none(word):
    assert parse_frame_header(word) is None


@pytest.mark.parametrize("is_vbr", [False, True])
def test_frames_are_counted_as_they_decode(is_vbr):
    mp3 = write_bare_mp3(tone(16_000), is_vbr=is_vbr)
    stream = read_mp3_stream(mp3)
    assert (stream.start, stream.end) == (0, len(mp3))
    assert stream.is_tidy
    assert not stream.is_cut_short
    assert is_vbr or stream.num_samples == len(decode(mp3))


def test_id3_tags_stand_around_the_frames():
    mp3 = write_bare_mp3(tone(16_000))
    stream = read_mp3_stream(id3v2() + mp3 + id3v1())
    assert (stream.start, stream.end) == (1010, 1010 + len(mp3))
    assert stream.is_tidy


def test_a_tag_promises_frames():
    mp3 = write(tone(16_000), format="MP3")
    stream = read_mp3_stream(mp3)
    assert stream.promised == stream.frames
    shorter = read_mp3_stream(mp3[: len(mp3) - 1])
    assert shorter.is_cut_short
    assert shorter.promised == shorter.frames + 1


def test_a_gap_is_stepped_over_and_remembered():
    mp3 = write_bare_mp3(tone(16_000))
    size = read_mp3_stream(mp3).first.size
    stream = read_mp3_stream(mp3[: 5 * size] + bytes(700) + mp3[5 * size :])
    assert stream.gaps == 1
    assert not stream.is_tidy
    assert stream.frames * size == len(mp3)


def test_a_file_made_of_sync_words_is_given_up():
    mp3 = write_bare_mp3(tone(1000))
    stream = read_mp3_stream(mp3 + b"\xff\xfb" * 100_000)
    assert stream.end == len(mp3)
    assert not stream.is_tidy


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xfb\xb4\xc4", b"RIFF" * 50])
def test_what_holds_no_frame_is_none(data):
    assert read_mp3_stream(data) is None
