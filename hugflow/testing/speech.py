"""Synthetic sound that behaves like speech, and encoded files of it.

A voice is a pulse train, which is a sum of harmonics, heard through formants that glide from vowel
to vowel; between the vowels there are bursts of noise, between the phrases pauses. It is no
language, but it has pitch, silence, loud and soft parts like speech, and it is the same in every
process.
"""

import io
import zlib
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

Container = Literal["flac", "wav", "mp3", "ogg", "opus"]
Samples = npt.NDArray[np.float32]

# The first three formants of five vowels, in Hz.
VOWELS_HZ = np.array(
    [[730, 1090, 2440], [270, 2290, 3010], [300, 870, 2240], [530, 1840, 2480], [570, 840, 2410]]
)
FORMANT_WIDTHS_HZ = np.array([90.0, 120.0, 180.0])
FORMANT_GAINS = np.array([1.0, 0.5, 0.2])
LOWEST_PITCH_HZ = 80.0
MOST_HARMONICS = 48
SYLLABLES_PER_S = 4.5
SYLLABLES_PER_PHRASE = 7
PEAK = 0.7

_FORMATS = {
    "flac": ("FLAC", "PCM_16"),
    "wav": ("WAV", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
}
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def speech_like(seconds: float, sample_rate_hz: int, *, seed: int = 0) -> Samples:
    """A clip that sounds like a person talking.

    Returns float32, shape (frames,), within [-0.7, 0.7]. Another seed is another voice saying
    something else; the same seed is the same clip.
    """
    random = np.random.default_rng(seed)
    frames = round(seconds * sample_rate_hz)
    if frames == 0:
        return np.zeros(0, np.float32)
    at_s = np.arange(frames) / sample_rate_hz
    count = max(1, round(seconds * SYLLABLES_PER_S))
    starts_s = (np.arange(count) + random.uniform(0.0, 0.3, count)) / SYLLABLES_PER_S

    is_pause = (np.arange(count) % SYLLABLES_PER_PHRASE) == SYLLABLES_PER_PHRASE - 1
    loudness = np.where(is_pause, 0.0, random.uniform(0.5, 1.0, count))
    now = np.clip(np.searchsorted(starts_s, at_s, side="right") - 1, 0, None)
    since_s = at_s - starts_s[now]
    swell = np.sin(np.pi * np.clip(since_s * SYLLABLES_PER_S, 0.0, 1.0)) ** 0.7
    envelope = swell * loudness[now]

    pitch_hz = _pitch(at_s, starts_s, random)
    formants_hz = VOWELS_HZ[random.integers(len(VOWELS_HZ), size=count)]
    voice = _voice(at_s, pitch_hz, starts_s, formants_hz, sample_rate_hz)
    hiss = np.diff(random.standard_normal(frames + 1)) * np.exp(-np.abs(since_s) / 0.02)
    is_hissed = random.random(count) < 0.5
    hiss *= (is_hissed & ~is_pause)[now]

    signal = _to_full_scale(voice * envelope) + 0.08 * hiss
    return np.asarray(PEAK * _to_full_scale(signal), np.float32)


def encode(samples: Samples, sample_rate_hz: int, container: Container) -> bytes:
    """A clip as a file: 16-bit FLAC or WAV, MP3, Ogg Vorbis or Ogg Opus.

    samples: float32, shape (frames,) or (frames, channels). Opus knows 8, 12, 16, 24 and 48 kHz.
    """
    name, subtype = _FORMATS[container]
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate_hz, format=name, subtype=subtype)
    content = file.getvalue()
    return _with_fixed_serial(content) if name == "OGG" else content


def _pitch(
    at_s: npt.NDArray[np.float64],
    starts_s: npt.NDArray[np.float64],
    random: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """A melody that falls through each phrase and rises a little on each syllable, in Hz."""
    base_hz = random.uniform(95.0, 210.0)
    place = (np.arange(len(starts_s)) % SYLLABLES_PER_PHRASE) / SYLLABLES_PER_PHRASE
    tones = 1.15 - 0.3 * place + random.uniform(-0.06, 0.06, len(starts_s))
    vibrato = 1.0 + 0.01 * np.sin(2 * np.pi * 5.0 * at_s)
    return np.maximum(LOWEST_PITCH_HZ, base_hz * np.interp(at_s, starts_s, tones) * vibrato)


def _voice(
    at_s: npt.NDArray[np.float64],
    pitch_hz: npt.NDArray[np.float64],
    starts_s: npt.NDArray[np.float64],
    formants_hz: npt.NDArray[np.int64],
    sample_rate_hz: int,
) -> npt.NDArray[np.float64]:
    """The harmonics of a pitch, each as loud as the formants around it allow."""
    # Vowels change slowly: a hundred points a second are enough, and the rest is interpolated.
    coarse_s = np.arange(0.0, at_s[-1] + 0.02, 0.01)
    coarse_hz = np.stack([np.interp(coarse_s, starts_s, track) for track in formants_hz.T])
    coarse_pitch_hz = np.interp(coarse_s, at_s, pitch_hz)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate_hz
    twice_cosine = 2 * np.cos(phase)
    before, tone = np.zeros_like(phase), np.sin(phase)
    voice = np.zeros_like(phase)
    for number in range(1, MOST_HARMONICS + 1):
        harmonic_hz = coarse_pitch_hz * number
        distance = (harmonic_hz - coarse_hz) / FORMANT_WIDTHS_HZ[:, None]
        gain = (FORMANT_GAINS[:, None] / (1.0 + distance**2)).sum(axis=0) / number**0.4
        gain[harmonic_hz > 0.45 * sample_rate_hz] = 0.0
        voice += np.interp(at_s, coarse_s, gain) * tone
        # sin((n+1)x) = 2 cos(x) sin(nx) - sin((n-1)x)
        before, tone = tone, twice_cosine * tone - before
    return voice


def _to_full_scale(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return signal / max(float(np.abs(signal).max()), 1e-9)


def _with_fixed_serial(ogg: bytes, serial: int = 1) -> bytes:
    """The same Ogg stream with a fixed serial number; libsndfile takes it from the clock.

    Every page names the serial at byte 14 and its own checksum at byte 22:
    https://www.rfc-editor.org/rfc/rfc3533#section-6
    """
    pages = []
    while ogg:
        count = ogg[26]
        size = 27 + count + sum(ogg[27 : 27 + count])
        page, ogg = bytearray(ogg[:size]), ogg[size:]
        page[14:18] = serial.to_bytes(4, "little")
        page[22:26] = bytes(4)
        page[22:26] = _ogg_checksum(bytes(page)).to_bytes(4, "little")
        pages.append(bytes(page))
    return b"".join(pages)


def _ogg_checksum(page: bytes) -> int:
    """Ogg's CRC-32: zlib's polynomial, but bits the other way round and nothing inverted."""
    mirrored = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
