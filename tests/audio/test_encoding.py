"""Other rates, bitrates and qualities than the default, exact in length."""

import io

import numpy as np
import pytest
import soundfile

from hugflow.audio.clip import ClipRules
from hugflow.audio.convert import make_mp3
from hugflow.audio.encoding import BITRATE_KBPS_BY_RATE, Encoding, bitrates_at
from hugflow.audio.mp3 import Mp3
from hugflow.audio.mpeg import FrameHeader, parse_frame_header
from tests.audio.clips import tone, write, write_bare_mp3

PAIRS = [(rate, kbps) for rate in BITRATE_KBPS_BY_RATE for kbps in bitrates_at(rate)]


def make(clip: bytes, *, copy_mp3: bool = False, **asked: int) -> Mp3:
    rules = ClipRules(encoding=Encoding(**asked))
    return make_mp3({"bytes": clip, "path": "clip"}, copy_mp3=copy_mp3, rules=rules)


def second_frame(mp3: Mp3) -> FrameHeader:
    """The first frame behind the Info tag."""
    tag = parse_frame_header(int.from_bytes(mp3.data[:4], "big"))
    assert tag is not None
    found = parse_frame_header(int.from_bytes(mp3.data[tag.size : tag.size + 4], "big"))
    assert found is not None
    return found


@pytest.mark.parametrize(("rate_hz", "kbps"), PAIRS)
def test_every_bitrate_of_the_tables_gives_exactly_the_samples(rate_hz: int, kbps: int) -> None:
    for frames in (1, rate_hz // 7, 3_001):
        mp3 = make(write(tone(frames), rate_hz), bitrate_kbps=kbps)
        samples, rate = soundfile.read(io.BytesIO(mp3.data))
        assert (len(samples), rate) == (frames, rate_hz)
        assert (mp3.info.num_samples, mp3.info.bitrate_kbps) == (frames, kbps)
        assert second_frame(mp3).bitrate_kbps == kbps


@pytest.mark.parametrize("quality", range(10))
def test_every_quality_keeps_length_and_time(quality: int) -> None:
    sound = np.cumsum(np.random.default_rng(quality).normal(size=16_000))
    sound /= 2 * np.abs(sound).max()
    samples, _ = soundfile.read(io.BytesIO(make(write(sound), quality=quality).data))
    assert len(samples) == len(sound)
    likeness = {
        shift: np.corrcoef(np.roll(samples, shift)[9:-9], sound[9:-9])[0, 1]
        for shift in range(-3, 4)
    }
    assert max(likeness, key=likeness.__getitem__) == 0


def test_a_sample_rate_only_lowers() -> None:
    lowered = make(write(tone(44_100), 44_100), sample_rate=16_000)
    assert (lowered.info.sampling_rate, lowered.info.num_samples) == (16_000, 16_000)
    assert lowered.info.bitrate_kbps == 160
    kept = make(write(tone(8_000), 8_000), sample_rate=16_000)
    assert (kept.info.sampling_rate, kept.info.num_samples) == (8_000, 8_000)


def test_a_bitrate_that_a_rate_lacks_is_the_nearest_lower_one() -> None:
    asked = Encoding(bitrate_kbps=256)
    assert [asked.bitrate_for(rate) for rate in (48_000, 16_000, 8_000)] == [256, 160, 64]
    assert Encoding(bitrate_kbps=8).bitrate_for(48_000) == 32


def test_the_default_is_what_it_was() -> None:
    clip = write(tone(16_000))
    assert make(clip).data == make_mp3({"bytes": clip, "path": "clip"}, copy_mp3=False).data


@pytest.mark.parametrize(
    ("asked", "is_copied"),
    [
        ({}, True),
        ({"quality": 5}, True),
        ({"sample_rate": 16_000}, True),
        ({"sample_rate": 8_000}, False),
        ({"bitrate_kbps": 64}, True),
        ({"bitrate_kbps": 160}, False),
    ],
)
def test_an_mp3_is_copied_only_if_it_is_what_is_asked_for(
    asked: dict[str, int], is_copied: bool
) -> None:
    source = write_bare_mp3(tone(16_000))
    first = parse_frame_header(int.from_bytes(source[:4], "big"))
    assert first is not None
    assert (first.sampling_rate, first.bitrate_kbps) == (16_000, 64)
    assert make(source, copy_mp3=True, **asked).info.copied is is_copied
