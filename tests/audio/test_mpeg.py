"""How the frames of an MP3 are counted."""

import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.mp3_frames import read_mp3
from hugflow.audio.mpeg import parse_frame_header, parse_header
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
    file = read_mp3(mp3)
    (stream,) = file.streams
    assert stream.spans == ((0, len(mp3)),)
    assert file.is_tidy
    assert file.missing is None
    assert is_vbr or stream.num_samples == len(decode(mp3))


def test_id3_tags_stand_around_the_frames():
    mp3 = write_bare_mp3(tone(16_000))
    file = read_mp3(id3v2() + mp3 + id3v1())
    assert file.streams[0].spans == ((1010, 1010 + len(mp3)),)
    assert file.is_tidy


def test_a_tag_promises_frames():
    mp3 = write(tone(16_000), format="MP3")
    (stream,) = read_mp3(mp3).streams
    assert stream.promised == stream.frames
    shorter = read_mp3(mp3[: len(mp3) - 1])
    assert "whole frames of the" in shorter.missing
    assert shorter.streams[0].promised == shorter.streams[0].frames + 1


def test_a_gap_is_stepped_over_and_remembered():
    mp3 = write_bare_mp3(tone(16_000))
    size = read_mp3(mp3).streams[0].first.size
    file = read_mp3(mp3[: 5 * size] + bytes(700) + mp3[5 * size :])
    (stream,) = file.streams
    assert stream.spans == ((0, 5 * size), (5 * size + 700, len(mp3) + 700))
    assert not file.is_tidy
    assert (file.repaired, file.junk_size, file.missing) == (("mp3_junk",), 700, None)
    assert stream.frames * size == len(mp3)


def test_a_file_made_of_sync_words_is_given_up():
    mp3 = write_bare_mp3(tone(1000))
    file = read_mp3(mp3 + b"\xff\xfb" * 100_000)
    assert file.streams[0].spans == ((0, len(mp3)),)
    assert file.junk_size == 200_000
    assert not file.is_tidy


@pytest.mark.parametrize("between", [b"\xff" * 20_000, b"\xff\xfb" * 50_000, b"\xff\xe3" * 9_999])
def test_frames_behind_many_sync_words_are_found(between):
    first, second = write_bare_mp3(tone(40_000)), write_bare_mp3(tone(30_000))
    file = read_mp3(first + between + second)
    assert sum(stream.size_bytes for stream in file.streams) == len(first) + len(second)
    assert (file.repaired, file.junk_size) == (("mp3_junk",), len(between))


@pytest.mark.parametrize("header", [0xFFFBB4C4, 0xFFF3E8C4, 0xFFE388C4])
def test_frames_behind_too_many_headers_without_a_frame_are_an_error(header):
    mp3 = write_bare_mp3(tone(4_000))
    with pytest.raises(AudioBad, match="look like frames"):
        read_mp3(mp3 + (header.to_bytes(4, "big") + b"xyz") * 12_000 + mp3)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xfb\xb4\xc4", b"RIFF" * 50])
def test_what_holds_no_frame_is_none(data):
    assert read_mp3(data) is None


@pytest.mark.parametrize(
    ("word", "rate_hz", "kbps", "samples", "size"),
    [
        (0xFFFD84C4, 48_000, 128, 1152, 384),  # layer II
        (0xFFF584C4, 24_000, 64, 1152, 384),  # layer II at half the rate
        (0xFFFF84C4, 48_000, 256, 384, 256),  # layer I
        (0xFFFF86C4, 48_000, 256, 384, 260),  # layer I, a slot of four bytes longer
    ],
)
def test_other_layers_have_other_sizes(word, rate_hz, kbps, samples, size):
    header = parse_header(word)
    assert (header.sampling_rate, header.bitrate_kbps) == (rate_hz, kbps)
    assert (header.samples, header.size) == (samples, size)
