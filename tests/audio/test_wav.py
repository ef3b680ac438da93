"""WAVs whose sizes are not what is there, MP3 inside WAV, and the other containers of samples."""

import itertools
import struct

import numpy as np
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.convert import make_mp3
from tests.audio.clips import decode, id3v1, tone, write, write_bare_mp3
from tests.audio.making import NO_REPAIRS, code_of, make

WAV = write(tone(32_000))
SAMPLES = len(WAV) - 44
STEREO = write(tone(9_000, channels=2))
DEEP = write(tone(9_000), subtype="PCM_24")


def with_sizes(wav, riff, data):
    """The same WAV with other sizes of the file and of its samples."""
    at = wav.index(b"data") + 4
    return wav[:4] + struct.pack("<I", riff) + wav[8:at] + struct.pack("<I", data) + wav[at + 4 :]


@pytest.mark.parametrize("wav", [WAV, STEREO, DEEP], ids=["mono", "stereo", "24 bits"])
@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (lambda wav: 0, lambda wav: 0),
        (lambda wav: 36, lambda wav: 0),
        (lambda wav: len(wav) - 8, lambda wav: 0),
        (lambda wav: len(wav) - 8, len),
        (lambda wav: len(wav) - 8, lambda wav: len(wav) - 8),
        (len, len),
        (lambda wav: len(wav) - 8, lambda wav: 4096),
    ],
    ids=["zero", "header", "no data", "whole file", "riff's", "both whole", "not all yet"],
)
def test_a_wav_with_wrong_sizes_is_made_as_long_as_its_samples(wav, riff, data):
    broken = with_sizes(wav, riff(wav), data(wav))
    info, sound = make(broken)
    assert info.repaired == ("wav_size",)
    assert np.array_equal(sound, make(wav)[1])
    assert code_of(broken, NO_REPAIRS) in ("audio_truncated", "audio_empty")


@pytest.mark.parametrize("wav", [WAV, STEREO, DEEP], ids=["mono", "stereo", "24 bits"])
@pytest.mark.parametrize("riff", [lambda data: 36 + data, lambda _: 36, lambda _: 0])
@pytest.mark.parametrize("data", [12_000, 24_000])
def test_a_wav_whose_header_was_written_before_its_end_is_made_whole(wav, riff, data):
    early = with_sizes(wav, riff(data), data)
    info, sound = make(early)
    assert info.repaired == ("wav_size",)
    assert np.array_equal(sound, make(wav)[1])
    assert code_of(early, NO_REPAIRS) == "audio_truncated"


def test_a_wav_whose_header_was_written_before_its_end_keeps_the_file_behind_it():
    info, _ = make(with_sizes(WAV, 36 + 12_000, 12_000) + STEREO)
    assert (info.num_samples, info.repaired) == (41_000, ("wav_size",))


@pytest.mark.parametrize(
    "behind",
    [
        b'<xmp note="a person" />\n' * 400,
        "Größe der Aufnahme, übrigens\n".encode() * 300,
        bytes(9_000),
        bytes(4_000) + b"a note" * 9 + bytes(4_000),
        b"APETAGEX" + bytes(range(256)) * 20,
        b"PK\x03\x04" + bytes(range(256)) * 20,
        bytes(range(1, 200)) * 2,
    ],
    ids=["text", "words", "zeros", "note in zeros", "tag", "zip", "few bytes"],
)
def test_what_is_no_sound_behind_a_wav_makes_it_no_longer(behind):
    info, _ = make(WAV + behind)
    assert (info.num_samples, info.repaired) == (32_000, ())


@pytest.mark.parametrize("size", [2_560, 9_999_999])
@pytest.mark.parametrize("pad", [b"", b"\0"])
def test_a_chunk_without_padding_or_with_a_wrong_size_is_no_sound(size, pad):
    odd = write(tone(9_001), subtype="PCM_24")
    assert len(odd) % 2 == 0  # padded by libsndfile
    picture = b"id3 " + struct.pack("<I", size) + bytes(range(256)) * 10
    info, _ = make(odd[:-1] + pad + picture)
    assert (info.num_samples, info.repaired) == (9_001, ())


def test_a_wav_without_a_size_that_ends_inside_a_sample_ends_before_it():
    assert make(with_sizes(STEREO, 0, 0)[:-3])[0].num_samples == 8_999


@pytest.mark.parametrize("riff", [0, 36])
def test_silence_without_a_size_is_as_long_as_it_is(riff):
    info, sound = make(with_sizes(write(np.zeros((9_000, 1))), riff, 0))
    assert (info.num_samples, info.repaired, info.level) == (9_000, ("wav_size",), None)
    assert not sound.any()
    assert code_of(with_sizes(WAV[:44] + bytes(500), riff, 0)) == "audio_empty"


@pytest.mark.parametrize("channels", [1, 2])
def test_an_rf64_without_sizes_is_as_long_as_its_samples(channels):
    whole = write(tone(9_000, channels=channels), format="RF64")
    at = whole.index(b"ds64") + 8
    info, sound = make(whole[:at] + bytes(24) + whole[at + 24 :])
    assert (info.source_format, info.repaired) == ("wav", ("wav_size",))
    assert np.array_equal(sound, make(whole)[1])


