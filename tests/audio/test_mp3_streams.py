"""MP3s that are more than one row of frames: each frame of sound is decoded, or the clip is named."""

import itertools

import numpy as np
import pytest

from hugflow.audio.convert import make_mp3
from hugflow.audio.mp3_frames import read_mp3
from tests.audio.clips import decode, id3v1, id3v2, tone, write, write_bare_mp3
from tests.audio.making import NO_REPAIRS, code_of, make

BARE = write_bare_mp3(tone(32_000))
STEREO = write_bare_mp3(tone(32_000, channels=2))
FAST = write_bare_mp3(tone(44_100, 22_050), 22_050)
FASTEST = write_bare_mp3(tone(96_000, 48_000), 48_000, kbps=96)
TAGGED = make_mp3(write(tone(30_000)), copy_mp3=False).data
SECONDS = {
    id(BARE): len(decode(BARE)) / 16_000,
    id(STEREO): len(decode(STEREO)) / 16_000,
    id(FAST): len(decode(FAST)) / 22_050,
    id(FASTEST): len(decode(FASTEST)) / 48_000,
}
APE = b"APETAGEX" + (2000).to_bytes(4, "little") + (300).to_bytes(4, "little")
APE += bytes(4) + (0xA000_0000).to_bytes(4, "little") + bytes(8)


def likeness(first, second):
    """How alike two sounds of one length are, at the same time: 1 for the same."""
    return np.dot(first, second) / np.sqrt(np.dot(first, first) * np.dot(second, second))


@pytest.mark.parametrize(
    "parts",
    [
        (BARE, STEREO),
        (STEREO, BARE),
        (BARE, FAST),
        (FAST, BARE, FASTEST),
        (FASTEST, STEREO, FASTEST, BARE),
    ],
    ids=["mono, stereo", "stereo, mono", "rate", "three rates", "all of it"],
)
def test_an_mp3_that_changes_on_the_way_is_decoded_to_its_end(parts):
    info, sound = make(b"".join(parts))
    assert info.duration == pytest.approx(sum(SECONDS[id(part)] for part in parts), abs=0.001)
    # The last part is there, and the first is where it was.
    rate_hz, last = info.sampling_rate, SECONDS[id(parts[-1])]
    assert np.abs(sound[-round(last * rate_hz) :]).mean() > 0.1
    assert likeness(sound[:20_000], decode(parts[0]).mean(axis=1)[:20_000]) > 0.9


def test_the_frames_of_an_mp3_that_changes_are_all_counted():
    file = read_mp3(BARE + STEREO + BARE)
    assert [stream.first.channels for stream in file.streams] == [1, 2, 1]
    assert sum(stream.size_bytes for stream in file.streams) == len(BARE + STEREO + BARE)
    assert (file.repaired, file.missing, file.junk_size) == ((), None, 0)


@pytest.mark.parametrize(
    "between", [b"", id3v1(), id3v2(), id3v1() + id3v2(300)], ids=["", "v1", "v2", "v1 and v2"]
)
def test_mp3s_one_behind_the_other_are_as_long_as_all_of_them_and_none_is_late(between):
    other = make_mp3(write(tone(20_000)[::-1]), copy_mp3=False).data
    info, sound = make(TAGGED + between + other + between + TAGGED)
    assert info.num_samples == 80_000
    assert not info.copied
    parts = np.concatenate([decode(part)[:, 0] for part in (TAGGED, other, TAGGED)])
    assert likeness(sound, parts) > 0.98


@pytest.mark.parametrize(
    ("data", "num_samples"),
    [
        (BARE + TAGGED, len(decode(BARE)) + 30_000),
        (TAGGED + BARE, len(decode(BARE)) + 30_000),
        (TAGGED + STEREO + TAGGED, len(decode(STEREO)) + 60_000),
    ],
    ids=["bare, tagged", "tagged, bare", "tagged, stereo, tagged"],
)
def test_an_mp3_that_tells_its_length_ends_there_and_another_begins(data, num_samples):
    assert make(data)[0].num_samples == num_samples


@pytest.mark.parametrize(
    "data",
    [
        BARE[:-100] + STEREO,
        BARE + STEREO[:-100],
        BARE + STEREO[:-100] + BARE,
        TAGGED[:-1000] + TAGGED,
        TAGGED + FAST[:-1],
        BARE[:5000] + BARE[5100:],
    ],
)
def test_an_mp3_of_which_any_part_is_cut_is_named(data):
    assert code_of(data) == "audio_truncated"


