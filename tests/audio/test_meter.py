"""Synthetic clips of known values: what the meter says of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from xxhash import xxh3_128_hexdigest

from hugflow.audio.meter import Meter, Pcm
from hugflow.audio.quality import Quality, read_quality

Reals = npt.NDArray[np.float64]
RATES_HZ = (8_000, 16_000, 44_100)


def pcm_of(sound: Reals) -> npt.NDArray[np.int16]:
    return np.rint(sound * 32768).clip(-32768, 32767).astype(np.int16)


def measure(sound: Reals, rate_hz: int = 16_000, piece: int = 65_536) -> Quality:
    meter, pcm = Meter(rate_hz), pcm_of(sound)
    for start in range(0, len(pcm), piece):
        meter.add(pcm[start : start + piece])
    return meter.quality


def times(seconds: float, rate_hz: int) -> Reals:
    return np.arange(int(seconds * rate_hz)) / rate_hz


def noise(
    count: int, power: float, below_hz: float, rate_hz: int, *, is_pink: bool = False
) -> Reals:
    """White or pink noise of that power, with nothing above a frequency."""
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1 / rate_hz)
    spectrum[frequency > below_hz] = 0
    if is_pink:
        spectrum /= np.sqrt(frequency.clip(20))
    sound = np.fft.irfft(spectrum, count)
    return sound * np.sqrt(power / np.mean(sound**2))


def voice(seconds: float, rate_hz: int) -> Reals:
    """Gliding harmonics with pauses between syllables."""
    at = times(seconds, rate_hz)
    phase = 2 * np.pi * np.cumsum(150 + 30 * np.sin(2 * np.pi * 0.7 * at)) / rate_hz
    harmonics = sum(np.sin(k * phase + k * k) / k for k in range(1, 16))
    return 0.1 * harmonics * np.clip(np.sin(2 * np.pi * 2.5 * at) + 0.3, 0, 1)


def talk(seconds: float, rate_hz: int) -> Reals:
    """Syllables and breaths of random lengths, with pauses of random lengths."""
    random = np.random.default_rng(11)
    envelope, at = np.zeros(int(seconds * rate_hz)), 0.1
    while at < seconds - 0.4:
        long = random.uniform(0.1, 0.35)
        part = slice(int(at * rate_hz), int((at + long) * rate_hz))
        envelope[part] = np.sqrt(np.hanning(part.stop - part.start)) * random.uniform(0.3, 1)
        at += long + random.choice([0.03, 0.06, 0.1, 0.3])
    breath = np.diff(random.standard_normal(len(envelope)), prepend=0)
    phase = 2 * np.pi * np.cumsum(140 + 35 * np.sin(3 * times(seconds, rate_hz))) / rate_hz
    harmonics = sum(np.sin(k * phase + k * k) / k for k in range(1, 20))
    rising = np.diff(envelope, prepend=0) > 0
    return 0.05 * envelope * (harmonics + 0.4 * breath * rising)


@pytest.mark.parametrize("level", [0.9, 0.1, 0.003])
def test_levels_are_exact_to_a_tenth_of_a_decibel(level: float):
    found = measure(level * np.sin(2 * np.pi * 440 * times(2.3, 16_000)))
    assert found.peak_dbfs == pytest.approx(20 * np.log10(level), abs=0.1)
    assert found.rms_dbfs == pytest.approx(20 * np.log10(level) - 3.01, abs=0.1)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("snr", [3, 10, 20, 35])
@pytest.mark.parametrize("kind", ["voice", "tone", "bursts"])
def test_the_signal_to_noise_ratio_is_within_a_decibel_and_a_half(
    kind: str, snr: float, rate_hz: int
):
    at = times(4, rate_hz)
    tone = 0.3 * np.sin(2 * np.pi * 700 * at)
    sound = {"voice": voice(4, rate_hz), "tone": tone, "bursts": np.where(at % 1 < 0.6, tone, 0)}
    signal = sound[kind]
    added = noise(len(at), np.mean(signal**2) / 10 ** (snr / 10), rate_hz / 2, rate_hz)
    assert measure(signal + added, rate_hz).snr == pytest.approx(snr, abs=1.5)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("snr", [0, 20, 40])
@pytest.mark.parametrize("kind", ["talk", "voice", "bursts of noise"])
@pytest.mark.parametrize(("is_pink", "offset"), [(False, 0.03), (True, 0)])
def test_so_it_is_of_speech_in_white_noise_with_an_offset_and_in_pink_noise(
    kind: str, snr: float, rate_hz: int, is_pink: bool, offset: float
):
    at = times(2.7, rate_hz)
    bursts = noise(len(at), 0.01, rate_hz / 2, rate_hz) * (at % 1 > 0.4)
    sound = {"talk": talk(2.7, rate_hz), "voice": voice(2.7, rate_hz), "bursts of noise": bursts}
    signal = sound[kind]
    power = np.mean(signal**2) / 10 ** (snr / 10)
    added = np.roll(noise(len(at), power, rate_hz / 2, rate_hz, is_pink=is_pink), 777)
    assert measure(signal + added + offset, rate_hz).snr == pytest.approx(snr, abs=1.5)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("snr", [3, 10, 20, 35])
@pytest.mark.parametrize("kind", ["harmonics", "chord", "trembling"])
def test_so_it_is_of_a_sound_without_pauses(kind: str, snr: float, rate_hz: int):
    at = times(4, rate_hz)
    phase = 2 * np.pi * 150 * at
    sound = {
        "harmonics": sum(np.sin(k * phase + k * k) / k for k in range(1, 20)),
        "chord": sum(np.sin(k * phase) for k in (1.0, 1.26, 1.5, 2.0, 2.52, 3.0)),
        "trembling": np.sin(5 * phase) * (1 + 0.5 * np.sin(2 * np.pi * 6 * at)),
    }
    signal = 0.1 * sound[kind]
    added = noise(len(at), np.mean(signal**2) / 10 ** (snr / 10), rate_hz / 2, rate_hz)
    assert measure(signal + added, rate_hz).snr == pytest.approx(snr, abs=1.5)


@pytest.mark.parametrize(
    ("below_hz", "rate_hz"), [(3_400, 8_000), (4_000, 16_000), (7_000, 44_100)]
)
@pytest.mark.parametrize("seconds", [0.5, 6])
def test_the_bandwidth_is_within_200_hz(below_hz: int, rate_hz: int, seconds: float):
    sound = noise(int(seconds * rate_hz), 0.002, below_hz, rate_hz)
    assert measure(sound, rate_hz).bandwidth_hz == pytest.approx(below_hz, abs=200)
    tone = 0.4 * np.sin(2 * np.pi * below_hz * times(seconds, rate_hz))
    assert measure(tone, rate_hz).bandwidth_hz == pytest.approx(below_hz, abs=200)


def test_clipped_samples_silence_and_offset_are_counted():
    half_silent = np.concatenate([np.zeros(16_000), np.full(16_000, 0.25)])
    half_silent[20_000:20_320] = 1.5
    found = measure(half_silent)
    assert found.clipped == 0.01
    assert found.silence == pytest.approx(0.5, abs=0.02)
    assert measure(voice(2, 16_000) + 0.05).dc_offset == pytest.approx(0.05, abs=0.001)
    assert measure(np.full(4_000, -1.0)).clipped == 1


@pytest.mark.parametrize("count", [0, 1, 100, 40_000])
def test_of_digital_silence_there_is_no_level_no_ratio_and_no_bandwidth(count: int):
    found = measure(np.zeros(count))
    assert (found.peak_dbfs, found.rms_dbfs, found.snr, found.bandwidth_hz) == (None, None, None, 0)
    assert (found.silence, found.clipped, found.dc_offset) == (1, 0, 0)


def test_of_a_clip_too_short_to_tell_noise_from_signal_there_is_no_ratio():
    assert measure(voice(0.1, 16_000)).snr is None


def test_the_figures_do_not_depend_on_how_a_clip_is_cut_nor_on_the_thread():
    sound = voice(20, 16_000) + noise(320_000, 1e-5, 8_000, 16_000)
    with ThreadPoolExecutor(4) as pool:
        found = set(
            pool.map(lambda piece: measure(sound, piece=piece), [997, 4_096, 65_536, 10**6])
        )
    assert found == {measure(sound)}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_blocks_pass_unchanged_where_the_decoder_writes_over_them(count: int):
    sound = pcm_of(voice(1.2, 16_000))
    parts = [part[:, None] for part in np.split(sound, 4)]
    block = np.empty_like(parts[0])

    def decode() -> Iterator[Pcm]:
        for part in parts[:count]:
            block[:] = part
            yield block
        block[:] = 0

    meter, alone = Meter(16_000), Meter(16_000)
    passed = [given.copy() for given in meter.watch(decode())]
    assert [given.tolist() for given in passed] == [part.tolist() for part in parts[:count]]
    for more in ([], parts[count:]):
        for part in more:
            meter.add(part[:, 0])
        for part in more or parts[:count]:
            alone.add(part[:, 0])
        assert meter.quality == alone.quality


def test_the_hash_is_of_the_samples():
    sound = voice(1, 16_000)
    assert measure(sound).pcm == xxh3_128_hexdigest(pcm_of(sound).tobytes())


def test_memory_does_not_grow_with_the_clip():
    meter = Meter(8_000)
    block = pcm_of(noise(65_536, 0.01, 4_000, 8_000))
    for _ in range(200):
        meter.add(block)
    assert sum(frames.nbytes for frames in (*meter._kept, *meter._first)) < 1 << 20
    assert meter.quality.rms_dbfs == pytest.approx(-20, abs=0.1)


def test_figures_survive_json_and_other_values_are_refused():
    found = measure(voice(1, 16_000))
    assert read_quality(found.to_json()) == found
    assert read_quality(None) is None
    wrong: list[Any] = [7, "x", {**found.to_json(), "snr": "high"}, {"snr": 1.0}]
    for value in wrong:
        with pytest.raises(TypeError):
            read_quality(value)
