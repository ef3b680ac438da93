"""What one row's audio becomes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import BLOCK_FRAMES, ClipRules
from hugflow.audio.convert import make_mp3
from hugflow.audio.encoding import BITRATE_KBPS_BY_RATE
from hugflow.audio.mp3_frames import read_mp3
from tests.audio.clips import (
    FORMATS,
    RATES_HZ,
    decode,
    id3v1,
    id3v2,
    tone,
    write,
    write_bare_mp3,
)

SLOW_OGG = write(tone(9000), 8_000, format="OGG", subtype="VORBIS")


def encode(data):
    return make_mp3({"bytes": data, "path": None}, copy_mp3=False)


def copy(data):
    return make_mp3({"bytes": data, "path": None}, copy_mp3=True)


@settings(max_examples=80, deadline=None)
@given(rate_hz=st.sampled_from(RATES_HZ), num_samples=st.integers(1, 5000))
def test_the_decoded_length_is_the_sources(rate_hz, num_samples):
    mp3 = encode(write(tone(num_samples, rate_hz), rate_hz))
    assert len(decode(mp3.data)) == mp3.info.num_samples == num_samples


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("num_samples", [1, 2, 575, 576, 577, 1151, 1152, 1153, 200_001])
def test_the_decoded_length_holds_at_the_edges_of_frames(rate_hz, num_samples):
    mp3 = encode(write(tone(num_samples, rate_hz), rate_hz))
    assert len(decode(mp3.data)) == mp3.info.num_samples == num_samples


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_sound_stays_where_it_was(rate_hz):
    samples = tone(rate_hz, rate_hz)
    decoded = decode(encode(write(samples, rate_hz)).data)
    noise = np.square(samples - decoded).mean() / np.square(samples).mean()
    assert noise < 0.02


@pytest.mark.parametrize(("format_name", "subtype"), FORMATS)
def test_every_format_keeps_its_length_and_is_named(format_name, subtype):
    source = write(tone(30_000), format=format_name, subtype=subtype)
    info = encode(source).info
    assert info.num_samples == len(decode(source))
    assert info.sampling_rate == info.source_sampling_rate == 16_000
    assert info.bitrate_kbps == 160
    assert not info.copied
    words = {"WAVEX": "wav", "RF64": "wav"}
    word = "opus" if subtype == "OPUS" else words.get(format_name, format_name.lower())
    assert info.source_format == word


def test_the_bitrate_follows_the_rate():
    for rate_hz, kbps in BITRATE_KBPS_BY_RATE.items():
        mp3 = encode(write(tone(rate_hz, rate_hz), rate_hz))
        assert copy(mp3.data).info.bitrate_kbps == mp3.info.bitrate_kbps == kbps


@pytest.mark.parametrize("rate_hz", [768_001, 2_000_000_000])
def test_a_rate_that_no_recording_has_is_named(rate_hz):
    wav = bytearray(write(tone(1000)))
    wav[24:28] = rate_hz.to_bytes(4, "little")
    with pytest.raises(AudioBad, match=str(rate_hz)) as caught:
        encode(bytes(wav))
    assert caught.value.code == "rate_unsupported"


@pytest.mark.parametrize("channels", [2, 3, 8])
def test_channels_become_one(channels):
    samples = np.repeat(tone(20_000), channels, axis=1)
    mp3 = encode(write(samples))
    assert mp3.info.source_channels == channels
    assert decode(mp3.data).shape == (20_000, 1)
    assert mp3.data == encode(write(samples[:, :1])).data


@pytest.mark.parametrize("format_name", ["WAV", "FLAC"])
def test_an_id3_tag_in_front_changes_nothing(format_name):
    source = write(tone(9000), format=format_name)
    assert encode(id3v2() + source).data == encode(source).data
    with pytest.raises(AudioBad):
        encode(id3v2() + source[:-100])


def test_a_float_clip_with_nan_and_infinity_is_made():
    samples = tone(20_000).astype(np.float32)
    samples[100:200], samples[300], samples[301] = np.nan, np.inf, -np.inf
    samples[5000:6000] *= 50
    mp3 = encode(write(samples, subtype="FLOAT"))
    assert mp3.info.num_samples == 20_000
    assert np.isfinite(decode(mp3.data)).all()


def test_blocks_join_without_a_seam():
    samples = tone(2 * BLOCK_FRAMES + 1)
    long = encode(write(samples, format="FLAC"))
    assert long.info.num_samples == len(samples)
    decoded = decode(long.data)
    assert np.abs(samples - decoded)[BLOCK_FRAMES - 50 : BLOCK_FRAMES + 50].max() < 0.1


def test_a_flac_of_unknown_length_is_read_to_its_end():
    flac = bytearray(write(tone(100_000), format="FLAC"))
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    assert encode(bytes(flac)).info.num_samples == 100_000


def test_the_same_value_gives_the_same_bytes_in_any_thread():
    sources = [write(tone(n), format=name) for n in (900, 9000) for name in ("WAV", "OGG", "MP3")]
    alone = [encode(source).data for source in sources]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda source: encode(source).data, sources * 5)) == alone * 5


def test_bytes_in_any_buffer_give_the_same_mp3():
    wav = write(tone(5000))
    assert make_mp3(memoryview(wav), copy_mp3=False).data == encode(wav).data
    assert make_mp3(bytearray(wav), copy_mp3=False).data == encode(wav).data


def test_the_path_is_recorded_and_never_opened(tmp_path):
    (tmp_path / "clip.wav").write_bytes(write(tone(5000)))
    path = str(tmp_path / "clip.wav")
    mp3 = make_mp3({"bytes": write(tone(100)), "path": path}, copy_mp3=True)
    assert (mp3.info.source_path, mp3.info.num_samples) == (path, 100)
    with pytest.raises(AudioBad) as caught:
        make_mp3({"bytes": None, "path": path}, copy_mp3=True)
    assert caught.value.code == "audio_unsupported"


def test_duration_is_in_seconds():
    assert encode(write(tone(24_000))).info.duration == 1.5


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("front", [b"", id3v2()])
@pytest.mark.parametrize("back", [b"", id3v1()])
def test_a_sound_mono_mp3_passes_byte_for_byte(rate_hz, front, back):
    for mp3 in (
        encode(write(tone(9000, rate_hz), rate_hz)).data,
        write(tone(9000, rate_hz), rate_hz, format="MP3"),
        write_bare_mp3(tone(9000, rate_hz), rate_hz),
    ):
        source = front + mp3 + back
        copied = copy(source)
        assert copied.data == source
        assert copied.info.copied
        assert copied.info.num_samples == len(decode(source))
        assert copied.info.sampling_rate == copied.info.source_sampling_rate == rate_hz


@pytest.mark.parametrize("behind", [id3v1(), bytes(5000), b"junk" * 100])
@pytest.mark.parametrize("num_samples", [100, 30_000, 3 * BLOCK_FRAMES])
def test_what_stands_behind_a_flac_is_no_sound(behind: bytes, num_samples: int):
    flac = write(tone(num_samples), format="FLAC")
    assert copy(flac + behind).data == copy(flac).data


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_an_mp3_encoded_anew_keeps_its_length(rate_hz):
    mp3 = encode(write(tone(9000, rate_hz), rate_hz)).data
    bare = write_bare_mp3(tone(9000, rate_hz), rate_hz)
    assert encode(mp3).info.num_samples == 9000
    assert encode(bare).info.num_samples == len(decode(bare))
    assert not encode(mp3).info.copied


def test_the_mean_bitrate_of_a_copied_mp3_is_told():
    assert copy(write_bare_mp3(tone(16_000), kbps=48)).info.bitrate_kbps == 48


def test_an_mp3_of_two_channels_is_encoded_anew():
    stereo = write(tone(9000, channels=2), format="MP3")
    info = copy(stereo).info
    assert (info.copied, info.source_channels, info.num_samples) == (False, 2, 9000)


def test_an_mp3_that_libsndfile_would_leave_early_is_encoded_to_its_end():
    # Loud, then silent: by its first frames libsndfile takes the whole for much shorter.
    samples = tone(80_000)
    samples[:1600] = np.random.default_rng(1).uniform(-1, 1, (1600, 1))
    samples[1600:] *= 0.01
    bare = write_bare_mp3(samples, is_vbr=True)
    assert len(decode(bare)) < 80_000
    made = copy(bare)
    frames = read_mp3(bare).streams[0].frames
    assert not made.info.copied
    assert made.info.num_samples == frames * 576
    # What libsndfile does read of it stands where it stood.
    early, whole = decode(bare)[:, 0], decode(made.data)[:, 0]
    lag = np.correlate(early[:4000], whole[:4000], "full").argmax() - 3999
    assert lag == 0


@pytest.mark.parametrize("junk", [bytes(3000), b"garbage" * 400, b"APETAGEX" + bytes(9000)])
def test_an_mp3_with_junk_behind_it_is_encoded_anew(junk):
    bare = write_bare_mp3(tone(9000))
    info = copy(bare + junk).info
    assert (info.copied, info.num_samples) == (False, len(decode(bare)))


@pytest.mark.parametrize("is_vbr", [False, True])
def test_an_mp3_whose_length_was_not_known_yet_is_encoded_to_its_end(is_vbr):
    mp3 = bytearray(encode(write(tone(30_000))).data)
    at = read_mp3(bytes(mp3)).streams[0].promised_at
    mp3[at : at + 4] = bytes(4)
    if is_vbr:
        mp3[read_mp3(bytes(mp3)).streams[0].first.size :] = write_bare_mp3(
            tone(30_000), is_vbr=True
        )
    info = copy(bytes(mp3)).info
    assert not info.copied
    assert info.num_samples >= 30_000


def test_an_mp3_behind_another_is_encoded_with_it():
    one = encode(write(tone(30_000))).data
    info = copy(one + one).info
    assert not info.copied
    assert info.num_samples == 60_000


@pytest.mark.parametrize("junk", [b"junk" * 50, bytes(4000)])
def test_an_mp3_with_junk_inside_is_encoded_anew_and_as_long(junk):
    bare = write_bare_mp3(tone(30_000))
    info = copy(bare[: len(bare) // 2] + junk + bare[len(bare) // 2 :]).info
    assert not info.copied
    assert info.num_samples == len(decode(bare))


def test_a_file_without_samples_is_empty():
    with pytest.raises(AudioBad) as caught:
        encode(write(np.zeros((0, 1))))
    assert caught.value.code == "audio_empty"


def test_a_header_that_claims_days_is_refused_before_decoding():
    # Of a whole one, the frames would say how long it is.
    flac = bytearray(write(tone(1000), format="FLAC")[:-1])
    flac[21] |= 0x0F
    with pytest.raises(AudioBad) as caught:
        encode(bytes(flac))
    assert caught.value.code == "audio_too_long"


def test_too_many_channels_are_refused():
    with pytest.raises(AudioBad) as caught:
        encode(write(np.zeros((10, 65))))
    assert caught.value.code == "audio_unsupported"


@pytest.mark.parametrize("source", [b"junk" * 100, b"ffconcat version 1.0\nfile /etc/passwd\n"])
def test_what_is_no_audio_is_unsupported(source):
    with pytest.raises(AudioBad) as caught:
        encode(source)
    assert caught.value.code == "audio_unsupported"


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_files_one_after_another_are_one_clip(subtype):
    first, second = tone(16_000), tone(12_345)[::-1]
    files = [write(samples, format="OGG", subtype=subtype) for samples in (first, second, first)]
    mp3 = encode(b"".join(files))
    assert mp3.info.num_samples == len(decode(mp3.data)) == 44_345
    parts = np.concatenate([decode(file) for file in files])
    assert np.square(parts - decode(mp3.data)).mean() < 0.02 * np.square(parts).mean()


@pytest.mark.parametrize(
    "other",
    [
        write(tone(9000, channels=2), format="OGG", subtype="VORBIS"),
        SLOW_OGG,
        write(tone(9000), format="OGG", subtype="OPUS"),
    ],
    ids=["channels", "rate", "codec"],
)
def test_ogg_files_one_after_another_that_differ_are_one_clip_of_the_first_one_s_rate(other):
    info = encode(write(tone(16_000), format="OGG", subtype="VORBIS") + other).info
    seconds = 1 + len(decode(other)) / (8_000 if len(other) == len(SLOW_OGG) else 16_000)
    assert (info.sampling_rate, info.duration) == (16_000, pytest.approx(seconds, abs=0.001))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_any_of_ogg_files_one_after_another_that_is_cut_is_named(subtype):
    file = write(tone(16_000), format="OGG", subtype=subtype)
    for cut in (file[:-300] + file, file + file[:-300], file + file[:-300] + file):
        with pytest.raises(AudioBad) as caught:
            encode(cut)
        assert caught.value.code == "audio_truncated"


def test_the_limit_of_hours_is_that_of_ogg_files_one_after_another_too():
    file = write(tone(10_000), format="OGG", subtype="VORBIS")
    second = ClipRules(max_hours=1 / 3600)
    assert make_mp3(file, copy_mp3=True, rules=second).info.num_samples == 10_000
    with pytest.raises(AudioBad, match="longer") as caught:
        make_mp3(file + file, copy_mp3=True, rules=second)
    assert caught.value.code == "audio_too_long"
    anything = ClipRules(max_hours=0)
    assert make_mp3(file + file, copy_mp3=True, rules=anything).info.num_samples == 20_000