@pytest.mark.parametrize("rate_hz", [48_000, 16_000, 8_000])
def test_the_info_frame_of_an_mp3_with_checksums_is_found(rate_hz):
    mp3 = bytearray(make_mp3(write(tone(9000, rate_hz), rate_hz), copy_mp3=False).data)
    ((start, end),) = read_mp3(bytes(mp3)).streams[0].spans
    size = read_mp3(bytes(mp3)).streams[0].first.size
    for at in itertools.takewhile(lambda at: at < end, itertools.count(start, size)):
        # Says that a checksum follows. What decodes is not sound, but it is as long.
        mp3[at + 1] &= 0xFE
    info, sound = make(bytes(mp3))
    assert (info.num_samples, info.copied, len(sound)) == (9000, True, 9000)


@pytest.mark.parametrize("share", np.linspace(0.04, 0.99, 20))
@pytest.mark.parametrize("source", [BARE, TAGGED, BARE + STEREO], ids=["bare", "tagged", "two"])
def test_an_mp3_cut_anywhere_is_named_or_as_long_as_its_frames(source, share):
    kept = source[: int(share * len(source))]
    if read_mp3(kept).missing is not None:
        assert code_of(kept) == "audio_truncated"
        return
    info, sound = make(kept)
    assert info.num_samples == len(sound)
    assert sum(stream.num_samples for stream in read_mp3(kept).streams) == info.num_samples


def id3_of(told: int, body: int) -> bytes:
    """A tag that says another size than it has."""
    return id3v2(body)[:6] + id3v2(told)[6:10] + b"c" * body


@pytest.mark.parametrize(
    ("front", "code"),
    [
        (bytes(417), "mp3_junk"),
        (b"\0", "mp3_junk"),
        (bytes(100_000)[:9_000], "mp3_junk"),
        (b"garbage" * 200, "mp3_junk"),
        (BARE[288 - 100 : 288], "mp3_junk"),
        (id3v2(200) + bytes(100), "mp3_junk"),
        (id3_of(150, 200), "mp3_id3_size"),
        (id3_of(250, 200), "mp3_id3_size"),
        (id3_of(20_000, 200), "mp3_id3_size"),
        (id3_of(0, 3000), "mp3_id3_size"),
    ],
)
@pytest.mark.parametrize("mp3", [BARE, TAGGED, STEREO], ids=["bare", "tagged", "stereo"])
def test_an_mp3_behind_something_else_is_as_long_as_its_frames(front, code, mp3):
    info, sound = make(front + mp3)
    assert (info.num_samples, len(sound)) == (len(decode(mp3)), len(decode(mp3)))
    assert (info.repaired, info.copied) == ((code,), False)
    assert likeness(sound, decode(mp3).mean(axis=1)) > 0.98
    assert code_of(front + mp3, NO_REPAIRS) == "audio_undecodable"


@pytest.mark.parametrize(
    ("between", "codes"),
    [
        (bytes(4096), ("mp3_junk",)),
        (b"garbage" * 500, ("mp3_junk",)),
        (bytes(3), ("mp3_junk",)),
        (APE + bytes(range(1, 251)) + bytes(50), ()),
        (id3_of(150, 200), ("mp3_id3_size",)),
        (id3v1() + bytes(700), ("mp3_junk",)),
    ],
)
@pytest.mark.parametrize("others", [(BARE,), (STEREO, TAGGED)], ids=["two", "three"])
def test_mp3s_with_something_between_them_are_all_decoded(between, codes, others):
    info, _ = make(between.join((BARE, *others)))
    assert info.num_samples == sum(len(decode(mp3)) for mp3 in (BARE, *others))
    assert info.repaired == codes


def test_an_mp3_that_was_cut_out_of_a_stream_begins_with_its_first_whole_frame():
    size = read_mp3(BARE).streams[0].first.size
    info, _ = make(BARE[size + 50 :])
    assert info.num_samples == len(decode(BARE)) - 2 * 576
    assert info.repaired == ("mp3_junk",)


@pytest.mark.parametrize("mp3", [BARE, STEREO, FASTEST], ids=["mono", "stereo", "48 kHz"])
def test_a_vbri_frame_is_no_sound(mp3):
    first = read_mp3(mp3).streams[0].first
    vbri = (first.word & ~0x200 | 0x1_0000).to_bytes(4, "big") + bytes(32) + b"VBRI\0\x01"
    info, sound = make(vbri.ljust(first.size - bool(first.word & 0x200), b"\0") + mp3)
    assert (info.num_samples, info.copied) == (len(decode(mp3)), False)
    assert likeness(sound, decode(mp3).mean(axis=1)) > 0.98


def test_an_mp3_of_free_bitrate_is_counted():
    # Each frame of 64 kbit/s with the index of the bitrate set to `free`.
    mp3 = bytearray(BARE)
    size = read_mp3(BARE).streams[0].first.size
    for at in range(2, len(mp3), size):
        mp3[at] &= 0x0F
    info, sound = make(bytes(mp3))
    assert (info.num_samples, len(sound)) == (len(decode(BARE)),) * 2
    assert likeness(sound, decode(BARE)[:, 0]) > 0.98
    assert code_of(bytes(mp3[:-10])) == "audio_truncated"
