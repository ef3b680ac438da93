"""What a file's framing promises."""

import numpy as np
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.container import id3v2_size, sniff_container
from hugflow.audio.convert import make_mp3
from tests.audio.clips import FORMATS, id3v1, id3v2, tone, write

FRAMED = [pair for pair in FORMATS if pair[0] not in ("FLAC", "MP3")]


@pytest.mark.parametrize(("format_name", "subtype"), FORMATS)
def test_a_container_shows_in_its_first_bytes(format_name, subtype):
    expected = {"WAVEX": "wav", "RF64": "wav"}.get(format_name, format_name.lower())
    data = write(tone(500), format=format_name, subtype=subtype)
    assert sniff_container(data) == expected
    assert sniff_container(id3v2() + data) == expected
    assert sniff_container(memoryview(data)[:12]) == expected


@pytest.mark.parametrize(("format_name", "subtype"), FRAMED)
@pytest.mark.parametrize("num_samples", [1, 999, 1000])
def test_a_whole_file_is_not_cut_short(format_name, subtype, num_samples):
    data = write(tone(num_samples), format=format_name, subtype=subtype)
    for behind in (b"", id3v1(), bytes(2000)):
        info = make_mp3(data + behind, copy_mp3=True).info
        assert (info.num_samples, info.repaired) == (num_samples, ())


@pytest.mark.parametrize(("format_name", "subtype"), FRAMED)
@pytest.mark.parametrize("lost", [2, 3, 100, 400])
def test_a_file_that_ends_early_is_cut_short(format_name, subtype, lost):
    data = write(tone(1000), format=format_name, subtype=subtype)
    assert code_of(data[:-lost]) == "audio_truncated"


def test_chunks_behind_the_samples_may_be_missing():
    wav = write(tone(100))
    assert make_mp3(wav + b"LIST\x00\x10\x00\x00IN", copy_mp3=True).info.num_samples == 100


def test_the_byte_that_makes_a_chunk_even_may_be_missing():
    wav = write(tone(101), subtype="PCM_U8")
    assert len(wav) % 2 == 0
    assert make_mp3(wav[:-1], copy_mp3=True).info.num_samples == 101


@pytest.mark.parametrize("size", [0x7FFF_F000, 0xFFFF_FFFF])
def test_a_size_that_was_not_known_promises_nothing(size):
    wav = bytearray(write(tone(100)))
    wav[40:44] = size.to_bytes(4, "little")
    info = make_mp3(bytes(wav), copy_mp3=True).info
    assert (info.num_samples, info.repaired) == (100, ())


def test_a_file_of_countless_chunks_is_given_up():
    wav = b"RIFF\x00\x00\x00\x00WAVE" + b"junk\x00\x00\x00\x00" * 200_000
    assert code_of(wav) == "audio_undecodable"


def test_a_broken_id3_tag_is_no_tag():
    assert id3v2_size(b"ID3\x04\x00\x00\xff\xff\xff\xff" + bytes(50)) == 0
    assert id3v2_size(b"ID3\x04") == 0
    assert id3v2_size(id3v2(300) + id3v2(20) + np.zeros(9, np.uint8).tobytes()) == 340


def code_of(data: bytes) -> str:
    with pytest.raises(AudioBad) as caught:
        make_mp3(data, copy_mp3=True)
    return caught.value.code
