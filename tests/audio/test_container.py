"""What a file's framing promises."""

import itertools

import numpy as np
import pytest

from hugflow.audio.container import (
    id3v2_size,
    is_cut_short,
    name_stranger,
    sniff_container,
    split_ogg_links,
)
from hugflow.testing.speech import encode, speech_like
from tests.audio.clips import FORMATS, id3v1, id3v2, tone, write

FRAMED = [pair for pair in FORMATS if pair[0] not in ("FLAC", "MP3")]


@pytest.mark.parametrize(("format_name", "subtype"), FORMATS)
def test_a_container_shows_in_its_first_bytes(format_name, subtype):
    expected = {"WAVEX": "wav", "RF64": "wav"}.get(format_name, format_name.lower())
    data = write(tone(500), format=format_name, subtype=subtype)
    assert sniff_container(data) == expected
    assert sniff_container(id3v2() + data) == expected
    assert sniff_container(memoryview(data)[:12]) == expected


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x00\x00\x00\x20ftypM4A ", "m4a"),
        (b"\x1a\x45\xdf\xa3" + bytes(20), "webm"),
        (b"\xff\xf1" + bytes(20), "aac"),
        (b"ffconcat version 1.0\n", "no audio"),
        (b"Creative Voice File\x1a", "no audio"),
        (b"", "no audio"),
    ],
)
def test_a_stranger_never_reaches_libsndfile(data, name):
    assert sniff_container(data) is None
    assert name in name_stranger(data)


@pytest.mark.parametrize(("format_name", "subtype"), FRAMED)
@pytest.mark.parametrize("num_samples", [1, 999, 1000])
def test_a_whole_file_is_not_cut_short(format_name, subtype, num_samples):
    data = write(tone(num_samples), format=format_name, subtype=subtype)
    container = sniff_container(data)
    assert not is_cut_short(data, container)
    assert not is_cut_short(data + id3v1(), container)
    assert not is_cut_short(data + bytes(2000), container)


@pytest.mark.parametrize(("format_name", "subtype"), FRAMED)
@pytest.mark.parametrize("lost", [2, 3, 100, 400])
def test_a_file_that_ends_early_is_cut_short(format_name, subtype, lost):
    data = write(tone(1000), format=format_name, subtype=subtype)
    assert is_cut_short(data[:-lost], sniff_container(data))


def test_chunks_behind_the_samples_may_be_missing():
    wav = write(tone(100))
    assert not is_cut_short(wav + b"LIST\x00\x10\x00\x00IN", "wav")


def test_the_byte_that_makes_a_chunk_even_may_be_missing():
    wav = write(tone(101), subtype="PCM_U8")
    assert len(wav) % 2 == 0
    assert not is_cut_short(wav[:-1], "wav")


@pytest.mark.parametrize("size", [0, 0x7FFF_F000, 0xFFFF_FFFF])
def test_a_size_that_was_not_known_promises_nothing(size):
    wav = bytearray(write(tone(100)))
    wav[40:44] = size.to_bytes(4, "little")
    assert not is_cut_short(bytes(wav), "wav")


def test_a_file_of_countless_chunks_is_given_up():
    wav = b"RIFF\x00\x00\x00\x00WAVE" + b"junk\x00\x00\x00\x00" * 200_000
    assert not is_cut_short(wav, "wav")


def test_a_broken_id3_tag_is_no_tag():
    assert id3v2_size(b"ID3\x04\x00\x00\xff\xff\xff\xff" + bytes(50)) == 0
    assert id3v2_size(b"ID3\x04") == 0
    assert id3v2_size(id3v2(300) + id3v2(20) + np.zeros(9, np.uint8).tobytes()) == 340


def ogg_pages(data: bytes) -> list[int]:
    """Where each page of an Ogg file begins."""
    return [at for at in range(len(data)) if data[at : at + 4] == b"OggS"]


@pytest.mark.parametrize("container", ["ogg", "opus"])
def test_an_ogg_file_with_a_page_lost_or_damaged_is_never_made_shorter_in_silence(container):
    data = encode(speech_like(5.0, 48_000), 48_000, container)
    pages = [*ogg_pages(data), len(data)]
    assert not is_cut_short(data, "ogg")
    assert len(pages) > 4
    for start, end in itertools.pairwise(pages):
        flipped = bytearray(data)
        flipped[(start + end) // 2] ^= 0x55
        assert is_cut_short(bytes(flipped), "ogg")
        assert is_cut_short(data[:start] + data[end:], "ogg")


def test_ogg_files_one_after_another_and_what_follows_them_are_whole():
    first = encode(speech_like(0.5, 16_000), 16_000, "ogg")
    second = encode(speech_like(0.7, 16_000, seed=4), 16_000, "ogg")
    assert not is_cut_short(first + second, "ogg")
    assert not is_cut_short(first + b"TAG" + bytes(125), "ogg")
    assert split_ogg_links(first + b"junk" + second) == [first + b"junk", second]
    assert split_ogg_links(first) == [first]


def test_an_ogg_file_in_front_of_another_that_lacks_its_end_is_cut_short():
    first = encode(speech_like(5.0, 16_000), 16_000, "ogg")
    assert is_cut_short(first[: ogg_pages(first)[-1]] + first, "ogg")