@pytest.mark.parametrize("behind", [b"LIST\x04\0\0\0INFO", b"id3 \x02\0\0\0xx"])
def test_a_wav_of_no_samples_is_empty_whatever_follows(behind):
    empty = with_sizes(WAV[:44], 36 + len(behind), 0) + behind
    assert code_of(empty) == "audio_empty"
    assert code_of(with_sizes(WAV[:44], 36, 0)) == "audio_empty"


@pytest.mark.parametrize("behind", [id3v1(), bytes(500), b"LIST\x04\0\0\0INFO"])
def test_what_is_known_to_be_no_sound_is_none(behind):
    info, _ = make(with_sizes(WAV, len(WAV) + len(behind) - 8, SAMPLES) + behind)
    assert (info.num_samples, info.repaired) == (32_000, ())


@pytest.mark.parametrize("lost", [2, 8, 36, 44, 100, 30_000])
def test_a_wav_that_is_cut_is_not_taken_for_one_that_counts_its_header(lost):
    assert code_of(WAV[:-lost]) == "audio_truncated"


@pytest.mark.parametrize("count", [2, 3])
def test_wavs_one_behind_the_other_are_decoded_to_the_end(count):
    info, sound = make(b"".join([WAV, STEREO, DEEP][:count]))
    assert info.num_samples == [32_000, 41_000, 50_000][count - 1]
    assert (info.repaired, len(sound)) == ((), info.num_samples)
    assert code_of((WAV + STEREO)[:-100]) == "audio_truncated"


def mp3_in_wav(mp3, rate_hz, *, coding=0x55, channels=1, behind=b""):
    """An MP3 as the samples of a WAV."""
    extra = struct.pack("<HHIHHH", 12, 1, 2, 1152, 1, 1393)
    body = struct.pack("<HHIIHH", coding, channels, rate_hz, 8000, 1, 0) + extra
    chunks = b"fmt " + struct.pack("<I", len(body)) + body
    chunks += b"fact" + struct.pack("<II", 4, 1)
    chunks += b"data" + struct.pack("<I", len(mp3)) + mp3 + behind
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


LOUD_FIRST = tone(80_000)
LOUD_FIRST[:1600] = np.random.default_rng(1).uniform(-1, 1, (1600, 1))
LOUD_FIRST[1600:] *= 0.01
INSIDE = {
    "constant": (write_bare_mp3(tone(32_000)), 16_000),
    "variable": (write_bare_mp3(LOUD_FIRST, is_vbr=True), 16_000),
    "fast": (write_bare_mp3(tone(96_000, 48_000), 48_000, kbps=96), 48_000),
    "tagged": (make_mp3(WAV, copy_mp3=False).data, 16_000),
}


@pytest.mark.parametrize("name", sorted(INSIDE))
@pytest.mark.parametrize("behind", [b"", b"LIST\x04\0\0\0INFO"])
def test_an_mp3_inside_a_wav_is_as_long_as_its_frames(name, behind):
    mp3, rate_hz = INSIDE[name]
    with make_mp3(mp3, copy_mp3=False) as alone:
        expected = decode(alone.data)[:, 0]
    info, sound = make(mp3_in_wav(mp3, rate_hz, behind=behind))
    assert (info.source_format, info.copied, info.repaired) == ("wav", False, ())
    assert np.array_equal(sound, expected)


@pytest.mark.parametrize("name", sorted(INSIDE))
@pytest.mark.parametrize("lost", [1, 100, 3000])
def test_an_mp3_inside_a_wav_that_is_cut_is_named(name, lost):
    assert code_of(mp3_in_wav(*INSIDE[name])[:-lost]) == "audio_truncated"
    # Cut before it was put into the WAV.
    mp3, rate_hz = INSIDE[name]
    assert code_of(mp3_in_wav(mp3[:-lost], rate_hz)) == "audio_truncated"


OTHERS = [
    *itertools.product(
        ["W64", "CAF", "NIST", "RF64", "AIFF", "AU"], ["PCM_16", "PCM_24", "PCM_32"]
    ),
    ("NIST", "ULAW"),
    ("NIST", "ALAW"),
    ("CAF", "ALAC_16"),
    ("W64", "FLOAT"),
    ("AU", "ULAW"),
]
NAMES = {"NIST": "sphere", "RF64": "wav"}


@pytest.mark.parametrize(("format_name", "subtype"), OTHERS)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_container_of_speech_corpora_is_made_and_named(format_name, subtype, channels):
    source = write(tone(9_000, channels=channels), format=format_name, subtype=subtype)
    info, _ = make(source, NO_REPAIRS)
    assert (info.num_samples, info.source_channels) == (9_000, channels)
    assert info.source_format == NAMES.get(format_name, format_name.lower())


@pytest.mark.parametrize(("format_name", "subtype"), OTHERS)
@pytest.mark.parametrize("share", np.linspace(0.02, 0.99, 20))
def test_a_container_of_speech_corpora_that_is_cut_anywhere_is_not_made(
    format_name, subtype, share
):
    source = write(tone(2_000), format=format_name, subtype=subtype)
    try:
        info, _ = make(source[: int(share * len(source))])
    except AudioBad:
        return
    assert info.num_samples == 2_000
