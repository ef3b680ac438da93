"""What cannot be read is named for what it is."""

import base64
import gzip

import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.container import sniff_container
from hugflow.audio.convert import make_mp3
from hugflow.audio.strangers import name_stranger
from tests.audio.clips import tone, write

WAV = write(tone(3000))
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 99\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (POINTER, "a Git LFS pointer"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "an HTML page"),
        (b"\n  <html lang='en'>not found</html>", "an HTML page"),
        (gzip.compress(WAV), "gzip"),
        (b"PK\x03\x04" + bytes(50), "a zip archive"),
        (base64.b64encode(WAV), "base64 text of wav"),
        (base64.encodebytes(write(tone(3000), format="FLAC")), "base64 text of flac"),
        (b"data:audio/wav;base64," + base64.b64encode(WAV), "base64 text of wav"),
        (b"RIFF\x00\x01\x00\x00AVI LIST", "an AVI film"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "no audio format we know"),
        (b"Creative Voice File\x1a", "no audio format we know"),
        (b"just some words that are no audio at all", "no audio format we know"),
    ],
)
def test_what_is_no_audio_we_read_is_unsupported_by_its_name(data, words):
    assert sniff_container(data) is None
    with pytest.raises(AudioBad, match=words) as caught:
        make_mp3(data, copy_mp3=True)
    assert caught.value.code == "audio_unsupported"


def test_what_is_nothing_has_no_name():
    assert name_stranger(b"") is None
    assert name_stranger(b"AAAABBBBCCCCDDDDEEEEFFFF") is None


@pytest.mark.parametrize(
    ("tag", "name"),
    [(0x28F, "G.722"), (0x45, "G.726"), (0xFF, "AAC"), (0x1234, "the coding 0x1234")],
)
def test_a_wav_in_a_coding_that_libsndfile_lacks_is_unsupported_by_its_name(tag, name):
    wav = bytearray(WAV)
    wav[20:22] = tag.to_bytes(2, "little")
    assert name in unsupported(bytes(wav))


@pytest.mark.parametrize(
    ("coding", "name"), [(b"aac ", "aac"), (b"opus", "opus"), (b"\0\xff\0\0", "caf holds")]
)
def test_a_caf_in_a_coding_that_libsndfile_lacks_is_unsupported_by_its_name(coding, name):
    caf = write(tone(3000), format="CAF", subtype="PCM_16")
    assert name in unsupported(caf.replace(b"lpcm", coding, 1))


@pytest.mark.parametrize(
    ("encoding", "name"), [(10, "the coding 10"), (22, "the coding 22"), (24, "G.722")]
)
def test_an_au_in_a_coding_that_libsndfile_lacks_is_unsupported_by_its_name(encoding, name):
    au = bytearray(write(tone(3000), format="AU"))
    au[12:16] = encoding.to_bytes(4, "big")
    assert name in unsupported(bytes(au))


@pytest.mark.parametrize("bits", [25, 31, 32])
def test_a_flac_of_more_than_24_bits_is_unsupported_by_its_name(bits):
    flac = bytearray(write(tone(3000), format="FLAC"))
    packed = int.from_bytes(flac[18:26], "big") & ~(31 << 36) | bits - 1 << 36
    flac[18:26] = packed.to_bytes(8, "big")
    assert f"FLAC of {bits} bits" in unsupported(bytes(flac))


@pytest.mark.parametrize("coding", ["pcm,embedded-shorten-v2.00", "ulaw,embedded-shorten-v1.09"])
def test_sphere_with_shorten_is_unsupported_by_its_name(coding):
    header = (
        f"NIST_1A\n   1024\nsample_count -i 5\nsample_coding -s{len(coding)} {coding}\nend_head"
    )
    assert "shorten" in unsupported(header.encode().ljust(1024) + b"ajkg" + bytes(500))


def unsupported(data: bytes) -> str:
    with pytest.raises(AudioBad) as caught:
        make_mp3(data, copy_mp3=True)
    assert caught.value.code == "audio_unsupported"
    return caught.value.message
