"""What LAME's quality costs and gives: `python bench/mp3_quality.py`.

Made-up speech at 16 kHz and made-up music at 44.1 kHz, at each of some values of `mp3_quality`: CPU
seconds of LAME for an hour, bytes of an hour, and how far the decoded MP3 is from its source, as the
log-spectral distance: the mean over frames of 32 ms of the root mean square difference of their
spectra in dB, no deeper than 60 dB below the loudest.
"""

import io
import time

import numpy as np
import numpy.typing as npt
import soundfile
from encode import CASES, make_clip

from hugflow.audio.clip import ClipRules
from hugflow.audio.convert import make_mp3
from hugflow.audio.encoding import Encoding

QUALITIES = (0, 2, 3, 5, 7)
SECONDS = 30.0
ROUNDS = 3
FLOOR_DB = 60.0
Sound = npt.NDArray[np.float64]


def main() -> None:
    """Measure, and print the table."""
    speech, _ = soundfile.read(io.BytesIO(make_clip(CASES[0], 1)), dtype="float64")
    sounds = {
        "speech": (np.tile(speech, 3)[: int(SECONDS * 16_000)], 16_000),
        "music": make_music(),
    }
    print("| quality | sound | CPU s an hour | MB an hour | spectral distance, dB |")
    print("| --- | --- | --- | --- | --- |")
    for name, (sound, rate_hz) in sounds.items():
        for quality in QUALITIES:
            cpu_s, size, distance_db = measure(sound, rate_hz, quality)
            hours = len(sound) / rate_hz / 3600
            print(
                f"| {quality} | {name} | {cpu_s / hours:.0f} | {size / hours / 1e6:.1f} "
                f"| {distance_db:.2f} |"
            )


def measure(sound: Sound, rate_hz: int, quality: int) -> tuple[float, int, float]:
    """CPU seconds, bytes and distance of one sound."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate_hz, format="WAV", subtype="PCM_16")
    rules = ClipRules(encoding=Encoding(quality=quality))
    spent: list[float] = []
    data = b""
    for _ in range(ROUNDS):
        began = time.process_time()
        data = make_mp3(file.getvalue(), copy_mp3=False, rules=rules).data
        spent.append(time.process_time() - began)
    decoded, _ = soundfile.read(io.BytesIO(data), dtype="float64")
    return min(spent), len(data), distance(sound, decoded, rate_hz)


def distance(one: Sound, other: Sound, rate_hz: int) -> float:
    """The log-spectral distance in dB."""
    first, second = (spectra_db(each, rate_hz) for each in (one, other))
    floor = first.max() - FLOOR_DB
    gap = np.maximum(first, floor) - np.maximum(second, floor)
    return float(np.sqrt(np.square(gap).mean(axis=1)).mean())


def spectra_db(sound: Sound, rate_hz: int) -> Sound:
    """The spectra of frames of 32 ms, in dB."""
    size = 1 << int(np.log2(rate_hz * 0.032))
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[:: size // 2]
    found: Sound = 20 * np.log10(np.abs(np.fft.rfft(frames * np.hanning(size))) + 1e-9)
    return found


def make_music() -> tuple[Sound, int]:
    """Chords with overtones, a beat of noise, and a cymbal, at 44.1 kHz."""
    rate_hz, random = 44_100, np.random.default_rng(1)
    time_s = np.arange(int(SECONDS * rate_hz)) / rate_hz
    sound = np.zeros_like(time_s)
    for beat, root_hz in enumerate([220.0, 261.6, 174.6, 196.0] * 4):
        at_s = time_s - beat * SECONDS / 16
        held = (at_s >= 0) * np.exp(-1.5 * np.clip(at_s, 0, None))
        for step in (1, 1.26, 1.5):
            for overtone in range(1, 9):
                hz = root_hz * step * overtone
                sound += 0.05 / overtone * held * np.sin(2 * np.pi * hz * time_s)
    noise = random.standard_normal(len(time_s))
    beat_s = time_s % 0.5
    sound += 0.1 * noise * np.exp(-30 * beat_s)
    sound += 0.02 * np.diff(noise, prepend=0.0) * np.exp(-8 * ((time_s + 0.25) % 0.5))
    return 0.8 * sound / np.abs(sound).max(), rate_hz


if __name__ == "__main__":
    main()
