"""Ogg files whose pages say something else than their packets do."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugflow.audio.bad import AudioBad
from hugflow.audio.flac import frame_at, read_info
from hugflow.audio.ogg import FIRST, read_links
from hugflow.testing.speech import encode, speech_like
from tests.audio.clips import decode, id3v1, tone, write
from tests.audio.making import NO_REPAIRS, code_of, make
from tests.audio.ogg_files import (
    OggPage,
    cut_out,
    flac_in_ogg,
    join_pages,
    split_pages,
    with_granules,
    without_end,
)

SOUND = np.random.default_rng(5).uniform(-0.3, 0.3, (80_000, 1))
OGGS = {name: write(SOUND, format="OGG", subtype=name) for name in ("VORBIS", "OPUS")}
CODINGS = sorted(OGGS)
PRE_SKIP = 312


def lag_of(part, whole):
    """At which sample of the whole a part begins."""
    size = len(part) + len(whole)
    product = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    return int(np.argmax(product))


@settings(max_examples=60, deadline=None)
@given(
    coding=st.sampled_from(CODINGS),
    rate_hz=st.sampled_from([8_000, 16_000, 24_000, 48_000]),
    num_samples=st.integers(1, 60_000),
)
def test_an_ogg_of_any_length_needs_no_repair(coding, rate_hz, num_samples):
    source = write(tone(num_samples, rate_hz), rate_hz, format="OGG", subtype=coding)
    info = make(source, NO_REPAIRS)[0]
    assert (info.num_samples, info.repaired) == (len(decode(source)), ())


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(("first", "last"), [(1, 3), (2, 5), (1, 5), (3, 5)])
@pytest.mark.parametrize("early", [3_000, 7_000])
def test_a_piece_that_was_cut_out_of_an_ogg_is_decoded_from_its_first_packet_to_its_last(
    coding, first, last, early
):
    times = [page.granule for page in split_pages(OGGS[coding]) if page.granule]
    begin, end = times[first - 1], min(times[last - 1], times[-1])
    # Its first packets lie before its zero.
    piece = cut_out(OGGS[coding], first, last, begin + early)
    info, sound = make(piece)
    step = 3 if coding == "OPUS" else 1
    kept = end - begin - (PRE_SKIP if coding == "OPUS" else 0)
    # Of Vorbis, the first packet only begins what the second one ends.
    assert info.num_samples == pytest.approx(kept / step, abs=1100)
    assert info.num_samples == len(sound)
    assert info.repaired == ("ogg_granule",)
    middle = decode(OGGS[coding])[:, 0]
    starts = lag_of(sound[2000:12_000], middle) - 2000
    assert starts + len(sound) == pytest.approx((end - PRE_SKIP * (step - 1) // 2) / step, abs=1)
    assert code_of(piece, NO_REPAIRS) == "audio_undecodable"


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    "change",
    [lambda granule: 0, lambda granule: -1, lambda granule: 10_000_000 - granule, lambda _: 77],
    ids=["zero", "none", "backwards", "one"],
)
def test_an_ogg_with_broken_times_is_decoded_to_its_last_packet(coding, change):
    broken = with_granules(OGGS[coding], change)
    info, sound = make(broken)
    # Nothing says how much the last packet was filled up.
    assert 80_000 <= info.num_samples < 82_100
    assert info.repaired == ("ogg_granule",)
    assert lag_of(sound[:20_000], decode(OGGS[coding])[:, 0]) == 0
    assert code_of(broken, NO_REPAIRS) in ("audio_undecodable", "audio_truncated")


@pytest.mark.parametrize("coding", CODINGS)
def test_an_ogg_without_an_end_is_made_when_its_pages_are_whole(coding):
    info, sound = make(without_end(OGGS[coding]))
    assert (info.num_samples, info.repaired) == (80_000, ("ogg_end",))
    assert lag_of(sound[:20_000], decode(OGGS[coding])[:, 0]) == 0
    assert code_of(without_end(OGGS[coding]), NO_REPAIRS) == "audio_truncated"


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("lost", [1, 10, 1000])
def test_an_ogg_without_an_end_that_is_cut_inside_a_page_is_not_made(coding, lost):
    assert code_of(without_end(OGGS[coding])[:-lost]) == "audio_truncated"


@pytest.mark.parametrize("coding", CODINGS)
def test_a_piece_of_what_was_sent_live_begins_where_its_sound_does(coding):
    info, sound = make(with_granules(OGGS[coding], lambda granule: granule + 480_000))
    assert (info.num_samples, info.repaired) == (80_000, ())
    assert lag_of(sound[:20_000], decode(OGGS[coding])[:, 0]) == 0


@pytest.mark.parametrize("rate_hz", [48_000, 24_000, 8_000])
def test_an_opus_file_that_says_no_rate_is_decoded_at_48_khz(rate_hz):
    source = write(tone(rate_hz, rate_hz), rate_hz, format="OGG", subtype="OPUS")
    first, *others = split_pages(source)
    at = first.rest.index(b"OpusHead") + 12
    unsaid = replace(first, rest=first.rest[:at] + bytes(4) + first.rest[at + 4 :])
    info, sound = make(join_pages([unsaid, *others]))
    assert (info.source_sampling_rate, info.sampling_rate) == (48_000, 48_000)
    assert (info.num_samples, len(sound), info.repaired) == (48_000, 48_000, ())


@pytest.mark.parametrize("container", ["ogg", "opus"])
def test_an_ogg_with_a_page_lost_or_damaged_is_never_made_shorter_in_silence(container):
    data = encode(speech_like(5.0, 48_000), 48_000, container)
    pages = [page.start for page in read_links(memoryview(data))[0]] + [len(data)]
    assert len(pages) > 4
    for start, end in itertools.pairwise(pages):
        flipped = bytearray(data)
        flipped[(start + end) // 2] ^= 0x55
        assert code_of(bytes(flipped)) == "audio_truncated"
        if end < len(data):
            assert code_of(data[:start] + data[end:]) == "audio_truncated"


def test_ogg_files_one_after_another_and_what_follows_them_are_whole():
    first = encode(speech_like(0.5, 16_000), 16_000, "ogg")
    second = encode(speech_like(0.7, 16_000, seed=4), 16_000, "ogg")
    for data, seconds in (
        (first + second, 1.2),
        (first + b"TAG" + bytes(125), 0.5),
        (first + b"junk" + second, 1.2),
        (first, 0.5),
    ):
        assert make(data)[0].duration == seconds
    assert make(first + second + id3v1())[0].repaired == ()


@pytest.mark.parametrize("num_samples", [30_000, 4096, 100])
@pytest.mark.parametrize("is_length_known", [True, False])
def test_flac_in_ogg_is_flac(num_samples, is_length_known):
    flac = bytearray(write(SOUND[:num_samples], format="FLAC"))
    if not is_length_known:
        flac[21] &= 0xF0
        flac[22:26] = bytes(4)
    frames = split_frames(bytes(flac))
    granules = [min(4096 * (at + 1), num_samples) for at in range(len(frames))]
    ogg = flac_in_ogg(bytes(flac), frames, granules)
    info, sound = make(ogg, NO_REPAIRS)
    assert (info.source_format, info.num_samples, info.repaired) == ("flac", num_samples, ())
    assert np.array_equal(sound, make(write(SOUND[:num_samples], format="FLAC"))[1])
    assert code_of(ogg[:-20]) == "audio_truncated"


@pytest.mark.parametrize(
    ("magic", "name"), [(b"Speex   ", "Speex"), (b"\x80theora", "Theora"), (b"what", "unknown")]
)
def test_an_ogg_of_another_coding_is_unsupported_by_its_name(magic, name):
    page = OggPage(FIRST, 0, 5, 0, bytes([1, len(magic) + 40]) + magic + bytes(40))
    with pytest.raises(AudioBad, match=name) as caught:
        make(join_pages([page]))
    assert caught.value.code == "audio_unsupported"


@pytest.mark.parametrize("coding", CODINGS)
def test_the_sound_beside_a_film_is_taken_out_of_an_ogg(coding):
    first, *others = split_pages(OGGS[coding])
    film = [
        OggPage(FIRST if number == 0 else 0, 0, 9, number, b"\x01\x32\x80theora" + bytes(43))
        for number in range(3)
    ]
    info, sound = make(join_pages([film[0], first, film[1], *others[:3], film[2], *others[3:]]))
    assert (info.num_samples, info.repaired) == (80_000, ())
    assert np.array_equal(sound, make(OGGS[coding])[1])


def split_frames(flac: bytes) -> list[bytes]:
    """The frames of a FLAC of libsndfile's making, whose blocks are of 4096 samples."""
    starts = [at for at in range(42, len(flac)) if is_frame(flac, at)]
    numbers = [flac[at + 4] for at in starts]
    starts = [at for at, number in zip(starts, numbers, strict=True) if number < 100]
    kept = [at for want in range(100) for at in starts if flac[at + 4] == want][: len(starts)]
    return [flac[at:end] for at, end in itertools.pairwise([*sorted(kept), len(flac)])]


def is_frame(flac: bytes, at: int) -> bool:
    info = read_info(memoryview(flac))
    return info is not None and frame_at(flac[at : at + 16], at, info) is not None
