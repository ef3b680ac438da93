"""The frame that lets decoders return the exact length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.audio.convert import make_mp3
from hugflow.audio.info_tag import are_frames_as_tagged, crc16, render_frame_count
from hugflow.audio.mp3_frames import read_mp3
from hugflow.audio.mpeg import parse_frame_header
from tests.audio.clips import tone, write


def crc16_bit_by_bit(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def test_the_crc_is_the_one_called_arc():
    assert crc16(b"123456789") == 0xBB3D
    assert crc16(b"") == 0


@given(data=st.binary(max_size=700))
def test_the_crc_by_halves_is_the_crc_bit_by_bit(data):
    assert crc16(data) == crc16_bit_by_bit(data)


@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_the_crc_goes_on_from_the_piece_before(data, cut):
    assert crc16(memoryview(data)[cut:], crc16(data[:cut])) == crc16_bit_by_bit(data)


@pytest.mark.parametrize(("rate_hz", "side_info_size"), [(48_000, 17), (16_000, 9), (8_000, 9)])
def test_the_tag_says_what_follows_it(rate_hz, side_info_size):
    mp3 = make_mp3(write(tone(10_000, rate_hz), rate_hz), copy_mp3=False).data
    stream = read_mp3(mp3).streams[0]
    tag, music = mp3[4 + side_info_size : stream.first.size], mp3[stream.first.size :]
    assert tag[:4] == b"Info"
    assert int.from_bytes(tag[8:12], "big") == stream.frames
    assert int.from_bytes(tag[12:16], "big") == len(mp3)
    assert tag[120:129] == b"LAME3.100"
    delay, padding = divmod(int.from_bytes(tag[141:144], "big"), 4096)
    assert delay == 576
    assert stream.num_samples - delay - padding == 10_000
    assert int.from_bytes(tag[148:152], "big") == len(mp3)
    assert int.from_bytes(tag[152:154], "big") == crc16_bit_by_bit(music)
    assert int.from_bytes(tag[154:156], "big") == crc16(mp3[: 4 + side_info_size + 154])


@pytest.mark.parametrize("rate_hz", [48_000, 16_000])
def test_a_flipped_bit_in_any_byte_behind_the_sync_word_is_seen(rate_hz):
    mp3 = bytes(make_mp3(write(tone(2_000, rate_hz), rate_hz), copy_mp3=False).data)

    def is_whole(data):
        return are_frames_as_tagged(data[:1024], lambda offset: crc16(data[offset:]))

    assert is_whole(mp3)
    for at in range(3, len(mp3)):
        assert not is_whole(mp3[:at] + bytes([mp3[at] ^ 0x04]) + mp3[at + 1 :]), at


def test_a_tag_like_ours_that_another_encoder_wrote_is_not_judged():
    mp3 = make_mp3(write(tone(2_000, 48_000), 48_000), copy_mp3=False).data
    # Another table of contents, and a sum that is right.
    tag = bytearray(mp3[: 4 + 17 + 154])
    tag[4 + 17 + 50] += 1
    other = bytes(tag) + crc16(tag).to_bytes(2, "big") + mp3[len(tag) + 2 :]
    assert are_frames_as_tagged(other[:1024], lambda offset: 0)


@pytest.mark.parametrize("word", [0xFFF314C4, 0xFFF318C4, 0xFFF31404, 0xFFFB1004, 0xFFE31AC4])
def test_the_frame_that_tells_the_count_fits_whatever_the_bitrate(word):
    front, silent = render_frame_count(parse_frame_header(word), 1234)
    stream = read_mp3(front).streams[0]
    # With a silent frame of its own.
    assert (stream.promised, stream.frames) == (1235, 1)
    assert stream.spans == ((0, len(front)),)
    assert silent == stream.num_samples - 529


def test_the_tag_itself_is_silent():
    mp3 = make_mp3(write(np.zeros((1000, 1))), copy_mp3=False).data
    assert mp3[4:13] == bytes(9)
